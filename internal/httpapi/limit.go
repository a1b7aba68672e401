package httpapi

import (
	"net/http"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/clientaddr"
	"github.com/matchwire/matchwire/internal/problem"
	"github.com/matchwire/matchwire/internal/quota"
)

// ioTimeout is the time within which a client must send the body of a call and receive the response.
// Without it, a slow client could keep a call in progress forever.
const ioTimeout = 30 * time.Second

// Limit returns a handler that calls h if the limits of a.Calls allow another call in progress. If the
// address of the client has too many calls in progress, the response has status 429. If too many calls
// are in progress in total, the response has status 503.
func (a *API) Limit(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address := clientaddr.Of(r)
		switch a.Calls.Take(address) {
		case quota.AddressFull:
			refuse(w, http.StatusTooManyRequests, "too many calls from your address are in progress: wait for their responses")
			return
		case quota.Full:
			refuse(w, http.StatusServiceUnavailable, "too many calls are in progress: try again later")
			return
		}
		defer a.Calls.Release(address)
		conn := http.NewResponseController(w)
		_ = conn.SetReadDeadline(time.Now().Add(ioTimeout)) // the server sets a new deadline for the next request
		_ = conn.SetWriteDeadline(time.Now().Add(ioTimeout))
		h.ServeHTTP(w, r)
		_ = conn.Flush()
		_ = conn.SetWriteDeadline(time.Time{})
	})
}

// refuse writes the response to a call that a limit refuses.
func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Retry-After", "1")
	w.Header().Set(tidHeader, event.NewTID().String())
	problem.Write(w, status, detail, "")
}
