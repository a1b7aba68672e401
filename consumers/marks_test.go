package consumers

import (
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/testenv"
)

// A script of an abandoned attempt can reach Redis late. The script then sets no mark.
func TestAbandonedAttemptSetsNoMark(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		m := newMarks(r, "mw:", time.Minute, slog.New(slog.DiscardHandler))
		keys, token := []string{"mw:e", "mw:e:1"}, m.instance+":1"
		if _, left, err := m.begin(t.Context(), keys, token); left != 0 || err != nil {
			t.Fatalf("begin: got lease %v and error %v, want 0 and nil", left, err)
		}
		if err := m.abandon(t.Context(), keys, token); err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.begin(t.Context(), keys, token); err != nil {
			t.Error(err)
		}
		if err := renewAttempt.Run(t.Context(), r, keys, token, 60_000).Err(); err != nil {
			t.Error(err)
		}
		if mark := r.Get(t.Context(), keys[0]).Val(); mark != "" {
			t.Errorf("the mark is %q, want none", mark)
		}
		other := newMarks(r, "mw:", time.Minute, slog.New(slog.DiscardHandler))
		keys[1] = "mw:e:2"
		if _, left, err := other.begin(t.Context(), keys, other.instance+":2"); left != 0 || err != nil {
			t.Errorf("begin of another instance: got lease %v and error %v, want 0 and nil", left, err)
		}
	})
}
