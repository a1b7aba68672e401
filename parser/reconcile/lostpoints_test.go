package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// score returns a score of the home and the away side.
func score(home, away int) event.Score { return event.Score{Home: home, Away: away} }

// run returns a run of a side in an inning. after is the score after the run. If hit is "home_run",
// the run is a home run.
func run(side event.Side, player, hit string, inning event.Period, after event.Score) observation.Incident {
	in := observation.Incident{Kind: "run", Detail: hit, Side: side, Player: player, Score: &after,
		Clock: event.Clock{Period: inning, Half: event.Top}}
	if side == event.Home {
		in.Clock.Half = event.Bottom
	}
	if hit == "home_run" {
		in.Kind, in.Detail = "home_run", ""
	}
	return in
}

// expectFor reads a page n times, 40 seconds apart, and compares all events with want.
func (s *story) expectFor(n int, o observation.Observation, want ...string) {
	s.t.Helper()
	var all []string
	for range n {
		all = append(all, s.read(o)...)
		s.now += 20 * time.Second
	}
	if !slices.Equal(all, want) {
		s.t.Errorf("events %q, want %q", all, want)
	}
}

// A hit counts as two runs at first, and then as one. The row of the run appears only after the
// score has fallen. The event of the run has the score of this page, not the higher score of the
// page before.
func TestLateRunAfterTheScoreFell(t *testing.T) {
	t.Parallel()
	posey := run(event.Away, "Posey", "double", "i5", score(5, 3))
	s := begin(t, baseballAt("i5", event.Top, score(5, 2)))
	s.expect(baseballAt("i5", event.Top, score(5, 4)), "score_change 5-4")
	s.expectFor(4, baseballAt("i5", event.Top, score(5, 3), posey), "run away Posey double 5-3")
}

// A page lists two of three games. The score_change for the third game follows the events of the
// two games.
func TestScoreChangeAfterTheListedGames(t *testing.T) {
	t.Parallel()
	first, second := wins("game", event.Away, "s1", score(0, 1)), wins("game", event.Home, "s1", score(1, 1))
	s := begin(t, tennisAt("s1", score(0, 0)))
	s.expect(tennisAt("s1", score(2, 1), first, second),
		"game away Ferrer 0-1", "game home Murray 1-1", "score_change 2-1")
}

// A match is suspended for the night after a set. The page already shows 0-0 for the next set.
func TestSuspendedBetweenSets(t *testing.T) {
	t.Parallel()
	last := wins("game", event.Away, "s1", score(4, 6))
	first := tennisAt("", score(0, 0))
	first.Match.Status = event.Scheduled
	s := begin(t, first)
	o := tennisAt("", score(0, 0), last)
	o.Match.Status = event.Suspended
	if events := s.read(o); !slices.Contains(events, "status_change suspended 0-0") || *s.state.Score != score(0, 0) {
		t.Errorf("events %q, saved score %v, want a status_change at 0-0", events, s.state.Score)
	}
}

// The officials cancel Ann's run, and the page shows the lower score 1-0. A stale copy from
// before Ora's run also shows 1-0. The copy does not count as another page that confirms the lower
// score, so Ora's run, which the copy lacks, stays.
func TestStaleCopyDoesNotConfirmALowerScore(t *testing.T) {
	t.Parallel()
	ann, ora := run(event.Home, "Ann", "single", "i3", score(1, 0)), run(event.Home, "Ora", "double", "i4", score(2, 0))
	moved := run(event.Home, "Ora", "double", "i4", score(1, 0))
	s := begin(t, baseballAt("i4", event.Bottom, score(0, 0)))
	read := func(snapshot string, o observation.Observation) []string {
		s.snapshot = snapshot
		s.now += 30 * time.Second
		return s.read(o)
	}
	before := baseballAt("i4", event.Bottom, score(1, 0), ann)
	read("before", before)
	read("after", baseballAt("i4", event.Bottom, score(2, 0), ann, ora))
	for range 2 {
		read("lower", baseballAt("i4", event.Bottom, score(1, 0), moved))
	}
	if events := read("before", before); len(events) > 0 {
		t.Errorf("a stale copy causes the events %q, want none", events)
	}
	var all []string
	for range 4 {
		all = append(all, read("lower", baseballAt("i4", event.Bottom, score(1, 0), moved))...)
	}
	want := []string{"run_retracted home Ann single 1-0", "run_corrected home Ora double 1-0 score:2-0→1-0"}
	if !slices.Equal(all, want) {
		t.Errorf("events %q, want %q", all, want)
	}
}

