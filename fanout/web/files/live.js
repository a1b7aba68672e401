// A client for the event stream of matchwire, without dependencies.
//
//   import { follow } from "https://…/live.js";
//   const stream = follow("wss://example.org/ws", {
//     topics: ["soccer.mls.*"], match: [], team: [], // an empty or missing list selects everything
//     snapshot(matches, cursor, partial) { … }, // the state of the selected matches; partial: some are missing
//     event(event, cursor) { … },          // a CloudEvents object; each event once, in order for each match
//     state(name, seconds, reason) { … },  // "connecting", "live", "waiting" (for seconds) or "ended"; reason: why
//   });
//   stream.subscribe({ team: ["Toronto FC"] });
//   stream.unsubscribe({ topics: ["soccer.mls.*"] });
//   stream.close();
//
// The first frame is a snapshot. After a lost connection, the client waits for a random time of at
// most 35 seconds. Then it reconnects and continues after its cursor. It receives a snapshot again
// if the log no longer has the missed events, or after a change of the filter. While the page is
// visible, a dead connection is noticed within 10 seconds, and soon after the machine wakes up or is
// online again. matches.js keeps the state of the matches. The other options are:
//
//   token     a string, or a function that returns a string or a promise of a string
//   delay     a delay in seconds
//   from      a Date or an RFC 3339 string: the time to play back from
//   speed     the speed of the playback, as a multiple of real time
//   conflate  whether to receive a snapshot, instead of a close frame, when this client is too slow
//   cursor    the cursor to continue after; there is no first snapshot, so you need the state at the cursor

// Close codes after which the client does not reconnect, because the node would close the new
// connection too.
const fatal = new Set([1002, 1003, 1007, 1009, 4002]);
// Close codes after which the client waits 5 seconds longer before it reconnects.
const later = new Set([1013, 4008]);

export function follow(url, options = {}) {
  const { snapshot = () => {}, event = () => {}, state = () => {} } = options;
  const filter = { topics: [...(options.topics ?? [])], match: [...(options.match ?? [])], team: [...(options.team ?? [])] };
  let cursor = options.cursor ?? "";
  let failures = 0, socket = null, timer = null, ended = false;
  let nothing = false; // whether the filter selects nothing, because its last entry was removed
  let hasAddress = false; // whether the address of the current connection is built
  let unsent = []; // frames to send when the connection is open

  async function connect() {
    timer = null;
    state("connecting", 0, "");
    let at;
    try {
      at = await address();
    } catch (error) { // the token function failed, or the URL is invalid
      return retry(0, error.message);
    }
    if (ended) return;
    const s = new WebSocket(at);
    let opened = false;
    let lost = false; // whether leave was called
    const watchdog = watch(s, () => leave("no answer from the server"));
    socket = s;
    // leave ends the use of the connection. It does not wait for the closing handshake, which takes long
    // if the network is gone.
    async function leave(why, code = 1006) {
      if (lost) return;
      lost = true;
      watchdog.stop();
      s.close();
      if (s !== socket) return;
      socket = null;
      hasAddress = false;
      unsent = [];
      if (ended) return;
      if (fatal.has(code)) return end(why);
      if (opened) return retry(later.has(code) ? 5 : 0, why);
      state("waiting", 0, "");
      const refused = await refusal(at);
      if (ended) return;
      const final = [400, 403].includes(refused.status) || (refused.status === 401 && typeof options.token !== "function");
      if (final) end(refused.reason);
      else retry(refused.status ? 5 : 0, refused.reason);
    }
    s.onopen = () => {
      opened = true;
      watchdog.reset();
      for (const frame of unsent) s.send(frame);
      unsent = [];
    };
    s.onmessage = ({ data }) => {
      if (s !== socket) return;
      watchdog.reset();
      receive(JSON.parse(data));
    };
    s.onclose = ({ code, reason }) => leave(reason, code);
  }

  function receive(frame) {
    if (frame.cursor) cursor = frame.cursor;
    if ("resumed" in frame) {
      failures = 0;
      if (frame.snapshot) snapshot(frame.snapshot.matches, frame.cursor, !!frame.snapshot.partial);
      if (!ended) state("live", 0, ""); // snapshot can call close
    } else if (frame.event) {
      event(frame.event, frame.cursor);
    }
  }

  // retry reconnects after a random pause, because many clients may lose their connections together.
  // least is the minimum pause in seconds.
  function retry(least, reason) {
    const most = Math.min(30, 2 ** Math.min(failures, 5));
    const pause = least + most * (failures === 0 ? Math.random() : 0.5 + Math.random() / 2);
    failures++;
    timer = setTimeout(connect, pause * 1000); // before state, which can call close
    state("waiting", Math.ceil(pause), reason);
  }

  // retrySoon shortens the pause of retry.
  function retrySoon() {
    if (timer === null) return;
    clearTimeout(timer);
    timer = setTimeout(connect, Math.random() * 1000);
  }
  const stopWaking = onWake(retrySoon);

  function end(reason) {
    ended = true;
    stopWaking();
    clearTimeout(timer);
    state("ended", 0, reason);
  }

  // address returns the URL to connect to, with the filter, the cursor and the token.
  async function address() {
    const token = typeof options.token === "function" ? await options.token() : options.token;
    hasAddress = true;
    const at = new URL(url, globalThis.location?.href);
    at.protocol = at.protocol.replace("http", "ws");
    const q = at.searchParams;
    if (filter.topics.length) q.set("topics", filter.topics.join(","));
    for (const list of ["match", "team"]) for (const entry of filter[list]) q.append(list, entry);
    for (const name of ["delay", "speed", "conflate"]) if (options[name] != null) q.set(name, options[name]);
    if (options.from != null) q.set("from", options.from instanceof Date ? options.from.toISOString() : options.from);
    if (nothing) q.set("nothing", "true");
    if (cursor) q.set("cursor", cursor);
    if (token) q.set("token", token);
    return at;
  }

  // change adds the entries of lists to the filter ("subscribe"), or removes these entries
  // ("unsubscribe"). It sends a frame on the current connection. Later connections have the new filter
  // in their addresses.
  function change(action, lists) {
    const hasEntries = () => Object.values(filter).some((l) => l.length);
    const hadEntries = hasEntries();
    for (const [list, entries] of Object.entries(lists)) {
      const rest = filter[list].filter((e) => !entries.includes(e));
      filter[list] = action === "subscribe" ? [...rest, ...entries] : rest;
    }
    nothing = !hasEntries() && (nothing || (action === "unsubscribe" && hadEntries));
    const frame = JSON.stringify({ [action]: lists });
    if (socket?.readyState === WebSocket.OPEN) socket.send(frame);
    else if (hasAddress) unsent.push(frame);
    else cursor = ""; // so that the next connection begins with a snapshot for the new filter
  }

  connect();
  return {
    get cursor() { return cursor; },
    subscribe: (lists) => change("subscribe", lists),
    unsubscribe: (lists) => change("unsubscribe", lists),
    close() {
      const s = socket;
      socket = null;
      if (!ended) end("");
      s?.close(1000);
    },
  };
}

