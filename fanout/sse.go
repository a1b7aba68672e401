package fanout

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/matchwire/matchwire/fanout/internal/wire"
	"github.com/matchwire/matchwire/internal/problem"
)

// ServeSSE serves GET /sse as server-sent events. It accepts the parameters of [Hub.ServeWS] and
// sends the same objects, with the cursor as the event ID. It hijacks the connection, so that frames
// are written in the same way as to a WebSocket.
func (h *Hub) ServeSSE(w http.ResponseWriter, r *http.Request) {
	req, ok := h.accept(w, r)
	if !ok {
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		h.removeConnection(req.address)
		problem.Write(w, http.StatusHTTPVersionNotSupported, "event streams require HTTP/1.1", "")
		return
	}
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n" +
		"X-Accel-Buffering: no\r\nConnection: close\r\n"
	if origin := r.Header.Get("Origin"); origin != "" { // accept has checked the origin
		head += "Access-Control-Allow-Origin: " + origin + "\r\nVary: Origin\r\n"
	}
	_ = conn.SetDeadline(time.Time{})
	_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := conn.Write(fmt.Appendf(nil, "%s\r\nretry: %d\n\n", head, 1000+rand.IntN(2000))); err != nil {
		h.removeConnection(req.address)
		conn.Close()
		return
	}
	h.serve(newClient(h, conn, wire.SSE), req, func() {
		var b [64]byte
		for received := 0; received < maxFrame; { // an EventSource sends nothing; any other client may send maxFrame bytes
			n, err := conn.Read(b[:])
			if received += n; err != nil {
				return
			}
		}
	})
}
