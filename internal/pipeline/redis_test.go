package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

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
		h := &healthChecks{}
		h.add((&redisHealth{redis: store, probe: "probe", embedded: true}).check)
		response := httptest.NewRecorder()
		ctx, cancel := context.WithTimeout(t.Context(), 2*healthTimeout)
		defer cancel()
		checkReturns(ctx, t, "/healthz", func() {
			h.serve(response, httptest.NewRequest(http.MethodGet, "/healthz", nil), true)
		})
		if response.Code != http.StatusServiceUnavailable ||
			!strings.Contains(response.Body.String(), "Redis does not answer") {
			t.Errorf("/healthz: response %d %s, want 503 and Redis does not answer", response.Code, response.Body)
		}
	})
	t.Run("ListInstances", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*listTimeout)
		defer cancel()
		checkReturns(ctx, t, "ListInstances", func() {
			if all, err := ListInstances(t.Context(), servers, "", slog.New(slog.DiscardHandler)); err == nil {
				t.Errorf("ListInstances returned %v, want an error", all)
			}
		})
	})
}

// The client limits the duration of a call and all its attempts, even if the context of the call
// has no deadline.
func TestRedisCallsAreBounded(t *testing.T) {
	const timeout = 300 * time.Millisecond
	proxy := testenv.NewProxy(t, testenv.Redis(t))
	opts, err := redis.ParseURL(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	silent := *opts
	silent.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) { // like a network that loses all packets
		<-ctx.Done()
		return nil, ctx.Err()
	}
	stalled, unreachable := newRedisClient(opts, timeout), newRedisClient(&silent, timeout)
	defer stalled.Close()
	defer unreachable.Close()
	if err := stalled.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	for name, r := range map[string]*redis.Client{"stalled": stalled, "unreachable": unreachable} {
		for what, call := range map[string]func(ctx context.Context) error{
			"command": func(ctx context.Context) error { return r.Get(ctx, "key").Err() },
			"script":  func(ctx context.Context) error { return redis.NewScript("return 1").Run(ctx, r, nil).Err() },
			"pipeline": func(ctx context.Context) error {
				_, err := r.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Get(ctx, "key").Err() })
				return err
			},
			"transaction": func(ctx context.Context) error {
				_, err := r.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Get(ctx, "key").Err() })
				return err
			},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*timeout)
				defer cancel()
				checkReturns(ctx, t, "the "+what, func() {
					err := call(context.WithoutCancel(ctx))
					var late net.Error
					if !errors.Is(err, context.DeadlineExceeded) && !(errors.As(err, &late) && late.Timeout()) {
						t.Errorf("the %s returned %v, want a timeout", what, err)
					}
				})
			})
		}
	}
}
