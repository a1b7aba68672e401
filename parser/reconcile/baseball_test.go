package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// baseballAt returns an observation of a baseball game in one half of an inning.
func baseballAt(p event.Period, half event.Half, score event.Score,
	in ...observation.Incident) observation.Observation {
	o := observed(event.Live, p, score, in...)
	o.Sport, o.League = event.Baseball, "MLB"
	o.Match.Clock = event.Clock{Period: p, Half: half}
	return o
}

// baseballEnd returns an observation of a baseball game that is over. p is the last inning, or "" if
// the page does not name it.
func baseballEnd(p event.Period, score event.Score) observation.Observation {
	o := observed(event.Final, p, score)
	o.Sport, o.League = event.Baseball, "MLB"
	return o
}

// hasEnded reports whether one of the events is the end of the match.
func hasEnded(lines []string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "match_end") })
}

// A single page that shows the end in the seventh inning does not end the game, no matter how long
// the inning has lasted. If pages show the end for five minutes, the game is over, for example
// because of rain.
func TestBaseballEndBeforeTheNinth(t *testing.T) {
	t.Parallel()
	three := event.Score{Home: 3, Away: 2}
	s := begin(t, baseballAt("i7", event.Top, three))
	for range 30 {
		s.expect(baseballAt("i7", event.Top, three))
		s.now += 30 * time.Second
	}
	if lines := s.read(baseballEnd("", three)); hasEnded(lines) {
		t.Errorf("one page in the seventh inning shows the end: events %v, want no end", lines)
	}
	s.expect(baseballAt("i7", event.Top, three))
	var lines []string
	for range 12 {
		lines = append(lines, s.read(baseballEnd("", three))...)
		s.now += 30 * time.Second
	}
	want := "match_end 3-2 home by regulation"
	if !slices.Contains(lines, want) || slices.Contains(lines, "period_start i9 3-2") {
		t.Errorf("after rain in the seventh inning: events %v, want %q, and no ninth inning", lines, want)
	}
}

// If no page was read during the ninth inning, the end of the game implies that the ninth inning
// was played. This is not so if the page names an earlier inning.
func TestBaseballNinthBetweenTwoPolls(t *testing.T) {
	t.Parallel()
	score := event.Score{Home: 3, Away: 2}
	for last, want := range map[event.Period][]string{
		"": {"period_end i8 3-2", "period_start i9 3-2", "period_end i9 3-2", "match_end 3-2 home by regulation"},
		"i10": {"period_end i8 3-2", "period_start i9 3-2", "period_end i9 3-2", "period_start i10 3-2", "period_end i10 3-2",
			"match_end 3-2 home by extra_time"},
		"i8": {"period_end i8 3-2", "match_end 3-2 home by regulation"},
	} {
		s := begin(t, baseballAt("i8", event.Bottom, score))
		s.now += 12 * time.Minute
		s.expect(baseballEnd(last, score), want...)
	}
	// The ninth inning was short. No page is read between the break before it and the end.
	pause := baseballAt("i8", "", score)
	pause.Match.Status, pause.Match.Clock = event.Break, event.Clock{}
	s := begin(t, pause)
	s.now += 6 * time.Minute
	var lines []string
	for range 17 { // more than five minutes
		lines = append(lines, s.read(baseballEnd("", score))...)
	}
	if !slices.Contains(lines, "period_start i9 3-2") {
		t.Errorf("events %v, want period_start i9 3-2 among them", lines)
	}
}

// If the page moves a pitching change to another inning, the change is corrected, because a pitcher
// usually enters a game only once.
func TestPitchingChangeMovesToAnotherInning(t *testing.T) {
	t.Parallel()
	change := observation.Incident{Kind: "pitching_change", Side: event.Home, Player: "Jason Grilli",
		Clock: event.Clock{Period: "i8", Half: event.Top}}
	s := begin(t, baseballAt("i8", event.Bottom, event.Score{}))
	s.expect(baseballAt("i9", event.Top, event.Score{}, change), "pitching_change home Jason Grilli 0-0",
		"period_end i8 0-0", "period_start i9 0-0")
	change.Clock.Period = "i9"
	s.expect(baseballAt("i9", event.Top, event.Score{}, change),
		"pitching_change_corrected home Jason Grilli 0-0 time:i8 top→i9 top")
}

