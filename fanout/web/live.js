// A client of matchwire's event stream, in one module and without dependencies.
//
//   import { follow } from "https://…/live.js";
//   const stream = follow("wss://example.org/ws", {
//     topics: ["soccer.mls.*"], match: [], team: [], // all that is left out or empty: everything
//     snapshot(matches, cursor) { … },  // the state of all matches: at first, and when history is gone
//     event(event, cursor) { … },       // a CloudEvents object; none comes twice, those of a match in order
//     state(name, seconds) { … },       // "connecting", "live", "waiting" for so many seconds, "ended"
//   });
//   stream.subscribe({ team: ["Toronto FC"] });
//   stream.unsubscribe({ topics: ["soccer.mls.*"] });
//   stream.close();
//
// It reconnects by itself, after a time that grows to half a minute and is never
// the same for all, and goes on at its cursor. Other options: token, a string or
// a function that returns one or a promise of one; delay, in seconds; from, a
// Date or an RFC 3339 text, with speed; conflate; cursor, for who still has the
// state that belongs to it: there is no snapshot then.

// To come back the same way would end the same way.
const fatal = new Set([1002, 1003, 1007, 1009, 4002]);
// Who said or wanted too much had better wait.
const later = new Set([1013, 4008]);

export function follow(url, options = {}) {
  const { snapshot = () => {}, event = () => {}, state = () => {} } = options;
  const wants = { topics: [...(options.topics ?? [])], match: [...(options.match ?? [])], team: [...(options.team ?? [])] };
  let cursor = options.cursor ?? "";
  let failures = 0, socket = null, timer = null, ended = false;
  let nothing = false; // all was unsubscribed from: that is not everything
  let made = false, unsaid = []; // whether there is an address, and what has changed since

  async function connect() {
    state("connecting");
    let at;
    try {
      at = await address();
    } catch { // the token could not be had
      return retry();
    }
    if (ended) return;
    const s = new WebSocket(at);
    const silence = watch(s);
    socket = s;
    s.onopen = () => {
      for (const frame of unsaid) s.send(frame);
      unsaid = [];
    };
    s.onmessage = ({ data }) => {
      if (s !== socket) return;
      silence.broken();
      take(JSON.parse(data));
    };
    s.onclose = ({ code, reason }) => {
      silence.end();
      if (s !== socket) return;
      socket = null;
      made = false;
      unsaid = [];
      if (ended) return;
      if (fatal.has(code)) {
        ended = true;
        return state("ended", 0, reason);
      }
      retry(later.has(code) ? 5 : 0);
    };
  }

  function take(frame) {
    if (frame.cursor) cursor = frame.cursor;
    if ("resumed" in frame) {
      failures = 0;
      if (frame.snapshot) snapshot(frame.snapshot.matches, frame.cursor);
      state("live");
    } else if (frame.event) {
      event(frame.event, frame.cursor);
    }
  }

  // Never all clients at once: they were parted at once, too.
  function retry(least = 0) {
    const most = Math.min(30, 2 ** Math.min(failures, 5));
    const pause = least + most * (failures === 0 ? Math.random() : 0.5 + Math.random() / 2);
    failures++;
    state("waiting", Math.ceil(pause));
    timer = setTimeout(connect, pause * 1000);
  }

  async function address() {
    const token = typeof options.token === "function" ? await options.token() : options.token;
    made = true;
    const at = new URL(url, globalThis.location?.href);
    at.protocol = at.protocol.replace("http", "ws");
    const q = at.searchParams;
    if (wants.topics.length) q.set("topics", wants.topics.join(","));
    for (const list of ["match", "team"]) for (const one of wants[list]) q.append(list, one);
    for (const plain of ["delay", "speed", "conflate"]) if (options[plain] != null) q.set(plain, options[plain]);
    if (options.from != null) q.set("from", options.from instanceof Date ? options.from.toISOString() : options.from);
    if (nothing) q.set("nothing", "true");
    if (cursor) q.set("cursor", cursor);
    if (token) q.set("token", token);
    return at;
  }

  // change tells the server now; the next time it is part of the address.
  function change(how, lists) {
    const any = () => Object.values(wants).some((l) => l.length);
    const some = any();
    for (const [list, names] of Object.entries(lists)) {
      const rest = wants[list].filter((n) => !names.includes(n));
      wants[list] = how === "subscribe" ? [...rest, ...names] : rest;
    }
    nothing = !any() && (nothing || (how === "unsubscribe" && some));
    const frame = JSON.stringify({ [how]: lists });
    if (socket?.readyState === WebSocket.OPEN) socket.send(frame);
    else if (made) unsaid.push(frame);
    else cursor = ""; // what is new needs a snapshot
  }

  connect();
  return {
    get cursor() { return cursor; },
    subscribe: (lists) => change("subscribe", lists),
    unsubscribe: (lists) => change("unsubscribe", lists),
    close() {
      ended = true;
      clearTimeout(timer);
      socket?.close(1000);
      socket = null;
      state("ended", 0, "");
    },
  };
}

// watch finds a connection that died without a word: a browser hides the
// server's pings, so after a silence it asks for an answer, and gives up on the
// connection if none comes.
function watch(socket) {
  let timer;
  const broken = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (socket.readyState === WebSocket.OPEN) socket.send('{"ping":1}');
      timer = setTimeout(() => socket.close(), 10000);
    }, 20000);
  };
  broken();
  return { broken, end: () => clearTimeout(timer) };
}