// If the page moves a run to another inning, the run is still the same incident, even if the same page
// removes the previous run.
func TestRunMovedToAnotherInning(t *testing.T) {
	t.Parallel()
	ann := run(event.Home, "Ann", "single", "i7", score(5, 1))
	naquin := func(inning event.Period, home int) observation.Incident {
		return run(event.Home, "Naquin", "home_run", inning, score(home, 1))
	}
	s := begin(t, baseballAt("i7", event.Bottom, score(4, 1)))
	s.expect(baseballAt("i7", event.Bottom, score(6, 1), ann, naquin("i7", 6)),
		"run home Ann single 5-1", "home_run home Naquin 6-1")
	s.expect(baseballAt("i7", event.Bottom, score(6, 1), ann, naquin("i6", 6)),
		"home_run_corrected home Naquin 6-1 time:i7 bottom→i6 bottom")
	s.expectFor(4, baseballAt("i7", event.Bottom, score(5, 1), naquin("i7", 5)), "run_retracted home Ann single 5-1",
		"home_run_corrected home Naquin 5-1 score:6-1→5-1 time:i6 bottom→i7 bottom")
}

// The home score falls by one while the page lists no run of the home side. A run is
// retracted only when the page lists the other run again, and so shows which run was cancelled.
func TestNoRowShowsWhichRunIsGone(t *testing.T) {
	t.Parallel()
	braun := run(event.Away, "Braun", "double", "i7", score(0, 1))
	ann, pat := run(event.Home, "Ann", "single", "i7", score(1, 1)), run(event.Home, "Pat", "single", "i8", score(2, 1))
	s := begin(t, baseballAt("i8", event.Bottom, score(0, 1), braun))
	s.expect(baseballAt("i8", event.Bottom, score(2, 1), braun, ann, pat),
		"run home Ann single 1-1", "run home Pat single 2-1")
	s.expectFor(4, baseballAt("i8", event.Bottom, score(1, 1), braun), "score_change 1-1")
	s.expectFor(5, baseballAt("i8", event.Bottom, score(1, 1), braun, run(event.Home, "Pat", "single", "i8", score(1, 1))),
		"run_corrected home Pat single 1-1 score:2-1→1-1", "run_retracted home Ann single 1-1")
}

// The page changes the score after a later run of the away side from 2-4 to 1-4. So a run of the
// home side was cancelled, although a two-run home run raises the score again.
func TestScoreOfTheOtherSideShowsAMissingRun(t *testing.T) {
	t.Parallel()
	pedroia := run(event.Home, "Pedroia", "double", "i5", score(1, 3))
	ann := run(event.Home, "Ann", "single", "i5", score(2, 3))
	frazier := func(home int) observation.Incident {
		return run(event.Away, "Frazier", "sacrifice_fly", "i6", score(home, 4))
	}
	s := begin(t, baseballAt("i6", event.Top, score(0, 3)))
	s.expect(baseballAt("i6", event.Top, score(2, 4), pedroia, ann, frazier(2)), "run home Pedroia double 1-3",
		"run home Ann single 2-3", "run away Frazier sacrifice_fly 2-4")
	ramirez := run(event.Home, "Ramirez", "home_run", "i6", score(3, 4))
	s.expectFor(6, baseballAt("i6", event.Bottom, score(3, 4), pedroia, frazier(1), ramirez),
		"run_retracted home Ann single 3-4", "run_corrected away Frazier sacrifice_fly 3-4 score:2-4→1-4",
		"home_run home Ramirez 3-4")
}

