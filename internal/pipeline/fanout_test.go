package pipeline

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/eventlog"
)

// stateOnBoard returns the same state that a fanout node computes from the same events. There is one
// difference: events that only change the state of a match are not incidents on its scoreboard.
func TestStateOnBoard(t *testing.T) {
	r := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer r.Close()
	c, err := scoreboard.New(consumers.Host{Redis: r, Prefix: "mw:", Settings: func(any) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	h := eventlog.NewHistory(1<<20, eventlog.Beginning())
	now := time.Now().UTC().Truncate(time.Second)
	match := event.Match{ID: "m1", Home: "Toronto FC", Away: "New York City FC", Start: now.Add(-time.Hour),
		Status: event.Live, Period: "2h"}
	early, late := &event.Clock{Period: "1h", Minute: 6}, &event.Clock{Period: "1h", Minute: 40}
	stale := match
	stale.Stale = &event.Stale{Since: now, Reason: "the site answered 403 Forbidden"}
	seq := int64(0)
	for _, e := range []struct {
		key string
		d   event.Data
	}{
		{"match_start", event.Data{Incident: "start", Score: &event.Score{}}},
		{"goal", event.Data{Incident: "late", Clock: late, Player: "Second", Side: event.Away, Team: match.Away,
			Score: &event.Score{Away: 1}, LineScore: &event.LineScore{Away: event.Line{{Runs: 1}}}}},
		{"goal", event.Data{Incident: "early", Clock: early, Player: "First",
			Assist: "A", Score: &event.Score{Home: 1, Away: 1}}},
		{"goal", event.Data{Incident: "gone", Clock: late, Score: &event.Score{Home: 2, Away: 1}}},
		{"goal_retracted", event.Data{Incident: "gone", Rev: 2, Clock: late, Score: &event.Score{Home: 1, Away: 1}}},
		{"goal_corrected", event.Data{Incident: "early", Rev: 2, Clock: early,
			Player: "Other", Score: &event.Score{Home: 1, Away: 1}}},
		{"lineup", event.Data{Incident: "l", Lineup: &event.Lineup{Players: []event.LineupPlayer{{Name: "N"}}}}},
		{"shootout_kick", event.Data{Incident: "k", Detail: "scored", Shootout: &event.Score{Home: 1}}},
	} {
		seq++
		if e.d.Match = &match; seq == 8 {
			e.d.Match = &stale
		}
		e.d.Epoch, e.d.Seq, e.d.Rev, e.d.League = "e1", seq, max(1, e.d.Rev), "MLS"
		made, err := event.Of("soccer.mls."+e.key, e.d, now.Add(time.Duration(seq)*time.Second-time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		made.TID = event.NewTID()
		m, err := broker.NewMessage(made)
		if err == nil {
			_, err = h.Append(broker.CursorAt(uint64(seq), m.ID), m, true)
		}
		if err == nil {
			err = c.Handle(t.Context(), made)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read := stateOnBoard(scoreboard.NewBoards(r, "mw:"))
	got, err := read(t.Context(), "m1")
	if err != nil || got == nil || !got.Scoreboard {
		t.Fatalf("state %+v, error %v, want a state from a scoreboard", got, err)
	}
	got.Scoreboard = false
	text := func(m *eventlog.MatchState) string {
		b, err := json.MarshalIndent(m, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	want := h.Now().States.Get("m1")
	if n := len(got.Retracted); n != 1 || got.Retracted[0].Incident != "gone" || got.Retracted[0].Retraction == nil {
		t.Fatalf("the scoreboard has %d retracted incidents, want the goal that was retracted", n)
	}
	if len(want.Retracted) != 1 || want.Retracted[0].Incident != got.Retracted[0].Incident {
		t.Errorf("the node has the retracted incidents %v, want the one of the scoreboard", want.Retracted)
	}
	for _, m := range []*eventlog.MatchState{got, want} {
		m.Retracted = nil // compared above: a scoreboard lacks the time and the changes
		for _, i := range m.Incidents {
			i.Changes, i.Reason = nil, ""
		}
	}
	if text(got) != text(want) {
		t.Errorf("the state on the scoreboard is\n%s\nwant the state of the node\n%s", text(got), text(want))
	}
	if got, err := read(t.Context(), "m2"); got != nil || err != nil {
		t.Errorf("a match without a scoreboard: state %v, error %v, want neither", got, err)
	}
}
