// follow connects to the stream and keeps connected. It calls snapshot(matches)
// when the state is to be taken anew, event(event) for each event that follows,
// once, and state(name, seconds) when the connection changes: "connecting",
// "live", or "waiting" for so many seconds before the next attempt.
export function follow(url, { snapshot, event, state }) {
  let cursor = "", failures = 0;

  function connect() {
    state("connecting");
    const at = new URL(url, location.href);
    at.protocol = at.protocol.replace("http", "ws");
    if (cursor) at.searchParams.set("cursor", cursor);
    const socket = new WebSocket(at);
    const silence = watch(socket);

    socket.onmessage = ({ data }) => {
      silence.broken();
      const frame = JSON.parse(data);
      if (frame.cursor) cursor = frame.cursor;
      if ("resumed" in frame) {
        failures = 0;
        if (frame.snapshot) snapshot(frame.snapshot.matches);
        state("live");
      } else if (frame.event) {
        event(frame.event);
      }
    };
    socket.onclose = () => {
      silence.end();
      failures++;
      // Up to half a minute, and never all clients at once.
      const pause = Math.min(30, 2 ** Math.min(failures, 6) / 2) * (0.5 + Math.random());
      state("waiting", Math.ceil(pause));
      setTimeout(connect, pause * 1000);
    };
  }
  connect();
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
