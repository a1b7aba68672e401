package fanout

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/matchwire/matchwire/internal/problem"
)

// ServeSSE takes an EventSource: GET /sse with the parameters of ServeWS. What
// it gets is the same, with the cursor as the ID of each event. The connection
// is taken from the server, so that events go out as those of sockets do.
func (h *Hub) ServeSSE(w http.ResponseWriter, r *http.Request) {
	ask, ok := h.accept(w, r)
	if !ok {
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		h.gone()
		problem.Write(w, http.StatusHTTPVersionNotSupported, "streams want HTTP/1.1", "")
		return
	}
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\nConnection: close\r\n"
	if origin := r.Header.Get("Origin"); origin != "" { // accept has found it good
		head += "Access-Control-Allow-Origin: " + origin + "\r\nVary: Origin\r\n"
	}
	_ = conn.SetDeadline(time.Time{})
	_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := conn.Write(fmt.Appendf(nil, "%s\r\nretry: %d\n\n", head, 1000+rand.IntN(2000))); err != nil {
		h.gone()
		conn.Close()
		return
	}
	c := newClient(h, conn, stream)
	h.serve(c, ask, func() {
		var b [64]byte
		for said := 0; said < maxFrame; { // it has nothing to say
			n, err := conn.Read(b[:])
			if said += n; err != nil {
				break
			}
		}
		c.bye()
	})
}
