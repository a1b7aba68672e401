package chaos

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
)

// A ledger counts what one receiver got.
type ledger struct {
	mu       sync.Mutex
	news     map[string]int             // copies by event ID
	backfill map[string]int             // copies that are marked as backfill
	facts    map[string]map[string]bool // incident of the site: the IDs of the events that tell it
	latest   time.Time                  // the newest event's time
}

func newLedger() *ledger {
	return &ledger{news: map[string]int{}, backfill: map[string]int{}, facts: map[string]map[string]bool{}}
}

// fact is what stands behind an event, "" if it is no incident of the site.
func fact(e event.Event) string {
	d := e.Data
	if d.Action != event.New || d.Kind != event.Goal && d.Kind != "yellow_card" {
		return ""
	}
	return e.Subject + " " + d.Player
}

func (l *ledger) add(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Data.Backfill {
		l.backfill[e.ID]++
	} else {
		l.news[e.ID]++
	}
	if e.Time.After(l.latest) {
		l.latest = e.Time
	}
	if f := fact(e); f != "" {
		if l.facts[f] == nil {
			l.facts[f] = map[string]bool{}
		}
		l.facts[f][e.ID] = true
	}
}

// newest is the latest time of a page of which an event has come.
func (l *ledger) newest() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.latest
}

// A count is what became of one wave at one receiver.
type count struct {
	delivered int      // incidents of the site
	missing   []string // incidents that were not told
	doubled   int      // incidents told under more than one event ID
	repeated  int      // further copies of one event ID
	retold    int      // further copies that say of themselves that they are backfill
}

// of counts the wave's incidents.
func (l *ledger) of(w wave) count {
	l.mu.Lock()
	defer l.mu.Unlock()
	var c count
	for f := range w.facts {
		ids := l.facts[f]
		switch {
		case len(ids) == 0:
			c.missing = append(c.missing, f)
			continue
		case len(ids) > 1:
			c.doubled++
		}
		c.delivered++
		for id := range ids {
			c.repeated += max(0, l.news[id]-1)
			if l.news[id] > 0 {
				c.retold += l.backfill[id]
			} else {
				c.retold += l.backfill[id] - 1
			}
		}
	}
	return c
}

// asNews counts the facts that came as news, not only as backfill.
func (l *ledger) asNews(facts []string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range facts {
		for id := range l.facts[f] {
			if l.news[id] > 0 {
				n++
				break
			}
		}
	}
	return n
}

// newHook receives notifications.
func newHook(t *testing.T, l *ledger) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n notify.Notification
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			return // a sender that was killed
		}
		if n.Event.ID != r.Header.Get("Webhook-Id") {
			t.Errorf("Webhook-Id %s of event %s", r.Header.Get("Webhook-Id"), n.Event.ID)
		}
		if n.Event.Data.Backfill {
			t.Errorf("an alert of what is backfill: %s", n.Event.ID)
		}
		l.add(n.Event)
	}))
	t.Cleanup(s.Close)
	return s
}

// follow is a WebSocket client that comes back with its cursor, until ctx ends.
// gaps counts how often it was not resumed.
func follow(ctx context.Context, addr string, l *ledger, gaps *atomic.Int64) {
	cursor := ""
	for ctx.Err() == nil {
		conn, _, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+addr+"/ws?cursor="+url.QueryEscape(cursor), nil)
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		for {
			var f struct {
				Cursor   string
				Snapshot json.RawMessage
				Resumed  bool
				Event    json.RawMessage
			}
			if conn.ReadJSON(&f) != nil {
				break
			}
			if f.Snapshot != nil && cursor != "" {
				gaps.Add(1)
			}
			cursor = f.Cursor
			if f.Event == nil {
				continue
			}
			if e, err := event.Decode(f.Event); err == nil {
				l.add(e)
			}
		}
		stop()
		conn.Close()
	}
}

// boards counts the wave's scoreboards that are not what the site shows at the
// end.
func boards(ctx context.Context, r *redis.Client, w wave) (wrong int, example string) {
	pipe := r.Pipeline()
	var all []*redis.SliceCmd
	for slot := range slots {
		for m := range w.matches {
			all = append(all, pipe.HMGet(ctx, scoreboard.Key("mw:", w.id(slot, m)), "home_score", "away_score", "status", "match"))
		}
	}
	_, _ = pipe.Exec(ctx)
	for _, c := range all {
		var text []string
		for _, v := range c.Val() {
			s, _ := v.(string)
			text = append(text, s)
		}
		got := strings.Join(text[:min(3, len(text))], " ")
		if want := board(w); got != want {
			wrong++
			example = "got " + got + ", want " + want
		}
	}
	return wrong, example
}

func board(w wave) string {
	b, _ := json.Marshal(w.goals())
	return string(b) + " 0 final"
}
