package presence

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// The clock of Redis determines the age of a report. So a node whose clock is a minute ahead does
// not delete the reports of other nodes.
func TestPresenceUsesRedisClock(t *testing.T) {
	m := miniredis.RunT(t)
	began := time.Now().Add(-time.Minute) // the clock of this process is a minute ahead
	m.SetTime(began)
	r := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer r.Close()
	one, two := NewStore(r, "mw:", "one"), NewStore(r, "mw:", "two")
	if err := one.Put(t.Context(), Presence{Connections: 3}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		after time.Duration
		want  int
	}{{14 * time.Second, 1}, {16 * time.Second, 0}} {
		m.SetTime(began.Add(tc.after))
		if others, err := two.Others(t.Context()); len(others) != tc.want || err != nil {
			t.Errorf("%v after the report: other nodes %v, error %v, want %d nodes", tc.after, others, err, tc.want)
		}
	}
}
