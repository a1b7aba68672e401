package parser_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/season"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// A season of real matches is reconciled from pages with many faults; see season.Match.Pages. The
// parser restarts after each page, and two parsers read every other page. Each match must end with
// the real result, with each goal reported once. No event may report an incident that no fresh page
// showed.
func TestSeason(t *testing.T) {
	matches, err := season.Load(testenv.Needs(t, testenv.Season(".."), "MATCHWIRE_SEASON"))
	if err != nil || len(matches) == 0 {
		t.Fatalf("loaded %d matches, error %v, want at least one match", len(matches), err)
	}
	seed := uint64(1)
	if s := os.Getenv("MATCHWIRE_SEED"); s != "" {
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("MATCHWIRE_SEED: %v", err)
		}
	}
	step := 1
	switch {
	case testing.Short():
		step = 50
	case testenv.Race:
		step = 10
	}
	prof, err := profile.Load("season.yaml", []byte(season.Profile))
	if err != nil {
		t.Fatal(err)
	}
	results := make([]tally, len(matches))
	var workers errgroup.Group
	workers.SetLimit(runtime.GOMAXPROCS(0))
	for i := 0; i < len(matches); i += step {
		workers.Go(func() error {
			results[i] = run(t.Context(), prof, &matches[i], seed)
			return nil
		})
	}
	_ = workers.Wait()
	var sum tally
	for i := 0; i < len(matches); i += step {
		sum.add(results[i])
		if len(results[i].wrong) > 0 && sum.shown < 20 {
			sum.shown++
			m := &matches[i]
			t.Errorf("%s %s v %s (MATCHWIRE_SEED=%d): %v", m.ID, m.Home, m.Away, seed, results[i].wrong)
		}
	}
	t.Logf("matches %d/%d goals %d/%d lost %d doubled %d spurious %d",
		sum.right, sum.matches, sum.found, sum.goals, sum.lost, sum.doubled, sum.spurious)
	if sum.right != sum.matches || sum.lost+sum.doubled+sum.spurious > 0 {
		t.Fail()
	}
}

// A tally counts matches, goals and errors.
type tally struct {
	matches, right int // number of matches, and of matches without errors
	goals, found   int // number of goals in the facts, and of goals that are tracked
	lost           int // number of facts without an incident
	doubled        int // number of different incidents that are tracked more often than in the facts
	spurious       int // number of events that no fresh page showed

	wrong []string // descriptions of all errors
	shown int      // number of matches whose errors were reported
}

// add adds the tally of one match.
func (s *tally) add(one tally) {
	s.matches, s.goals, s.found = s.matches+1, s.goals+one.goals, s.found+one.found
	s.lost, s.doubled, s.spurious = s.lost+one.lost, s.doubled+one.doubled, s.spurious+one.spurious
	if len(one.wrong) == 0 {
		s.right++
	}
}

