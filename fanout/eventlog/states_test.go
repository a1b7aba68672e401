package eventlog_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/eventlog"
)

// A log appends events to a History.
type log struct {
	t testing.TB
	*eventlog.History
	offset uint64
}

// emit appends an event about a match, and returns the state of the match. It returns nil if the event
// changes no state.
func (l *log) emit(match string, at time.Time, d event.Data) *eventlog.MatchState {
	l.t.Helper()
	if d.Match == nil {
		d.Match = &event.Match{ID: match, Home: "A", Away: "B", Status: event.Live}
	}
	return l.emitKey("soccer.mls.goal", at, d)
}

// emitKey is like emit, for an event with another routing key.
func (l *log) emitKey(key string, at time.Time, d event.Data) *eventlog.MatchState {
	l.t.Helper()
	e, err := event.Of(key, d, at)
	if err != nil {
		l.t.Fatal(err)
	}
	e.TID = event.NewTID()
	m, err := broker.NewMessage(e)
	if err != nil {
		l.t.Fatal(err)
	}
	l.offset++
	f, err := l.Append(broker.CursorAt(l.offset, e.ID), m, true)
	if err != nil {
		l.t.Fatal(err)
	}
	if f == nil {
		return nil
	}
	return f.State
}

// ids returns the IDs of the matches, the most recently changed match first.
func ids(s eventlog.States) (all []string) {
	for _, m := range s.Select(func(*eventlog.MatchState) bool { return true }) {
		all = append(all, m.Match.ID)
	}
	return all
}

// The states of a History are partial if the History has dropped a match to keep to its maximum number
// of matches. A dropped match does not count if its latest event is more than 7 days old, unless this
// event is a replay.
func TestPartialStates(t *testing.T) {
	now := time.Now()
	for _, tc := range []struct {
		what    string
		first   event.Data // data of the event of m0, the match that is dropped first
		at      time.Time  // time of this event
		matches int        // m0, m1…
		partial bool
	}{
		{"as many as the limit", event.Data{}, now, 3, false},
		{"one more than the limit", event.Data{}, now, 4, true},
		{"an old match is dropped", event.Data{}, now.Add(-7*24*time.Hour - time.Minute), 4, false},
		{"a slightly younger match is dropped", event.Data{}, now.Add(-7*24*time.Hour + time.Minute), 4, true},
		{"a replayed match is dropped", event.Data{Replay: true}, now.AddDate(-10, 0, 0), 4, true},
	} {
		l := &log{t: t, History: eventlog.NewHistory(1<<20, eventlog.Beginning().WithMatches(3))}
		tc.first.Epoch, tc.first.Seq = "e", 1
		l.emit("m0", tc.at, tc.first)
		for i := 1; i < tc.matches; i++ {
			l.emit(fmt.Sprint("m", i), now, event.Data{Epoch: "e", Seq: 1})
		}
		place := l.Now()
		if place.States.Partial() != tc.partial || place.States.Len() != 3 {
			t.Errorf(
				"%s: %d matches, partial %v, want 3 and %v",
				tc.what,
				place.States.Len(),
				place.States.Partial(),
				tc.partial,
			)
		}
	}
}

// A state is partial if its first event was not the first of the match, or if the match has too many
// incidents.
func TestPartialState(t *testing.T) {
	l := &log{t: t, History: eventlog.NewHistory(1<<20, eventlog.Beginning())}
	now := time.Now()
	for _, tc := range []struct {
		match string
		d     event.Data
		want  bool
	}{
		{"m1", event.Data{Epoch: "e1", Seq: 1}, false},
		{"m1", event.Data{Epoch: "e1", Seq: 7}, false}, // a gap within an epoch does not count
		{"m2", event.Data{Epoch: "e1", Seq: 2}, true},
		{"m2", event.Data{Epoch: "e1", Seq: 3}, true},
		{"m2", event.Data{Epoch: "e2", Seq: 1}, false}, // a new epoch reports all incidents again
		{"m3", event.Data{}, false},                    // published by hand
		{"m3", event.Data{Epoch: "e1", Seq: 1}, false},
	} {
		if m := l.emit(tc.match, now, tc.d); m.Partial != tc.want {
			t.Errorf("after event %s/%d of %s: partial %v, want %v", tc.d.Epoch, tc.d.Seq, tc.match, m.Partial, tc.want)
		}
	}
	for i := range int64(501) {
		m := l.emit("m4", now, event.Data{Epoch: "e1", Seq: i + 1, Incident: fmt.Sprint("i", i)})
		if want := i == 500; m.Partial != want {
			t.Errorf("with %d incidents: partial %v, want %v", i+1, m.Partial, want)
		}
	}
}

