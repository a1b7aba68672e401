package redisclient

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/testenv"
)

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
	stalled, err := New(proxy.URL, timeout)
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	setOptions(&silent)
	unreachable := redis.NewClient(&silent)
	unreachable.AddHook(callTimeoutHook(timeout))
	defer unreachable.Close()
	if err := stalled.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	for name, r := range map[string]redis.UniversalClient{"stalled": stalled, "unreachable": unreachable} {
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
				returned := make(chan error, 1)
				go func() { returned <- call(context.WithoutCancel(ctx)) }()
				select {
				case <-ctx.Done():
					t.Fatalf("the %s did not return within %v", what, 10*timeout)
				case err := <-returned:
					var late net.Error
					if !errors.Is(err, context.DeadlineExceeded) && !(errors.As(err, &late) && late.Timeout()) {
						t.Errorf("the %s returned %v, want a timeout", what, err)
					}
				}
			})
		}
	}
}
