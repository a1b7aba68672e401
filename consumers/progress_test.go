package consumers_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// Health reports a consumer only while all its attempts fail.
func TestStuckConsumer(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		down bool
	}{
		{"Redis refuses writes", broker.Unavailable(errors.New("MISCONF disk is full")), true},
		{"a webhook fails", errors.New("status 500"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				b := memory.New([]time.Duration{time.Second, time.Second, time.Second}, slog.New(slog.DiscardHandler))
				var progress consumers.Progress
				result := tc.err
				c := consumers.Consumer{
					Keys:   []string{"#"},
					Handle: func(context.Context, event.Event) error { return result },
				}
				r := consumers.Runner{Broker: b, Progress: &progress, Log: slog.New(slog.DiscardHandler)}
				ended := make(chan error)
				go func() { ended <- r.Run(ctx, "boards", c, nil) }()
				synctest.Wait()
				publish := func() {
					if _, err := broker.Emit(ctx, b, "soccer.mls.goal",
						event.Data{Sport: event.Soccer, Kind: event.Goal}); err != nil {
						t.Fatal(err)
					}
				}
				for range 4 {
					publish()
				}
				synctest.Wait()
				if h := progress.Health(); h != nil {
					t.Errorf("health right after 4 failures is %v, want no issues", h)
				}
				time.Sleep(15 * time.Second)
				publish()
				synctest.Wait()
				h := progress.Health()
				if len(h) != 1 || h[0].Down != tc.down ||
					!strings.Contains(h[0].Text, "consumer boards has handled no event since") ||
					!strings.Contains(h[0].Text, tc.err.Error()) {
					t.Errorf("health is %v, want one issue about consumer boards with Down %v and error %v", h, tc.down, tc.err)
				}
				result = nil
				publish()
				synctest.Wait()
				if h := progress.Health(); h != nil {
					t.Errorf("health after a success is %v, want no issues", h)
				}
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
