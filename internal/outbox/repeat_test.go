package outbox_test

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/testenv"
)

// If the reply to a script is lost, the client sends the script again. Flush still publishes each
// message once and in order, and removes only confirmed messages.
func TestFlushWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		s := outbox.NewStore(lossy, "mw:")
		write(t, outbox.NewStore(r, "mw:"), r, "m1", "a", "b", "c", "d")
		if err := s.Mark(t.Context(), "m1"); err != nil {
			t.Fatal(err)
		}
		out := &flaky{failures: 1, last: "d", done: make(chan struct{})}
		relay := outbox.NewRelay(s, out, nil, slog.New(slog.DiscardHandler))
		if err := relay.Flush(t.Context(), "m1"); err == nil {
			t.Error("Flush returned nil, want the publisher's error")
		}
		if err := relay.Flush(t.Context(), "m1"); err != nil {
			t.Error(err)
		}
		if !slices.Equal(out.sent, []string{"a", "b", "c", "d"}) {
			t.Errorf("confirmed %v, want a, b, c and d", out.sent)
		}
		if names, err := s.Pending(t.Context()); !slices.Equal(names, []string{"m1"}) || err != nil {
			t.Errorf("pending outboxes within a minute of Mark: %v, error %v, want m1", names, err)
		}
	})
}
