package pipeline

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/monitor"
	"github.com/matchwire/matchwire/internal/testenv"
)

// checkReturns fails the test unless call returns before ctx ends.
func checkReturns(ctx context.Context, t *testing.T, what string, call func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		call()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		t.Errorf("%s did not return before the deadline", what)
		<-done
	}
}

// If Redis accepts connections but does not respond, /healthz reports an issue and ListInstances
// returns an error. Both respond within their time limits.
func TestRedisStalls(t *testing.T) {
	proxy := testenv.NewProxy(t, testenv.Redis(t))
	servers := Servers{AMQP: "amqp://unused.example", Redis: proxy.URL}
	store, stop, err := servers.OpenRedis(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := store.Ping(t.Context()).Err(); err != nil { // puts a connection into the pool
		t.Fatal(err)
	}
	proxy.Stall()
	t.Run("healthz", func(t *testing.T) {
		h := &monitor.Monitor{}
		h.Add(monitor.Check{Name: "redis", Run: (&redisHealth{redis: store, probe: "probe"}).check})
		runMonitor(t, h)
		var code int
		var body string
		testenv.Eventually(t, func() bool {
			code, body = answer(h, "/healthz")
			return code != http.StatusServiceUnavailable || strings.Contains(body, "Redis does not answer")
		}, "/healthz to report that Redis does not answer")
		if code != http.StatusServiceUnavailable {
			t.Fatalf("/healthz: response %d %s, want 503", code, body)
		}
	})
	t.Run("ListInstances", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*readTimeout)
		defer cancel()
		checkReturns(ctx, t, "ListInstances", func() {
			if all, err := ListInstances(t.Context(), servers, "", slog.New(slog.DiscardHandler)); err == nil {
				t.Errorf("ListInstances returned %v, want an error", all)
			}
		})
	})
}
