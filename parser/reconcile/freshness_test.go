package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/observation"
)

// A stale copy retracts a goal only if the copy persists for 90 seconds.
func TestStaleCopiesRetractNothing(t *testing.T) {
	t.Parallel()
	one := goalBy(event.Away, "Giovinco", at(50, 0))
	old, now := live(49, event.Score{}), live(51, event.Score{Away: 1}, one)
	s := begin(t, old)
	s.expect(now, "goal 50' away Giovinco 0-1")
	// An old and a new page alternate with every poll.
	for range 10 {
		s.expect(old)
		s.expect(now)
	}
	// Stale copies persist for a minute.
	for range 3 {
		s.expect(old)
	}
	s.expect(live(53, event.Score{Away: 1}, one))
	// A page that persists for 90 seconds is accepted.
	for range 5 {
		s.expect(old)
	}
	s.expect(old, "goal_retracted 50' away Giovinco 0-0")
}

// If newer bytes have already replaced the bytes of a page, the page is a stale copy, even if the
// number of rows is the same. It causes no event unless it persists.
func TestReplacedPageReturns(t *testing.T) {
	t.Parallel()
	old := observed(event.Live, "1h", event.Score{Home: 1}, goalBy(event.Home, "A", at(37, 0)))
	edited := observed(event.Live, "1h", event.Score{Home: 1}, goalBy(event.Home, "A", at(38, 0)))
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	s.snapshot = "old"
	s.expect(old, "goal 37' home A 1-0")
	s.snapshot = "new"
	s.expect(edited, "goal_corrected 38' home A 1-0 time:37'→38'")
	for range 5 {
		s.snapshot = "old"
		s.expect(old)
		s.snapshot = "new"
		s.expect(edited)
	}
	for range 5 { // now the old bytes persist
		s.snapshot = "old"
		s.expect(old)
	}
	s.expect(old, "goal_corrected 37' home A 1-0 time:38'→37'")
}

// The time of a hold counts only while there are polls. A stale copy before an outage and a stale
// copy after the outage do not count as a page that persists.
func TestHoldAcrossAnOutage(t *testing.T) {
	t.Parallel()
	goal := goalBy(event.Home, "A", at(50, 0))
	s := begin(t, live(49, event.Score{}))
	s.expect(live(51, event.Score{Home: 1}, goal), "goal 50' home A 1-0")
	s.expect(live(49, event.Score{}))
	s.now += 5 * time.Minute
	s.expect(live(49, event.Score{}))
	s.expect(live(49, event.Score{}))
	s.expect(live(57, event.Score{Home: 1}, goal))
}

// Stale copies of two ages do not add up to one page that persists.
func TestStaleCopiesOfTwoAges(t *testing.T) {
	t.Parallel()
	goal := goalBy(event.Home, "A", at(43, 0))
	ahead := observed(event.Break, "ht", event.Score{Home: 1}, goal)
	edited := observed(event.Break, "ht", event.Score{Home: 1}, goalBy(event.Home, "A", at(44, 0)))
	old := observed(event.Live, "1h", event.Score{})
	s := begin(t, old)
	s.snapshot = "ahead"
	s.expect(ahead, "goal 43' home A 1-0", "period_end 1h 1-0")
	s.snapshot = "edited"
	s.expect(edited, "goal_corrected 44' home A 1-0 time:43'→44'")
	for range 4 {
		s.snapshot = "ahead"
		s.expect(ahead)
	}
	s.snapshot = "old"
	for range 5 {
		s.expect(old)
	}
	s.snapshot = "edited"
	s.expect(edited)
}

