package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	rebuildTimeout  = time.Hour   // time limit for a rebuild
	rebuildInterval = time.Second // time between two lines of progress
)

// A progress is a line in the response to POST /api/rebuild/{consumer}.
type progress struct {
	Events int    `json:"events"`          // number of events so far
	Done   bool   `json:"done,omitempty"`  // the rebuild is complete
	Error  string `json:"error,omitempty"` // why the rebuild has failed
}

// rebuild rebuilds the store of a consumer. It writes a line of JSON every second. The last line has done or error.
// The rebuild stops if the client disconnects. A process runs one rebuild at a time.
func (a *API) rebuild(w http.ResponseWriter, r *http.Request) error {
	consumer := r.PathValue("consumer")
	if !slices.Contains(a.Rebuildable, consumer) {
		detail := fmt.Sprintf("consumer %q is not enabled or cannot be rebuilt from the log: want one of %s", consumer,
			strings.Join(a.Rebuildable, ", "))
		return apiError{http.StatusNotFound, detail, ""}
	}
	if !a.rebuilding.CompareAndSwap(false, true) {
		return apiError{http.StatusConflict, "this process is rebuilding a consumer: try again when it has finished", ""}
	}
	defer a.rebuilding.Store(false)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var handled atomic.Int64
	ended := make(chan progress, 1)
	go func() {
		n, err := a.Rebuild(ctx, consumer, func() { handled.Add(1) })
		last := progress{Events: n, Done: err == nil}
		if err != nil {
			last.Error = err.Error()
		}
		ended <- last
	}()
	// The server reads from the connection to notice that the client has gone. This read must not time out.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "application/x-ndjson")
	tick := time.NewTicker(rebuildInterval)
	defer tick.Stop()
	for {
		select {
		case last := <-ended:
			return writeLine(w, last)
		case <-tick.C:
			if err := writeLine(w, progress{Events: int(handled.Load())}); err != nil {
				cancel()
				<-ended
				return nil // the client has gone
			}
		}
	}
}

// writeLine sends a line of JSON, within ioTimeout.
func writeLine(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	conn := http.NewResponseController(w)
	_ = conn.SetWriteDeadline(time.Now().Add(ioTimeout))
	if _, err := w.Write(append(b, '\n')); err != nil {
		return err
	}
	return conn.Flush()
}
