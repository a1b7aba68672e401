package outbox

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Health counts the outboxes that have been failing for more than a minute.
func TestHealthCountsOutboxes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRelay(nil, nil, nil, nil)
		r.failing["m1"] = failure{time.Now(), errors.New("down")}
		time.Sleep(2 * patience)
		r.failing["m2"] = failure{time.Now(), errors.New("down")}
		want := "cannot publish the messages of 1 outbox in Redis, failing since 2000-01-01T00:00:00Z: down"
		if got := r.Health(); len(got) != 1 || got[0].Text != want {
			t.Errorf("one outbox: got %v, want %s", got, want)
		}
		time.Sleep(2 * patience)
		want = strings.Replace(want, "1 outbox", "2 outboxes", 1)
		if got := r.Health(); len(got) != 1 || got[0].Text != want {
			t.Errorf("two outboxes: got %v, want %s", got, want)
		}
	})
}
