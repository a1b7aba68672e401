package consumers

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A match runs the scripts for one match.
type match struct {
	*testing.T
	*order
	direct *redis.Client // a client that loses no replies
}

func ordered(epoch string, seq int64) event.Event {
	return event.Event{ID: epoch, Subject: "m", Data: event.Data{Epoch: epoch, Seq: seq}}
}

// enter checks the result of enterOrder for an event. It returns the time in the result: until
// earlier events are retried, or the longest remaining wait.
func (m match) enter(epoch string, seq int64, want int) time.Duration {
	m.Helper()
	got, err := m.order.enter(m.Context(), ordered(epoch, seq))
	if got.result != want || err != nil {
		m.Errorf("enter %s %d: result %d, error %v, want %d; record %v", epoch, seq, got.result, err, want, m.record())
	}
	return got.in
}

func (m match) leave(epoch string, seq int64, pause time.Duration) {
	m.Helper()
	if err := m.order.leave(m.Context(), ordered(epoch, seq), pause); err != nil {
		m.Errorf("leave %s %d: %v", epoch, seq, err)
	}
}

func (m match) record() map[string]string { return m.direct.HGetAll(m.Context(), m.key("m")).Val() }

// fields checks the names of the record's fields.
func (m match) fields(want ...string) {
	m.Helper()
	var got []string
	for name := range m.record() {
		got = append(got, name)
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		m.Errorf("fields of the record: %v, want %v", got, want)
	}
}

// The scripts have the same results when the client repeats them, on an embedded and a real Redis.
func TestOrderRecordWhenRepliesAreLost(t *testing.T) {
	for name, test := range map[string]func(match){
		"one at a time": func(m match) {
			m.enter("a", 1, orderReady)
			m.enter("a", 2, orderRunning)
			m.leave("a", 1, finished)
			m.enter("a", 3, orderRunning) // event 2 is not finished
			m.enter("a", 2, orderReady)
			m.leave("a", 2, time.Minute)
			if in := m.enter("a", 3, orderRetrying); in < 50*time.Second || in > time.Minute {
				m.Errorf("wait for the next attempt: %v, want 50 s to 1 min", in)
			}
			m.enter("a", 2, orderReady) // the broker may deliver event 2 early
			m.enter("a", 3, orderRunning)
			m.leave("a", 2, finished)
			m.enter("a", 3, orderReady)
			m.leave("a", 3, finished)
			m.enter("a", 2, orderNone)
			m.fields("epoch", "last")
		},
		"missing events": func(m match) {
			if in := m.enter("a", 5, orderMissing); in > m.bounds.first {
				m.Errorf("wait for the first events: %v, want at most %v", in, m.bounds.first)
			}
			for n := int64(1); n < 4; n++ {
				m.enter("a", n, orderReady)
				m.leave("a", n, finished)
			}
			if in := m.enter("a", 5, orderMissing); in <= m.bounds.first || in > m.bounds.missing {
				m.Errorf("wait for a missing event: %v, want more than %v and at most %v", in, m.bounds.first, m.bounds.missing)
			}
			m.bounds.missing = 0
			m.enter("a", 5, orderReady)
			m.enter("a", 4, orderNone) // event 4 arrived too late
			m.leave("a", 4, finished)
			m.enter("a", 6, orderRunning)
			m.leave("a", 5, finished)
			m.enter("a", 6, orderReady)
		},
		"events that the consumer does not want": func(m match) {
			m.leave("a", 3, finished)
			m.leave("a", 2, finished)
			m.enter("a", 4, orderMissing)
			m.leave("a", 1, finished)
			m.fields("epoch", "last", "4")
			m.enter("a", 4, orderReady)
		},
		"an event that vanished": func(m match) {
			m.enter("a", 1, orderReady)
			m.leave("a", 1, time.Hour)
			m.enter("a", 2, orderRetrying)
			expire := func(seq string) { m.direct.HSet(m.Context(), m.key("m"), seq, "1 1 1") }
			expire("1")
			m.enter("a", 2, orderReady)
			m.enter("b", 1, orderRunning)
			expire("a:2")
			m.enter("b", 1, orderReady)
			m.leave("b", 1, finished)
			m.fields("epoch", "last")
		},
		"a new epoch": func(m match) {
			m.enter("a", 1, orderReady)
			m.leave("a", 2, finished)
			m.enter("b", 1, orderRunning)
			m.enter("a", 3, orderNone)
			m.leave("a", 1, time.Minute)
			m.enter("b", 1, orderRetrying)
			m.enter("a", 1, orderNone)
			m.leave("a", 1, finished)
			m.enter("b", 1, orderReady)
			m.leave("a", 3, finished)
			m.fields("epoch", "last", "1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
				o := newOrder(lossy, "mw:order:a:", Consumer{}, defaultOrderBounds(), slog.New(slog.DiscardHandler))
				defer o.stop()
				test(match{t, o, r})
				if ttl := r.PTTL(t.Context(), o.key("m")).Val(); ttl < keepOrder-time.Minute {
					t.Errorf("the record expires in %v, want at least %v", ttl, keepOrder-time.Minute)
				}
			})
		})
	}
}

// A backup can contain an event that was under way. ForgetOrders removes its record, and no other key.
func TestForgetOrders(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		o := newOrder(r, "mw:order:a:", Consumer{}, defaultOrderBounds(), slog.New(slog.DiscardHandler))
		defer o.stop()
		m := match{t, o, r}
		others := []string{"mw:order:push:{m}", "mw:other:order:a:{m}", "mw:{m}:state"} // the first, of the namespace order
		for _, key := range others {
			r.HSet(t.Context(), key, "id", "v")
		}
		r.Set(t.Context(), "mw:order:text:{m}", "v", 0)
		m.enter("a", 1, orderReady)
		m.enter("b", 1, orderRunning)
		if err := ForgetOrders(t.Context(), r, "mw:"); err != nil {
			t.Fatal(err)
		}
		m.fields()
		m.enter("b", 1, orderReady)
		if n := r.Exists(t.Context(), append(others, "mw:order:text:{m}")...).Val(); n != 4 {
			t.Errorf("%d of 4 other keys exist, want all", n)
		}
	})
}