// If two sites show one match, the slower site retracts nothing and repeats nothing, and the sites
// do not correct each other's spelling.
func TestTwoSites(t *testing.T) {
	t.Parallel()
	goal := goalBy(event.Home, "David Villa", at(50, 0))
	short := goalBy(event.Home, "D. Villa", at(51, 0))
	s := begin(t, live(49, event.Score{}))
	s.from("-b").expect(live(48, event.Score{}))
	s.from("").expect(live(51, event.Score{Home: 1}, goal), "goal 50' home David Villa 1-0")
	for m := 51; m < 55; m++ { // the clock of site b goes on, but its score lags behind
		s.from("-b").expect(live(m, event.Score{}))
		s.from("").expect(live(m+1, event.Score{Home: 1}, goal))
	}
	s.from("-b").expect(live(56, event.Score{Home: 1}, short))
	s.from("").expect(live(57, event.Score{}))
	s.from("").expect(live(58, event.Score{}), "goal_retracted 50' home David Villa 0-0")
	s.from("-b").expect(live(59, event.Score{Home: 1}, short)) // site b still shows the goal
	s.from("-b").expect(live(60, event.Score{}))
	s.from("-b").expect(live(61, event.Score{Home: 1}, goalBy(event.Home, "Pirlo", at(60, 0))), "goal 60' home Pirlo 1-0")
	s.from("").expect(live(61, event.Score{Home: 1}, goalBy(event.Home, "Andrea Pirlo", at(60, 0))))
	s.from("").expect(live(89, event.Score{Home: 1}, goalBy(event.Home, "Andrea Pirlo", at(60, 0))))
	s.from("").expect(observed(event.Ended, "", event.Score{Home: 1}, goalBy(event.Home, "Andrea Pirlo", at(60, 0))),
		"period_end 2h 1-0", "match_end 1-0 home by regulation")
	s.from("-b").expect(live(90, event.Score{Home: 1}, goalBy(event.Home, "Pirlo", at(60, 0))))

	// A later Last-Modified of another site does not matter.
	s = begin(t, observed(event.Live, "2h", event.Score{}))
	s.modified = parsertest.Noon
	s.expect(observed(event.Live, "2h", event.Score{Home: 1}, goal), "goal 50' home David Villa 1-0")
	for range 3 {
		s.modified = s.modified.Add(time.Minute)
		s.from("-b").expect(observed(event.Live, "2h", event.Score{}))
		s.modified = parsertest.Noon
		s.from("").expect(observed(event.Live, "2h", event.Score{Home: 1}, goal))
	}
	// When the first site has no more pages, the pages of the other site are accepted after a delay.
	for n := range 14 {
		s.snapshot = "b" + string(rune('a'+n)) // its bytes change
		s.from("-b").read(observed(event.Live, "2h", event.Score{}))
	}
	if *s.state.Score != (event.Score{}) {
		t.Errorf("score %v, want 0-0 from the only active site", s.state.Score)
	}
}

// A site whose pages do not change retracts nothing, even if no other site is read.
func TestFrozenSite(t *testing.T) {
	t.Parallel()
	a, b, c := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(55, 0)), goalBy(event.Away, "C", at(70, 0))
	frozen := live(60, event.Score{Home: 2}, a, b)
	s := begin(t, live(50, event.Score{Home: 1}, a))
	s.from("-b").expect(live(50, event.Score{Home: 1}, a))
	s.from("").read(live(60, event.Score{Home: 2}, a, b))
	stuck := func() {
		s.t.Helper()
		s.snapshot = "frozen"
		s.from("-b").expect(frozen)
		s.snapshot = ""
	}
	stuck()
	s.from("").expect(live(71, event.Score{Home: 2, Away: 1}, a, b, c), "goal 70' away C 2-1")
	for m := 72; m <= 90; m++ {
		stuck()
		s.from("").expect(live(m, event.Score{Home: 2, Away: 1}, a, b, c))
	}
	s.from("").read(observed(event.Ended, "", event.Score{Home: 2, Away: 1}, a, b, c))
	for range 20 {
		stuck()
		s.from("").expect(observed(event.Ended, "", event.Score{Home: 2, Away: 1}, a, b, c))
	}
	for range 20 {
		stuck()
	}
	if *s.state.Score != (event.Score{Home: 2, Away: 1}) || s.state.Match.Status != event.Ended {
		t.Errorf("score %v, status %s, want 2-1 and ended", s.state.Score, s.state.Match.Status)
	}
}

// A page with a clock is newer than a page without a clock. The first page of a half may have no
// clock, and some pages do not name the half.
func TestClockThatBeginsLate(t *testing.T) {
	t.Parallel()
	half := func(m int, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "1h", score, in...)
		if m > 0 {
			o.Match.Clock = event.SoccerMinute("1h", m, 0)
		}
		return o
	}
	goal := goalBy(event.Home, "A", at(10, 0))
	s := begin(t, half(0, event.Score{}))
	s.expect(half(11, event.Score{Home: 1}, goal), "goal 10' home A 1-0")
	s.expect(half(12, event.Score{}))
	s.expect(half(13, event.Score{}), "goal_retracted 10' home A 0-0")
	// A page with an earlier clock is a stale copy.
	edited := goalBy(event.Home, "B", at(14, 0))
	s.expect(half(20, event.Score{Home: 1}, edited), "goal 14' home B 1-0")
	s.expect(half(15, event.Score{Home: 1}, goalBy(event.Home, "C", at(14, 0))))
	s.expect(half(21, event.Score{Home: 1}, edited))

	unknown := observed(event.Live, "", event.Score{})
	unknown.Match.Clock = event.Clock{Minute: 47}
	s = begin(t, unknown)
	s.read(live(62, event.Score{Home: 1}, goalBy(event.Home, "A", at(61, 0))))
	s.expect(live(63, event.Score{}))
	s.expect(live(64, event.Score{}), "goal_retracted 61' home A 0-0")
}