// A new epoch begins without the score, the shoot-out, the line score or the incidents of the old
// epoch. An event of the old epoch changes nothing. Neither does an event without an epoch, if the match
// has an epoch or a later event.
func TestNewEpoch(t *testing.T) {
	l := &log{t: t, History: eventlog.NewHistory(1<<20, eventlog.Beginning())}
	now := time.Now()
	line := &event.LineScore{Home: event.Line{{Runs: 1}}}
	old := l.emit("m1", now, event.Data{Epoch: "e1", Seq: 1, Incident: "i1", Score: &event.Score{Home: 1},
		Shootout: &event.Score{Home: 3}, LineScore: line})
	if old.Score == nil || old.Shootout == nil || old.LineScore == nil || len(old.Incidents) != 1 {
		t.Fatalf("state %+v, want a score, a shoot-out, a line score and an incident", old)
	}
	if m := l.emit("m1", now, event.Data{Epoch: "e1", Seq: 2, Incident: "i2"}); m.Score == nil || m.Shootout == nil ||
		m.LineScore == nil || len(m.Incidents) != 2 {
		t.Errorf(
			"after an event without a score: state %+v, want the previous score, shoot-out and line score",
			m,
		)
	}
	m := l.emit("m1", now, event.Data{Epoch: "e2", Seq: 1, Incident: "i3"})
	if m.Score != nil || m.Shootout != nil || m.LineScore != nil || len(m.Incidents) != 1 {
		t.Errorf("after a new epoch: state %+v, want only the incident of its first event", m)
	}
	for what, d := range map[string]event.Data{
		"old epoch": {Epoch: "e1", Seq: 9, Score: &event.Score{}}, "no epoch": {Score: &event.Score{}},
	} {
		if m := l.emit("m1", now.Add(time.Hour), d); m != nil {
			t.Errorf("event with %s: state %+v, want no change", what, m)
		}
	}
	l.emit("m2", now, event.Data{})
	if m := l.emit("m2", now.Add(-time.Nanosecond), event.Data{Score: &event.Score{}}); m != nil {
		t.Errorf("an older event without an epoch: state %+v, want no change", m)
	}
}

// store returns Checkpoints that are stored on a new Redis server, and a client of the server.
func store(t *testing.T) (*eventlog.Checkpoints, *redis.Client) {
	r := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { r.Close() })
	return eventlog.NewCheckpoints(r, "mw:"), r
}

