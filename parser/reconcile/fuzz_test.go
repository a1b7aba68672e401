package reconcile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// FuzzMatch reconciles generated pages, and checks these properties:
//
//   - In sports that count goals, the score equals the number of tracked goals.
//   - Each correction and retraction supersedes the latest event of a tracked incident.
//   - The same input gives the same state and events.
//   - Applying the events in order gives the incidents that the state tracks.
//   - The sequence numbers of the events are consecutive.
//   - The state that is passed does not change.
func FuzzMatch(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"))
	f.Add(bytes.Repeat([]byte("goal! \x10\x20\x30"), 20))
	f.Add(bytes.Repeat([]byte{1, 1, 20, 1, 0, 1, 3, 0, 0, 10, 2}, 12))
	f.Add([]byte("\x02\x01\x00\x10\x01\x00\x01\x00\x02\x01\x01\x14\x00\x02\x02\x01\x01\x00\x14\x02"))
	seeds := uint64(100)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		long := make([]byte, 600)
		rnd := rand.New(rand.NewPCG(seed, 1))
		for i := range long {
			long[i] = byte(rnd.Uint32())
		}
		f.Add(long)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &script{data: data}
		state := reconcile.State{Epoch: "e"}
		tracked := map[string]event.Data{}
		latest := map[string]string{} // by incident: ID of its latest event
		now, seq := parsertest.Noon, int64(0)
		sport := []event.Sport{event.Soccer, event.IceHockey, event.Basketball}[in.below(3)]
		for n := 0; n < 40 && !in.over(); n++ {
			now = now.Add(time.Duration(in.below(12)) * 10 * time.Second)
			from := reconcile.Provenance{TID: event.TID{1}, Site: "/parser/fuzz", At: now,
				Evidence: event.Evidence{Snapshot: string('a' + rune(in.below(4)))}}
			if in.below(3) == 0 {
				from.Modified = parsertest.Noon.Add(time.Duration(in.below(20)) * time.Minute)
			}
			before, _ := json.Marshal(state)
			var next, again reconcile.State
			var events, sameEvents []event.Event
			var err error
			if in.below(12) == 0 {
				next, events, err = reconcile.MarkStale(state, from, "fuzz")
				again, sameEvents, _ = reconcile.MarkStale(state, from, "fuzz")
			} else {
				o := in.observation(sport)
				next, events, err = reconcile.Match(state, o, from)
				again, sameEvents, _ = reconcile.Match(state, o, from)
			}
			if errors.Is(err, reconcile.ErrOtherMatch) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if after, _ := json.Marshal(state); !bytes.Equal(before, after) {
				t.Fatalf("the state that was passed has changed:\n%s\n%s", before, after)
			}
			if !parsertest.SameJSON(next, again) || !parsertest.SameJSON(events, sameEvents) {
				t.Fatal("the same input gives a different state or different events")
			}
			for _, e := range events {
				d := e.Data
				if seq++; d.Seq != seq {
					t.Fatalf("seq %d, want %d", d.Seq, seq)
				}
				was, ok := tracked[d.Incident]
				switch d.Action {
				case event.New:
					if ok {
						t.Fatalf("%s is new, but its incident is already tracked", parsertest.Line(e))
					}
					if d.Rev != 1 || d.Supersedes != "" {
						t.Fatalf("%s is new, but has rev %d and supersedes %q, want rev 1 and no superseded event",
							parsertest.Line(e), d.Rev, d.Supersedes)
					}
				default:
					if !ok || d.Supersedes != latest[d.Incident] || d.Rev != was.Rev+1 {
						t.Fatalf("%s supersedes %q with rev %d, want the latest event %q of a tracked incident with rev %d",
							parsertest.Line(e), d.Supersedes, d.Rev, latest[d.Incident], was.Rev+1)
					}
				}
				if slices.Contains(untracked, d.Kind) {
					continue
				}
				tracked[d.Incident], latest[d.Incident] = d, e.ID
				if d.Action == event.Retracted {
					delete(tracked, d.Incident)
				}
			}
			text, err := json.Marshal(next)
			if err != nil {
				t.Fatal(err)
			}
			state = reconcile.State{}
			if err := json.Unmarshal(text, &state); err != nil {
				t.Fatal(err)
			}
			checkState(t, &state, tracked)
		}
	})
}