// If a pitcher goes to left field, and returns in the same inning, both pitching changes are
// reported.
func TestPitcherReturnsInTheInning(t *testing.T) {
	t.Parallel()
	change := observation.Incident{Kind: "pitching_change", Side: event.Away, Player: "Spencer Patton",
		Clock: event.Clock{Period: "i14", Half: event.Bottom}}
	other := change
	other.Player = "Travis Wood"
	s := begin(t, baseballAt("i14", event.Bottom, event.Score{}))
	s.expect(baseballAt("i14", event.Bottom, event.Score{}, change), "pitching_change away Spencer Patton 0-0")
	s.expect(baseballAt("i14", event.Bottom, event.Score{}, change, other, change),
		"pitching_change away Travis Wood 0-0", "pitching_change away Spencer Patton 0-0")
}

// A run of the visitors is cancelled, and the row of their next home run appears on the same page. The home
// run has the score of the cancelled run, but is not that run: the score after the later run of the home
// side no longer includes the cancelled run.
func TestCancelledRunIsNotTheNextHomeRun(t *testing.T) {
	t.Parallel()
	run := func(k event.Kind, detail string, side event.Side, player string, after event.Score) observation.Incident {
		return observation.Incident{Kind: k, Detail: detail, Side: side, Player: player, Score: &after,
			Clock: event.Clock{Period: "i4"}}
	}
	cancelled := run("run", "single", event.Away, "Wright", event.Score{Away: 1})
	lough := run("run", "sacrifice_fly", event.Home, "Lough", event.Score{Home: 1, Away: 1})
	s := begin(t, baseballAt("i4", event.Top, event.Score{}))
	s.expect(baseballAt("i4", event.Bottom, event.Score{Home: 1, Away: 1}, cancelled, lough),
		"run away Wright single 0-1", "run home Lough sacrifice_fly 1-1")
	lough.Score = &event.Score{Home: 1}
	homer := run("home_run", "", event.Away, "Cespedes", event.Score{Home: 1, Away: 1})
	s.expect(baseballAt("i5", event.Top, event.Score{Home: 1, Away: 1}, lough, homer),
		"run_retracted away Wright single 1-1", "run_corrected home Lough sacrifice_fly 1-1 score:1-1→1-0",
		"home_run away Cespedes 1-1", "period_end i4 1-1", "period_start i5 1-1")
}

// A run is scored as one run in place of two. When enough pages have shown the lower score, the next
// page lacks the row of an earlier run. Earlier pages had the row, so that run is not cancelled.
func TestRowIsMissingOnTheLastHeldPage(t *testing.T) {
	t.Parallel()
	run := func(player string, away int) observation.Incident {
		return observation.Incident{Kind: "run", Detail: "sacrifice_fly", Side: event.Away, Player: player,
			Score: &event.Score{Away: away}, Clock: event.Clock{Period: "i8"}}
	}
	first, second := run("Castillo", 1), run("Weeks", 3)
	s := begin(t, baseballAt("i8", event.Top, event.Score{}))
	s.expect(baseballAt("i8", event.Top, event.Score{Away: 3}, first, second),
		"run away Castillo sacrifice_fly 0-1", "run away Weeks sacrifice_fly 0-3")
	second.Score = &event.Score{Away: 2}
	lower := baseballAt("i8", event.Top, event.Score{Away: 2}, first, second)
	for range 4 {
		s.expect(lower)
		s.now += 5 * time.Second
	}
	s.expect(baseballAt("i8", event.Top, event.Score{Away: 2}, second),
		"run_corrected away Weeks sacrifice_fly 0-2 score:0-3→0-2")
	s.expect(lower)
}

// A page that shows the end at a level score does not end the game after nine innings: there would be a
// tenth. If pages show it for five minutes, the game is over, for example because of rain.
func TestBaseballEndAtALevelScore(t *testing.T) {
	t.Parallel()
	level := event.Score{Home: 1, Away: 1}
	s := begin(t, baseballAt("i9", event.Bottom, level))
	s.now += 30 * time.Minute
	if lines := s.read(baseballEnd("", level)); hasEnded(lines) {
		t.Errorf("one page shows the end: events %v, want no end", lines)
	}
	s.expect(baseballAt("i10", event.Top, level), "period_end i9 1-1", "period_start i10 1-1")
	var lines []string
	for range 12 {
		lines = append(lines, s.read(baseballEnd("", level))...)
		s.now += 30 * time.Second
	}
	if want := "match_end 1-1 draw by extra_time"; !slices.Contains(lines, want) {
		t.Errorf("after rain: events %v, want %q", lines, want)
	}
}