// The row of a run between two other runs vanishes. The score is also possible without the run,
// because the home run after it can count for two. The run is retracted only if the row stays missing.
func TestRunGoneFromTheMiddle(t *testing.T) {
	t.Parallel()
	ann, bea := run(event.Home, "Ann", "single", "i2", score(1, 0)), run(event.Home, "Bea", "single", "i3", score(2, 0))
	ora := run(event.Home, "Ora", "home_run", "i4", score(3, 0))
	all := baseballAt("i4", event.Bottom, score(3, 0), ann, bea, ora)
	without := baseballAt("i4", event.Bottom, score(3, 0), ann, ora)
	s := begin(t, all)
	s.expectFor(2, without)
	s.expectFor(2, all)
	s.expectFor(5, without, "run_retracted home Bea single 3-0")
}

// A scoreboard without rows removes a run. A later page that shows the old score again may be a stale
// copy, unless the page is known to be newer.
func TestRemovedRunReturnsOnAScoreboard(t *testing.T) {
	t.Parallel()
	s := begin(t, baseballAt("i8", "", score(8, 6)))
	s.expectFor(4, baseballAt("i8", "", score(7, 6)), "score_change 7-6")
	s.expectFor(2, baseballAt("i8", "", score(8, 6)))
	s.expectFor(2, baseballAt("i8", "", score(7, 6)))
	s.expectFor(4, baseballAt("i8", "", score(8, 6)), "score_change 8-6") // a real run, confirmed
}

// One page removes a game of the first set and shows the first game of the second set. A copy
// from before that page shows the same number of games, but is older.
func TestStaleCopyWithAsManyGames(t *testing.T) {
	t.Parallel()
	s := begin(t, withSets(tennisAt("s2", score(0, 0)), score(6, 3), score(0, 0)))
	s.read(withSets(tennisAt("s2", score(0, 1)), score(6, 2), score(0, 1)))
	s.expectFor(2, withSets(tennisAt("s2", score(0, 0)), score(6, 3), score(0, 0)))
}

// The page corrects the batter of a double, and removes the run before the double. The double is
// still the same incident.
func TestSameHitOfAnotherBatter(t *testing.T) {
	t.Parallel()
	s := begin(t, baseballAt("i8", event.Bottom, score(8, 5)))
	ann, ora := run(event.Home, "Ann", "single", "i8", score(9, 5)), run(event.Home, "Ora", "double", "i8", score(10, 5))
	s.expect(baseballAt("i8", event.Bottom, score(10, 5), ann, ora), "run home Ann single 9-5", "run home Ora double 10-5")
	s.expectFor(4, baseballAt("i8", event.Bottom, score(9, 5), run(event.Home, "Zoe", "double", "i8", score(9, 5))),
		"run_retracted home Ann single 9-5", "run_corrected home Zoe double 9-5 player:Ora→Zoe score:10-5→9-5")
}

// A run is cancelled. At the same time, the page shortens the name of the next player, and lowers
// the score after the run. The saved name contains the shorter name, so the row shows the same run.
func TestNameShortenedWhenTheScoreFalls(t *testing.T) {
	t.Parallel()
	ora := run(event.Away, "Ora Marcus Semien", "single", "i6", score(0, 2))
	s := begin(t, baseballAt("i6", event.Top, score(0, 0)))
	s.expect(baseballAt("i6", event.Top, score(0, 2), run(event.Away, "Ann", "single", "i6", score(0, 1)), ora),
		"run away Ann single 0-1", "run away Ora Marcus Semien single 0-2")
	s.expectFor(6, baseballAt("i6", event.Top, score(0, 1), run(event.Away, "Marcus Semien", "single", "i6", score(0, 1))),
		"run_retracted away Ann single 0-1",
		"run_corrected away Marcus Semien single 0-1 player:Ora Marcus Semien→Marcus Semien score:0-2→0-1")
}