// untracked lists the kinds of incidents that the state does not track.
var untracked = []event.Kind{event.StatusChange, event.ScoreChange, event.KickoffChanged,
	event.SourceStale, event.SourceFresh}

// checkState checks that the state tracks exactly the incidents in tracked.
func checkState(t *testing.T, s *reconcile.State, tracked map[string]event.Data) {
	t.Helper()
	goals := event.Score{}
	if len(s.Tracked)+len(s.Lineups) != len(tracked) {
		t.Fatalf("the state tracks %d incidents and %d line-ups, want %d in total, as in the events",
			len(s.Tracked), len(s.Lineups), len(tracked))
	}
	for _, got := range s.Tracked {
		d, ok := tracked[got.ID]
		if !ok || d.Kind != got.Kind || d.Side != got.Side || d.Player != got.Player || d.Detail != got.Detail ||
			d.Rev != got.Rev || d.Provisional != got.Provisional {
			t.Fatalf("the state tracks %+v, want the incident of %+v", got, d)
		}
		if got.Kind == event.Goal {
			goals = goals.Add(got.Side, 1)
		}
	}
	if s.Sport.Rules().CountsGoals && s.Score != nil && *s.Score != goals {
		t.Fatalf("score %v, want %v, the tracked goals", s.Score, goals)
	}
}

// A script generates observations from bytes.
type script struct{ data []byte }

// over reports whether all bytes are used.
func (s *script) over() bool { return len(s.data) == 0 }

// below uses one byte and returns a number below n, or 0 if the script is over.
func (s *script) below(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return int(b) % n
}

// observation returns an observation that the next bytes define.
func (s *script) observation(sport event.Sport) observation.Observation {
	o := observation.Observation{Sport: sport, League: "L", Match: event.Match{ID: "m", Home: "Home", Away: "Away"}}
	if s.below(30) == 1 {
		o.Match.Away = []string{"Other", "A?ay", "away", "W74"}[s.below(4)]
	}
	o.Match.Status = append(event.Statuses(), event.Live, event.Live, event.Live, "")[s.below(len(event.Statuses())+4)]
	periods := append(sport.Rules().Periods, "", "")
	o.Match.Period = periods[s.below(len(periods))]
	clock := func() event.Clock {
		m := s.below(125)
		if sport == event.Soccer {
			return event.SoccerMinute("", max(m, 1), s.below(4))
		}
		return event.Clock{Period: periods[s.below(4)], Elapsed: m * 5}
	}
	if s.below(2) == 0 {
		o.Match.Clock = clock()
	}
	if s.below(8) > 0 {
		o.Score = &event.Score{Home: s.below(4), Away: s.below(4)}
	}
	if s.below(6) == 1 {
		o.Shootout = &event.Score{Home: s.below(4), Away: s.below(4)}
	}
	kinds := sport.Rules().Kinds
	for range s.below(7) {
		in := observation.Incident{Kind: kinds[s.below(3)], Side: []event.Side{event.Home, event.Away}[s.below(2)],
			Player: []string{"Ann", "B\u00f6b", "Cy", "", "C?"}[s.below(5)], Clock: clock()}
		switch s.below(6) {
		case 1:
			in.Kind = kinds[s.below(len(kinds))]
		case 2:
			in.Detail = []string{"penalty", "own_goal", "scored", "missed"}[s.below(4)]
		case 3:
			in.Clock = event.Clock{}
		}
		if sport == event.Basketball || s.below(6) == 1 {
			in.Score = &event.Score{Home: s.below(6), Away: s.below(6)}
		}
		o.Incidents = append(o.Incidents, in)
	}
	switch s.below(8) {
	case 1:
		o.Match.Start = parsertest.Noon.Add(time.Duration(s.below(7)) * 20 * time.Minute)
	case 2:
		l := observation.Lineup{Side: event.Home, Lineup: event.Lineup{Formation: []string{"", "4-4-2"}[s.below(2)]}}
		for range s.below(3) {
			l.Players = append(l.Players, event.LineupPlayer{Name: []string{"Ann", "Cy", "C?"}[s.below(3)],
				Number: []string{"", "7"}[s.below(2)], Substitute: s.below(2) == 0})
		}
		o.Lineups = []observation.Lineup{l}
	}
	o.NoRows = len(o.Incidents) == 0
	return o
}
