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