// A checkpoint records whether matches were dropped. A lower limit drops more matches. With a higher
// limit, the states stay partial.
func TestPartialCheckpoint(t *testing.T) {
	c, _ := store(t)
	l := &log{t: t, History: eventlog.NewHistory(1<<20, eventlog.Beginning().WithMatches(3))}
	emit := func(match string) { l.emit(match, time.Now(), event.Data{Epoch: "e", Seq: 1}) }
	check := func(limit int, partial bool, want ...string) {
		t.Helper()
		cp, err := c.Startup(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := eventlog.NewHistory(1<<20, cp.WithMatches(limit)).Now().States
		if got := ids(s); !slices.Equal(got, want) || s.Partial() != partial {
			t.Errorf("limit %d: matches %v, partial %v, want %v and %v", limit, got, s.Partial(), want, partial)
		}
	}
	for _, match := range []string{"m1", "m2", "m3"} {
		emit(match)
	}
	if err := c.Save(t.Context(), l.Checkpoint()); err != nil {
		t.Fatal(err)
	}
	check(3, false, "m3", "m2", "m1")
	check(5, false, "m3", "m2", "m1")
	check(2, true, "m3", "m2")
	for range 3000 { // the next checkpoint must be far enough from the previous one
		l.offset++
	}
	emit("m4")
	if err := c.Save(t.Context(), l.Checkpoint()); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), l.Checkpoint()); err != nil {
		t.Fatal(err)
	}
	at, err := c.Before(t.Context(), l.offset, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{3, 5} {
		if s := eventlog.NewHistory(1<<20, at.WithMatches(limit)).Now().States; !s.Partial() ||
			!slices.Equal(ids(s), []string{"m4", "m3", "m2"}) {
			t.Errorf("limit %d: matches %v, partial %v, want m4, m3 and m2, and true", limit, ids(s), s.Partial())
		}
	}
}