// A run is cancelled, and another run of the side follows before the next poll. The page lowers
// the score after the home run of the other side. That shows that the new row is not a correction
// of the first run.
func TestRunCancelledBeforeAnotherRun(t *testing.T) {
	t.Parallel()
	ann := run(event.Home, "Ann", "single", "i14", score(5, 4))
	s := begin(t, baseballAt("i14", event.Bottom, score(4, 4)))
	s.expect(baseballAt("i15", event.Top, score(5, 5), ann, run(event.Away, "Ora", "home_run", "i15", score(5, 5))),
		"run home Ann single 5-4", "period_end i14 5-4", "period_start i15 5-4", "home_run away Ora 5-5")
	s.expect(baseballAt("i15", event.Bottom, score(5, 5), run(event.Away, "Ora", "home_run", "i15", score(4, 5)),
		run(event.Home, "Bea", "single", "i14", score(5, 5))),
		"run_retracted home Ann single 5-5", "run home Bea single 5-5", "home_run_corrected away Ora 5-5 score:5-5→4-5")
}

// A match is suspended at 1-1 in the first set. The next page shows 1-1 in the second set, and the
// row of its second game is late. The score of the second set is reported.
func TestNextSetHasTheSameScore(t *testing.T) {
	t.Parallel()
	all := []observation.Incident{wins("game", event.Home, "s1", score(1, 0)), wins("game", event.Away, "s1", score(1, 1))}
	s := begin(t, tennisAt("s1", score(1, 1), all...))
	stopped := tennisAt("", score(1, 1), all...)
	stopped.Match.Status = event.Suspended
	s.read(stopped)
	for games := 2; games <= 6; games++ {
		all = append(all, wins("game", event.Away, "s1", score(1, games)))
	}
	all = append(all, wins("break", event.Home, "s2", score(1, 0)))
	s.now += 15 * time.Hour
	events := s.read(tennisAt("s2", score(1, 1), all...))
	if last := events[len(events)-1]; last != "score_change 1-1" {
		t.Errorf("events %q, want the last to be score_change 1-1", events)
	}
	s.expect(tennisAt("s2", score(1, 1), append(all, wins("break", event.Away, "s2", score(1, 1)))...),
		"break away Ferrer 1-1")
}

// The score falls from 2-0 to 1-0, and the list loses its only run. A score of 1-0 needs a run, so the list
// may be incomplete. The run is retracted only if the list stays empty.
func TestListEmptyAfterTheScoreFell(t *testing.T) {
	t.Parallel()
	at := func(after event.Score, in ...observation.Incident) observation.Observation {
		o := baseballAt("i2", event.Bottom, after, in...)
		o.Lists = []int{len(in)}
		return o
	}
	for _, returns := range []bool{true, false} {
		s := begin(t, at(score(0, 0)))
		s.expect(at(score(2, 0), run(event.Home, "Ramos", "double", "i2", score(2, 0))), "run home Ramos double 2-0")
		var all []string
		for range 6 {
			all = append(all, s.read(at(score(1, 0)))...)
		}
		if slices.ContainsFunc(all, func(e string) bool { return e == "run_retracted home Ramos double 1-0" }) {
			t.Errorf("the events %q retract the run before the list has been empty for two minutes, want no retraction", all)
		}
		for range 12 {
			if returns {
				all = append(all, s.read(at(score(1, 0), run(event.Home, "Ramos", "double", "i2", score(1, 0))))...)
			} else {
				all = append(all, s.read(at(score(1, 0)))...)
			}
		}
		if got := slices.Contains(all, "run_retracted home Ramos double 1-0"); got == returns {
			t.Errorf("the row returns: %t; the run is retracted: %t, want %t; events %q", returns, got, !returns, all)
		}
	}
}