// watch detects a dead connection, and then calls dead. A browser does not report the pings of the
// server. So after some seconds without a frame, watch sends a ping, and expects a frame in reply.
function watch(socket, dead) {
  let timer;
  const ping = () => {
    clearTimeout(timer);
    if (socket.readyState === WebSocket.OPEN) socket.send('{"ping":1}');
    timer = setTimeout(dead, 4000);
  };
  const reset = () => {
    clearTimeout(timer);
    timer = setTimeout(ping, globalThis.document?.hidden ? 20000 : 5000);
  };
  const stopWaking = onWake(() => socket.readyState === WebSocket.OPEN && ping());
  timer = setTimeout(dead, 20000); // the time to open the connection
  return {
    reset,
    stop() {
      clearTimeout(timer);
      stopWaking();
    },
  };
}

// onWake calls f when the page becomes visible or is online again, which can be after a sleep of the
// machine. It returns a function that ends the calls.
function onWake(f) {
  if (!globalThis.document) return () => {};
  const visible = () => document.hidden || f();
  document.addEventListener("visibilitychange", visible);
  addEventListener("online", f);
  addEventListener("offline", f);
  addEventListener("pageshow", f);
  return () => {
    document.removeEventListener("visibilitychange", visible);
    for (const name of ["online", "offline", "pageshow"]) removeEventListener(name, f);
  };
}

// refusal asks the server why it refused a WebSocket, because a browser hides the response. It returns
// the status and the reason. The status is 0 if the server did not answer or refuses nothing now.
async function refusal(at) {
  const url = new URL(at);
  url.protocol = url.protocol.replace("ws", "http");
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(4000) });
    if (response.headers.get("Content-Type")?.startsWith("application/problem+json")) {
      const { detail, title } = await response.json();
      return { status: response.status, reason: detail ?? title ?? "" };
    }
  } catch { // no answer, or a page of another origin
  }
  return { status: 0, reason: "" };
}