// A page at full time or half time is accepted even if its clock is earlier than that of the last
// page during play.
func TestClockAtTheWhistle(t *testing.T) {
	t.Parallel()
	a := goalBy(event.Home, "A", at(20, 0))
	late := goalBy(event.Home, "Late", event.SoccerMinute("2h", 90, 5))
	o := live(90, event.Score{Home: 1}, a)
	o.Match.Clock = event.SoccerMinute("2h", 90, 5)
	s := begin(t, o)
	ft := func(score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Ended, "", score, in...)
		o.Match.Clock = at(90, 0)
		return o
	}
	s.expect(ft(event.Score{Home: 1}, a), "period_end 2h 1-0", "match_end 1-0 home by regulation")
	s.expect(ft(event.Score{Home: 2}, a, late), "goal 90+5' home Late 2-0")

	o = observed(event.Live, "1h", event.Score{})
	o.Match.Clock = event.SoccerMinute("1h", 45, 2)
	s = begin(t, o)
	o = observed(event.Break, "", event.Score{})
	o.Match.Clock = at(45, 0)
	s.expect(o, "period_end 1h 0-0")
}

// A page whose bytes were already replaced counts as old, even if a cache sends the current time as
// Last-Modified.
func TestStaleCopyWithANewLastModified(t *testing.T) {
	t.Parallel()
	a, b := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(55, 0))
	s := begin(t, live(50, event.Score{Home: 1}, a))
	s.modified = parsertest.Noon
	read := func(snapshot string, o observation.Observation, want ...string) {
		t.Helper()
		s.modified, s.snapshot = s.modified.Add(20*time.Second), snapshot
		s.expect(o, want...)
	}
	read("old", live(51, event.Score{Home: 1}, a))
	read("new", live(56, event.Score{Home: 2}, a, b), "goal 55' home B 2-0")
	for range 5 {
		read("old", live(51, event.Score{Home: 1}, a))
		read("old", live(51, event.Score{Home: 1}, a))
		read("new", live(56, event.Score{Home: 2}, a, b))
	}
}

// If pages have no clock, a stale copy does not cause another report of a retracted goal.
func TestStaleCopyAfterARetraction(t *testing.T) {
	t.Parallel()
	a := goalBy(event.Home, "A", at(20, 0))
	half := func(score event.Score, in ...observation.Incident) observation.Observation {
		return observed(event.Break, "ht", score, in...)
	}
	s := begin(t, observed(event.Live, "1h", event.Score{Home: 1}, a))
	s.snapshot = "with"
	s.expect(half(event.Score{Home: 1}, a), "period_end 1h 1-0")
	s.snapshot = "without"
	for range 5 {
		s.expect(half(event.Score{}))
	}
	s.expect(half(event.Score{}), "goal_retracted 20' home A 0-0")
	s.snapshot = "with"
	s.expect(half(event.Score{Home: 1}, a))
	s.snapshot = "without"
	s.expect(half(event.Score{}))
}

// If a page with many matches shows a match with the same values as before half time, the page is not
// a stale copy.
func TestSharedPageRepeatsValues(t *testing.T) {
	t.Parallel()
	show := func(status event.Status, score event.Score) observation.Observation {
		o := observed(status, "", score)
		o.Shared = true
		return o
	}
	s := begin(t, show(event.Live, event.Score{}))
	s.snapshot = "1"
	s.expect(show(event.Break, event.Score{}), "status_change break 0-0")
	s.snapshot = "2"
	s.expect(show(event.Live, event.Score{}), "status_change live 0-0")
}

// The officials cancel a run. The page that confirms the lower score shows neither the inning nor the status of
// the match. It does not make a stale copy from an earlier inning look new.
func TestStaleCopyAfterAPageWithoutTheInning(t *testing.T) {
	t.Parallel()
	s := begin(t, baseballAt("i6", "", score(3, 3)))
	read := func(snapshot string, o observation.Observation) []string {
		s.snapshot = snapshot
		s.now += time.Minute
		return s.read(o)
	}
	before := baseballAt("i6", "", score(4, 3))
	read("before", before)
	read("seventh", baseballAt("i7", "", score(4, 3)))
	lower := baseballAt("i7", "", score(3, 3))
	for range 2 {
		read("lower", lower)
	}
	bare := lower
	bare.Match.Period, bare.Match.Status = "", ""
	if events := read("bare", bare); !slices.Equal(events, []string{"score_change 3-3"}) {
		t.Errorf("events %q, want the score_change to 3-3", events)
	}
	if events := read("before", before); len(events) > 0 {
		t.Errorf("a stale copy causes the events %q, want none", events)
	}
}
