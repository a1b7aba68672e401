package outbox_test

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/testenv"
)

// The client sends a script again when its answer was lost. Messages are published once and in
// order, and only confirmed ones are removed.
func TestFlushWhenAnswersAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		s := outbox.NewStore(lossy, "mw:")
		write(t, outbox.NewStore(r, "mw:"), r, "m1", "a", "b", "c", "d")
		if err := s.Mark(t.Context(), "m1"); err != nil {
			t.Fatal(err)
		}
		out := &flaky{failures: 1, last: "d", done: make(chan struct{})}
		relay := outbox.NewRelay(s, out, nil, slog.New(slog.DiscardHandler))
		if err := relay.Flush(t.Context(), "m1"); err == nil {
			t.Error("the publisher's error is not returned")
		}
		if err := relay.Flush(t.Context(), "m1"); err != nil {
			t.Error(err)
		}
		if !slices.Equal(out.sent, []string{"a", "b", "c", "d"}) {
			t.Errorf("published %v", out.sent)
		}
		if names, err := s.Pending(t.Context()); !slices.Equal(names, []string{"m1"}) || err != nil {
			t.Errorf("the outbox was dropped within a minute of its mark: %v, %v", names, err)
		}
	})
}
