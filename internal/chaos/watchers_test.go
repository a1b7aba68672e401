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

// A ledger records the events that one receiver has received.
type ledger struct {
	mu       sync.Mutex
	news     map[string]int             // number of copies that are not backfill, by event ID
	backfill map[string]int             // number of copies that are backfill, by event ID
	facts    map[string]map[string]bool // IDs of the events that report an incident, by fact
	late     map[string]time.Duration   // time from an event to the receipt of its first copy, by fact
	latest   time.Time                  // time of the newest event
	at       map[position]string        // IDs of the events, by their positions
	reused   []position                 // positions that two events have
}

// A position identifies an event of a match.
type position struct {
	match, epoch string
	seq          int64
}

func newLedger() *ledger {
	return &ledger{
		news: map[string]int{}, backfill: map[string]int{},
		facts: map[string]map[string]bool{}, late: map[string]time.Duration{}, at: map[position]string{},
	}
}

// fact returns a name for the incident that an event reports: the match ID and the player. For an
// event that does not report a new incident of the site, fact returns "".
func fact(e event.Event) string {
	d := e.Data
	if d.Action != event.New || d.Kind != event.Goal && d.Kind != "yellow_card" {
		return ""
	}
	return e.Subject + " " + d.Player
}

// add records an event.
func (l *ledger) add(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Data.Backfill {
		l.backfill[e.ID]++
	} else {
		l.news[e.ID]++
	}
	epoch, seq := e.Position()
	p := position{e.Subject, epoch, seq}
	if id, ok := l.at[p]; ok && id != e.ID {
		l.reused = append(l.reused, p)
	}
	l.at[p] = e.ID
	if e.Time.After(l.latest) {
		l.latest = e.Time
	}
	if f := fact(e); f != "" {
		if l.facts[f] == nil {
			l.facts[f] = map[string]bool{}
			l.late[f] = time.Since(e.Time)
		}
		l.facts[f][e.ID] = true
	}
}

// newest returns the time of the newest event.
func (l *ledger) newest() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.latest
}

// A count summarizes the events of one wave at one receiver.
type count struct {
	delivered int           // number of incidents with an event
	missing   []string      // facts of the incidents without an event
	doubled   int           // number of incidents reported under more than one event ID
	repeated  int           // number of further copies of events that are not backfill
	backfill  int           // number of further copies that are backfill
	late      time.Duration // longest time from an event to the receipt of its first copy
}

// of returns the count for a wave.
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
		c.late = max(c.late, l.late[f])
		for id := range ids {
			c.repeated += max(0, l.news[id]-1)
			if l.news[id] > 0 {
				c.backfill += l.backfill[id]
			} else {
				c.backfill += l.backfill[id] - 1
			}
		}
	}
	return c
}

// asNews returns how many of the facts were reported by an event that is not backfill.
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

// newWebhook starts a server that receives notifications and records their events in l.
func newWebhook(t *testing.T, l *ledger) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n notify.Notification
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			return // the sender was killed
		}
		if n.Event.ID != r.Header.Get("Webhook-Id") {
			t.Errorf("Webhook-Id is %s, want event ID %s", r.Header.Get("Webhook-Id"), n.Event.ID)
		}
		if n.Event.Data.Backfill {
			t.Errorf("received a notification of backfill event %s, want none", n.Event.ID)
		}
		l.add(n.Event)
	}))
	t.Cleanup(s.Close)
	return s
}

// follow runs a WebSocket client with a token, unless the token is "". The client reconnects with its cursor, until ctx
// ends. gaps counts the reconnections at which the client could not resume.
func follow(ctx context.Context, addr, token string, l *ledger, gaps *atomic.Int64) {
	cursor := ""
	for ctx.Err() == nil {
		at := "ws://" + addr + "/ws?cursor=" + url.QueryEscape(cursor) + "&token=" + token
		conn, _, err := websocket.DefaultDialer.DialContext(ctx, at, nil)
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

// boards returns the number of scoreboards of a wave that differ from the last page. example
// describes one difference.
func boards(ctx context.Context, r redis.UniversalClient, w wave) (wrong int, example string) {
	pipe := r.Pipeline()
	var all []*redis.SliceCmd
	for slot := range slots {
		for m := range w.matches {
			key := scoreboard.Key("mw:", w.id(slot, m))
			all = append(all, pipe.HMGet(ctx, key, "home_score", "away_score", "status", "match"))
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

// board returns the scoreboard that each match of a wave must have at the end.
func board(w wave) string {
	b, _ := json.Marshal(w.goals())
	return string(b) + " 0 final"
}
