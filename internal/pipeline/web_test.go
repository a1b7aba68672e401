package pipeline

import (
	"context"
	"io"
	"net/http"
	"testing"

	"golang.org/x/sync/errgroup"
)

// At shutdown, the server ends an endless response properly instead of cutting it off.
func TestServeEndsStreamsAtShutdown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	at, err := serve(ctx, group, "127.0.0.1:0", nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Errorf("the stream was cut off: %v", err)
	}
}