// run reconciles the pages of a match, and compares the events and the final state with the facts.
func run(ctx context.Context, prof *profile.Profile, m *season.Match, seed uint64) (sum tally) {
	pages, facts := m.Pages(seed)
	state := reconcile.State{Epoch: "e"}
	shown := map[string]bool{}          // rows and scores that fresh pages have shown so far
	tracked := map[string]event.Event{} // by ID of each tracked incident: its latest event
	wrong := func(count *int, format string, args ...any) {
		*count++
		sum.wrong = append(sum.wrong, fmt.Sprintf(format, args...))
	}
	fewer := map[event.Side]bool{} // whether the latest fresh page showed fewer goals of the side than are tracked
	var other int                  // number of other errors
	var kickoffs kickoffs
	latest := map[string]bool{} // rows of the latest page with current facts
	for n, fetched := range pages {
		if fetched.Current() {
			fewer = fewerGoals(fetched, tracked)
			latest = map[string]bool{}
			for _, f := range fetched.Rows {
				shown[f.Kind+f.Side+f.Player], latest[f.Kind+f.Side+f.Player] = true, true
			}
			for k := range fetched.Score.Home {
				shown[fmt.Sprint("home", k+1)] = true
			}
			for k := range fetched.Score.Away {
				shown[fmt.Sprint("away", k+1)] = true
			}
		}
		for range 1 + n%2 { // two parsers read every other page
			all, _, err := prof.Extract(ctx, page.Page{Body: fetched.Body})
			if err != nil {
				if fetched.Fault == "" {
					wrong(&other, "a page without a fault is unusable: %v", err)
				}
				continue
			}
			all[0].Match.ID = m.ID
			next, events, err := reconcile.Match(restarted(state), all[0], reconcile.Provenance{
				TID: event.NewTID(), Site: "/parser/season", At: fetched.At,
				Evidence: event.Evidence{Snapshot: fmt.Sprintf("%x", season.Hash(fetched.Body))},
			})
			if errors.Is(err, reconcile.ErrOtherMatch) && fetched.Fault != "" {
				continue // the name of a team is truncated
			}
			if err != nil {
				wrong(&other, "reconciling a page: %v", err)
				return sum
			}
			state = next
			kickoffs.show(&fetched, m)
			for _, e := range events {
				d := e.Data
				if fetched.Fault == season.Preview || fetched.Fault == season.SecondGame {
					wrong(&sum.spurious, "unexpected %s on a %s", e.Type, fetched.Fault)
				}
				if d.Kind == event.MatchEnd && e.Time.Before(m.EarliestEnd()) {
					wrong(&sum.spurious, "unexpected %s at %s", e.Type, e.Time)
				}
				if d.Kind == "kickoff_changed" {
					kickoffs.reported++
				}
				if d.Changes["player"].Old == season.CancelledScorer {
					wrong(&sum.spurious, "unexpected %s of a cancelled goal: another goal is new", e.Type)
				}
				switch d.Action {
				case event.New:
					k := d.Kind
					goalOrCard := k == event.Goal || k == event.YellowCard || k == event.RedCard
					if goalOrCard && !d.Provisional && !shown[string(k)+string(d.Side)+d.Player] ||
						k == event.Goal && !shown[fmt.Sprint(d.Side, d.Score.Of(d.Side))] {
						wrong(&sum.spurious, "unexpected %s of %s %s at %s", e.Type, d.Side, d.Player, d.Time)
					}
					tracked[d.Incident] = e
				case event.Corrected:
					tracked[d.Incident] = e
				case event.Retracted:
					if _, ok := tracked[d.Incident]; !ok {
						wrong(&sum.spurious, "unexpected %s of an incident that is not tracked", e.Type)
					}
					replaced := (d.Player == season.CancelledScorer || d.Player == season.DisallowedScorer) &&
						!latest[string(d.Kind)+string(d.Side)+d.Player]
					if d.Side != "" && !(d.Kind == event.Goal && (fewer[d.Side] || replaced)) {
						wrong(&sum.spurious, "unexpected %s of %s %s at %s", e.Type, d.Side, d.Player, d.Time)
					}
					delete(tracked, d.Incident)
				}
			}
		}
	}
	sum.compare(state, facts, wrong)
	if state.Match.Status != event.Final || state.Score == nil || *state.Score != event.Score(m.Final) {
		wrong(&other, "status %s, score %v, want final, %v", state.Match.Status, state.Score, m.Final)
	}
	if m.Shootout != nil && (state.Shootout == nil || *state.Shootout != event.Score(m.Shootout.Score)) {
		wrong(&other, "tally of the shoot-out %v, want %v", state.Shootout, m.Shootout.Score)
	}
	if kickoffs.reported != kickoffs.moved || !state.Match.Start.Equal(m.Kickoff) {
		wrong(&other, "%d moves of the kick-off to %s, want %d to %s", kickoffs.reported, state.Match.Start, kickoffs.moved,
			m.Kickoff)
	}
	startsAndEnds := map[string]int{}
	for _, in := range state.Tracked {
		if in.Side == "" && in.Kind != event.ScoreChange {
			startsAndEnds[string(in.Kind)+" "+string(in.Clock.Period)]++
		}
	}
	want := map[string]int{"match_start ": 1, "match_end ": 1}
	for p := range m.Periods {
		want["period_start "+p], want["period_end "+p] = 1, 1
	}
	if m.Shootout != nil {
		want["period_start so"], want["period_end so"] = 1, 1
	}
	if !maps.Equal(startsAndEnds, want) {
		wrong(&other, "starts and ends %v, want %v", startsAndEnds, want)
	}
	return sum
}

// kickoffs counts the moves of a kick-off.
type kickoffs struct {
	last            time.Time // the latest kick-off that a page has shown
	moved, reported int       // number of moves that pages have shown before the match, and of events
}

// show counts a move if a current page before the match shows another kick-off than the page before.
func (k *kickoffs) show(p *season.Page, m *season.Match) {
	if !p.Current() {
		return
	}
	if p.At.Before(m.Kickoff) && !k.last.IsZero() && !k.last.Equal(p.Start) {
		k.moved++
	}
	k.last = p.Start
}

// fewerGoals reports for each side whether a page shows fewer goals than are tracked.
func fewerGoals(p season.Page, tracked map[string]event.Event) map[event.Side]bool {
	goals := event.Score{}
	for _, e := range tracked {
		if e.Data.Kind == event.Goal {
			goals = goals.Add(e.Data.Side, 1)
		}
	}
	return map[event.Side]bool{event.Home: p.Score.Home < goals.Home, event.Away: p.Score.Away < goals.Away}
}

// compare compares the tracked incidents with the facts, and counts the differences.
func (s *tally) compare(state reconcile.State, facts []season.Fact, wrong func(*int, string, ...any)) {
	key := func(kind, detail, side, player, off string, minute, stoppage int) string {
		return fmt.Sprintf("%s/%s %s %s(%s) %d+%d", kind, detail, side, player, off, minute, stoppage)
	}
	incidents := map[string]int{}
	for _, in := range state.Tracked {
		if in.Side != "" {
			k := key(string(in.Kind), in.Detail, string(in.Side), in.Player, in.Off, in.Clock.Minute, in.Clock.Stoppage)
			incidents[k]++
		}
	}
	for _, f := range facts {
		k := key(f.Kind, f.Detail, f.Side, f.Player, f.Off, f.Minute, f.Stoppage)
		if f.Kind == "goal" {
			s.goals++
		}
		if incidents[k] == 0 {
			wrong(&s.lost, "missing incident %s", k)
			continue
		}
		incidents[k]--
		if f.Kind == "goal" {
			s.found++
		}
	}
	for k, n := range incidents {
		if n > 0 {
			wrong(&s.doubled, "too many incidents %s", k)
		}
	}
}

// restarted returns the state as a restarted parser loads it.
func restarted(s reconcile.State) reconcile.State {
	var again reconcile.State
	b, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(b, &again)
	}
	if err != nil {
		panic(err)
	}
	return again
}