// Older versions had a fixed limit of 500 matches, and their checkpoints do not record whether matches
// were dropped. If such a checkpoint has 500 matches, matches that changed earlier may have been dropped.
func TestCheckpointOfAnOlderVersion(t *testing.T) {
	now := time.Now()
	for _, tc := range []struct {
		matches int
		first   time.Time // when the oldest match changed
		partial bool
	}{{499, now, false}, {500, now, true}, {500, now.AddDate(0, 0, -8), false}} {
		c, r := store(t)
		var text bytes.Buffer
		z := gzip.NewWriter(&text)
		lines := json.NewEncoder(z)
		cursor := broker.CursorAt(77, "e77").String()
		if err := lines.Encode(map[string]any{"cursor": cursor, "read": now, "by_hand": []string{}}); err != nil {
			t.Fatal(err)
		}
		for i := range tc.matches {
			at := now
			if i == 0 {
				at = tc.first
			}
			state := eventlog.MatchState{Match: event.Match{ID: fmt.Sprint("m", i)}, Updated: at, TID: event.NewTID()}
			if err := lines.Encode(&state); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("77 %d", now.UnixMilli())
		r.ZAdd(t.Context(), "mw:{fanout}:checkpoints", redis.Z{Score: 77, Member: name})
		r.HSet(t.Context(), "mw:{fanout}:states", name, text.Bytes())
		cp, err := c.Startup(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := eventlog.NewHistory(1<<20, cp.WithMatches(1000)).Now().States
		if s.Len() != tc.matches || s.Partial() != tc.partial {
			t.Errorf("checkpoint of %d matches, the first changed at %v: states of %d matches, partial %v, want all, partial %v",
				tc.matches, tc.first, s.Len(), s.Partial(), tc.partial)
		}
	}
}

// BenchmarkMatches measures the memory of a match with 30 incidents, and its size in a snapshot.
// docs/live.md contains the results.
func BenchmarkMatches(b *testing.B) {
	for b.Loop() {
		const matches, incidents = 200, 30
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		l := &log{t: b, History: eventlog.NewHistory(1, eventlog.Beginning().WithMatches(matches))} // without frames
		for i := range matches {
			for n := range int64(incidents) {
				l.emit(fmt.Sprint("match-", i), time.Now(), event.Data{
					Epoch: "0190b6a0-aaaa-7bbb-8ccc-ddddeeeeffff", Seq: n + 1, Rev: 1,
					Incident: fmt.Sprintf("0190b6a0-aaaa-7bbb-8ccc-%012d", n), Player: fmt.Sprint("Player Number ", n),
					Team: strings.Clone("Toronto FC"), Opponent: strings.Clone("New York City FC"), Side: event.Home,
					Clock: &event.Clock{Period: "1h", Minute: int(n) + 1}, Score: &event.Score{Home: int(n)},
				})
			}
		}
		states := l.Now().States
		l.DropAll()
		plain, size := heap()-before, 0
		for _, m := range states.Select(func(*eventlog.MatchState) bool { return true }) {
			text, err := m.Encode()
			if err != nil {
				b.Fatal(err)
			}
			size += len(text)
		}
		b.ReportMetric(float64(plain)/matches, "B/match")
		b.ReportMetric(float64(heap()-before)/matches, "B/match-encoded")
		b.ReportMetric(float64(size)/matches, "B/match-in-snapshot")
		runtime.KeepAlive(states)
		runtime.KeepAlive(l)
	}
}

// A retracted incident moves from the incidents to the retracted incidents, which are bounded. A correction
// keeps the first and the latest value of each changed member.
func TestRetractedAndChanged(t *testing.T) {
	l := &log{t: t, History: eventlog.NewHistory(1<<20, eventlog.Beginning())}
	now := time.Now().UTC()
	seq := int64(0)
	emit := func(action event.Action, incident string, change func(*event.Data)) *eventlog.MatchState {
		t.Helper()
		seq++
		d := event.Data{Epoch: "e1", Seq: seq, Incident: incident, Kind: event.Goal,
			Match: &event.Match{ID: "m", Status: event.Live, Clock: event.Clock{Period: "1h", Minute: 27}}}
		if change != nil {
			change(&d)
		}
		return l.emitKey("soccer.mls."+event.Goal.Word(action), now, d)
	}
	changed := func(old, now string) func(*event.Data) {
		return func(d *event.Data) {
			d.Player, d.Reason = now, "because"
			d.Changes = map[string]event.Change{"player": {Old: old, New: now}}
		}
	}
	emit(event.New, "a", func(d *event.Data) { d.Player = "Ann" })
	emit(event.Corrected, "a", changed("Ann", "Bea"))
	m := emit(event.Corrected, "a", changed("Bea", "Cleo"))
	i := m.Incidents[0]
	want := event.Change{Old: "Ann", New: "Cleo"}
	if i.Changes["player"] != want || i.Reason != "because" || i.Player != "Cleo" {
		t.Errorf("after two corrections: %+v, want the change %v", i, want)
	}
	if m = emit(event.Corrected, "a", changed("Cleo", "Ann")); m.Incidents[0].Changes != nil {
		t.Errorf("with the first value again: changes %v, want none", m.Incidents[0].Changes)
	}
	m = emit(event.Retracted, "a", func(d *event.Data) { d.Reason = "gone" })
	if len(m.Incidents) != 0 || len(m.Retracted) != 1 {
		t.Fatalf("after a retraction: %d incidents and %d retracted incidents, want 0 and 1",
			len(m.Incidents), len(m.Retracted))
	}
	r := m.Retracted[0]
	if r.Player != "Ann" || r.Retraction == nil || r.Retraction.Reason != "gone" || !r.Retraction.At.Equal(now) ||
		r.Retraction.Clock == nil || r.Retraction.Clock.Minute != 27 {
		t.Errorf("the retracted incident is %+v with the retraction %+v", r, r.Retraction)
	}
	some := m.WithIncidents(func(i *eventlog.Incident) bool { return i.Player != "Ann" })
	if len(some.Retracted) != 0 {
		t.Error("WithIncidents keeps a retracted incident that its function refuses")
	}
	if m = emit(event.New, "a", nil); len(m.Incidents) != 1 || len(m.Retracted) != 0 {
		t.Errorf("reported again: %d incidents and %d retracted incidents, want 1 and 0", len(m.Incidents), len(m.Retracted))
	}
	for n := range eventlog.MaxRetracted + 5 {
		emit(event.New, fmt.Sprint("x", n), nil)
		m = emit(event.Retracted, fmt.Sprint("x", n), nil)
	}
	if len(m.Retracted) != eventlog.MaxRetracted || m.Retracted[0].Incident != "x5" {
		t.Errorf("%d retracted incidents from %s, want %d from x5",
			len(m.Retracted), m.Retracted[0].Incident, eventlog.MaxRetracted)
	}
}
