package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// counted returns a row of a page that shows minutes without a period, and continues to count in
// stoppage time.
func counted(k event.Kind, side event.Side, player string, minute int) observation.Incident {
	c := event.SoccerMinute("", minute, 0)
	return observation.Incident{Kind: k, Side: side, Player: player, Clock: c,
		PeriodGuessed: event.Soccer.MaybeStoppage(c)}
}

// The period of a row follows from the earlier course of the match.
func TestPeriodOfAMinute(t *testing.T) {
	t.Parallel()
	goal := func(side event.Side, player string, minute int) observation.Incident {
		return counted(event.Goal, side, player, minute)
	}
	minute := func(m int, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "", score, in...)
		o.Match.Clock.Minute = m
		return o
	}
	home := event.Score{Home: 1}

	// A goal and a card in the stoppage time of the first half, and a goal after half time.
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	card := counted(event.YellowCard, event.Away, "Eve", 48)
	s.expect(minute(47, home, goal("home", "Ann", 46)), "goal 45+1' home Ann 1-0")
	s.expect(minute(48, home, goal("home", "Ann", 46), card), "yellow_card 45+3' away Eve 1-0")
	s.expect(observed(event.Break, "ht", home, goal("home", "Ann", 46), card), "period_end 1h 1-0")
	s.expect(minute(47, home, goal("home", "Ann", 46), card), "period_start 2h 1-0")
	s.expect(minute(49, event.Score{Home: 2}, goal("home", "Ann", 46), card, goal("home", "Ann", 47)),
		"goal 47' home Ann 2-0")
	// An edited minute stays in its half.
	s.expect(minute(50, event.Score{Home: 2}, goal("home", "Ann", 45), card, goal("home", "Ann", 47)),
		"goal_corrected 45' home Ann 2-0 time:45+1'→45'")

	// A goal that only the score showed before half time.
	s = begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(minute(47, home), "goal 45+2' home 1-0 provisional")
	s.expect(observed(event.Break, "ht", home), "period_end 1h 1-0")
	s.expect(minute(46, home), "period_start 2h 1-0")
	s.expect(minute(48, home, goal("home", "Ann", 46)), "goal_corrected 45+1' home Ann 1-0 player:→Ann time:45+2'→45+1'")

	// The pages do not show half time. When a page names the second half, 57' is in that half.
	s = begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(minute(58, home, goal("home", "Ann", 57)), "goal 45+12' home Ann 1-0")
	later := observed(event.Live, "2h", home, goal("home", "Ann", 57))
	s.expect(later, "period_end 1h 1-0", "period_start 2h 1-0", "goal_corrected 57' home Ann 1-0 time:45+12'→57'")

	// A page that shows 45+5' does not continue to count in stoppage time, so 50' is another goal.
	s = begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(observed(event.Live, "1h", home, goalBy("home", "Ann", at(45, 5))), "goal 45+5' home Ann 1-0")
	s.expect(observed(event.Break, "ht", home, goalBy("home", "Ann", at(45, 5))), "period_end 1h 1-0")
	s.expect(minute(51, home, goal("home", "Ora", 50)), "goal_retracted 45+5' home Ann 0-0", "period_start 2h 0-0",
		"goal 50' home Ora 1-0")

	// A page that shows full time by mistake may list a card of the second half.
	s = begin(t, observed(event.Break, "ht", event.Score{}))
	s.read(observed(event.Ended, "", event.Score{}, counted(event.YellowCard, "away", "Eve", 46)))
	if tracked := s.state.Tracked; tracked[len(tracked)-1].Clock.String() != "46'" {
		t.Errorf("the card is at %v, want 46'", tracked[len(tracked)-1].Clock)
	}

	// After the start of extra time, a new goal is in extra time even if the score was not level.
	s = begin(t, observed(event.Live, "et1", home, goal("home", "Ann", 50)))
	s.expect(observed(event.Live, "et1", event.Score{Home: 1, Away: 1}, goal("home", "Ann", 50), goal("away", "Eve", 101)),
		"goal 101' away Eve 1-1")

	// A row in the stoppage time of extra time.
	s = begin(t, observed(event.Live, "et1", event.Score{}))
	s.expect(minute(106, home, goal("home", "Ann", 106)), "goal 105+1' home Ann 1-0")
	s.expect(observed(event.Break, "et_ht", home, goal("home", "Ann", 106)), "period_end et1 1-0")
	s.expect(minute(118, event.Score{Home: 1, Away: 1}, goal("home", "Ann", 106), goal("away", "Eve", 107)),
		"period_start et2 1-0", "goal 107' away Eve 1-1")
	s.now += 5 * time.Minute
	s.expect(observed(event.Final, "et2", event.Score{Home: 1, Away: 2}, goal("home", "Ann", 106),
		goal("away", "Eve", 107), goal("away", "Eve", 122)),
		"goal 120+2' away Eve 1-2", "period_end et2 1-2", "match_end 1-2 away by extra_time")
}

// The first page of a finished match shows extra time if it names a period after the second half,
// or if a minute is too late for stoppage time.
func TestFirstPageWithMinutes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		period event.Period
		rows   []observation.Incident
		want   []event.Clock
	}{
		"no extra time": {"", []observation.Incident{counted("goal", "home", "Ann", 93)},
			[]event.Clock{{Period: "2h", Minute: 90, Stoppage: 3}}},
		"no extra time, much stoppage time": {"", []observation.Incident{counted("goal", "home", "Ann", 104)},
			[]event.Clock{{Period: "2h", Minute: 90, Stoppage: 14}}},
		"extra time by its status": {"et2", []observation.Incident{counted("goal", "home", "Ann", 93)},
			[]event.Clock{{Period: "et1", Minute: 93}}},
		"extra time by another row": {"", []observation.Incident{counted("goal", "home", "Ann", 93),
			counted("yellow_card", "away", "Eve", 115)},
			[]event.Clock{{Period: "et1", Minute: 93}, {Period: "et2", Minute: 115}}},
		"a shoot-out": {"so", []observation.Incident{counted("goal", "home", "Ann", 93), counted("goal", "away", "Eve", 106)},
			[]event.Clock{{Period: "et1", Minute: 93}, {Period: "et2", Minute: 106}}},
		"the equaliser before extra time": {"et2", []observation.Incident{counted("goal", "home", "Ann", 50),
			counted("goal", "away", "Eve", 92), counted("goal", "away", "Eve", 95)},
			[]event.Clock{{Period: "2h", Minute: 50}, {Period: "2h", Minute: 90, Stoppage: 2}, {Period: "et1", Minute: 95}}},
		"a second leg": {"et2", []observation.Incident{counted("goal", "home", "Ann", 50),
			counted("goal", "home", "Eve", 92)},
			[]event.Clock{{Period: "2h", Minute: 50}, {Period: "et1", Minute: 92}}},
	} {
		score := event.Score{}
		for _, in := range tc.rows {
			if in.Kind == event.Goal {
				score = score.Add(in.Side, 1)
			}
		}
		s := begin(t, observed(event.Final, tc.period, score, tc.rows...))
		var got []event.Clock
		for _, tracked := range s.state.Tracked {
			if tracked.Side != "" {
				got = append(got, tracked.Clock)
			}
		}
		if len(got) != len(tc.want) {
			t.Errorf("%s: %d incidents, want %d", name, len(got), len(tc.want))
			continue
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%s: clock %+v, want %+v", name, got[i], tc.want[i])
			}
		}
	}
}

// In rugby, pages continue to count after 40' and 80'.
func TestPeriodOfAMinuteInRugby(t *testing.T) {
	t.Parallel()
	counted := func(k event.Kind, side event.Side, player string, minute int, after *event.Score) observation.Incident {
		c := event.Rugby.AtMinute("", minute, 0)
		return observation.Incident{Kind: k, Side: side, Player: player, Clock: c, Score: after,
			PeriodGuessed: event.Rugby.MaybeStoppage(c)}
	}
	page := func(status event.Status, m int, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(status, "", score, in...)
		o.Sport, o.Match.Clock.Minute = event.Rugby, m
		return o
	}
	five, ten := event.Score{Home: 5}, event.Score{Home: 5, Away: 5}
	card := counted(event.YellowCard, event.Home, "Ann", 42, nil)
	try := counted("try", event.Home, "Ora", 83, &five)
	first := page(event.Live, 30, event.Score{})
	first.Match.Period = event.FirstHalf
	half := page(event.Break, 0, event.Score{}, card)
	half.Match.Period = event.HalfTime
	s := begin(t, first)
	s.expect(page(event.Live, 42, event.Score{}, card), "yellow_card 40+2' home Ann 0-0")
	if c := s.state.Match.Clock; c != (event.Clock{Period: "1h", Minute: 40, Stoppage: 2}) {
		t.Errorf("the clock is %+v, want 40+2' of the first half", c)
	}
	s.expect(half, "period_end 1h 0-0")
	s.expect(page(event.Live, 41, event.Score{}, card), "period_start 2h 0-0")
	s.expect(page(event.Live, 84, five, card, try), "try 80+3' home Ora 5-0")
	if c := s.state.Match.Clock; c != (event.Clock{Period: "2h", Minute: 80, Stoppage: 4}) {
		t.Errorf("the clock is %+v, want 80+4' of the second half", c)
	}
	s.now += 10 * time.Minute
	s.expect(page(event.Final, 0, five, card, try), "period_end 2h 5-0", "match_end 5-0 home by regulation")

	// The first page is from the second half.
	joined := page(event.Live, 72, event.Score{})
	joined.Match.Period = event.SecondHalf
	s = begin(t, joined)
	s.expect(page(event.Live, 81, five, counted("try", event.Home, "Ora", 81, &five)), "try 80+1' home Ora 5-0")

	// Extra time is played if the score was level.
	level := counted("try", event.Away, "Eve", 82, &ten)
	extra := counted("penalty_goal", event.Away, "Eve", 88, &event.Score{Home: 5, Away: 8})
	last := page(event.Final, 0, event.Score{Home: 5, Away: 8}, counted("try", event.Home, "Ora", 20, &five), level, extra)
	last.Match.Period = event.ExtraSecond
	s = begin(t, last)
	var got []string
	for _, tracked := range s.state.Tracked {
		if tracked.Side != "" { // not the starts and ends of periods
			got = append(got, fmt.Sprintf("%s %s %s", tracked.Kind, tracked.Clock, tracked.Clock.Period))
		}
	}
	slices.Sort(got)
	if want := []string{"penalty_goal 88' et1", "try 20' 1h", "try 80+2' 2h"}; !slices.Equal(got, want) {
		t.Errorf("incidents of the first page %q, want %q", got, want)
	}
}

// A minute after 105' shows extra time, even if no page showed the start of extra time. The
// clock of the match and the clock of an incident on the same page agree.
func TestMinuteAfterAnyStoppageTime(t *testing.T) {
	t.Parallel()
	minute := func(m int, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "", score, in...)
		o.Match.Clock.Minute = m
		return o
	}
	late := counted(event.Goal, event.Home, "Ann", 106)
	for name, tc := range map[string]struct {
		page observation.Observation
		want []string
	}{
		"a goal at the minute of the clock": {minute(106, event.Score{Home: 1}, late), []string{
			"period_end 2h 0-0", "period_start et1 0-0", "goal 105+1' home Ann 1-0"}},
		"no incident": {minute(106, event.Score{}), []string{"period_end 2h 0-0", "period_start et1 0-0"}},
		"a goal that no row shows": {minute(106, event.Score{Home: 1}),
			[]string{"period_end 2h 0-0", "period_start et1 0-0", "goal 105+1' home 1-0 provisional"}},
		"the last minute that can be in the second half": {minute(105, event.Score{}), nil},
	} {
		s := begin(t, live(70, event.Score{}))
		s.expect(minute(103, event.Score{}))
		s.expect(tc.page, tc.want...)
		extra := event.Clock{Period: "et1", Minute: 105, Stoppage: 1}
		if c := s.state.Match.Clock; tc.want != nil && (c != extra || s.state.Match.Period != "et1") {
			t.Errorf("%s: the clock is %+v of %s, want 105+1' of et1", name, c, s.state.Match.Period)
		}
		// The minute may also be in a very long stoppage time, so the end is possible.
		if s.read(observed(event.Final, "", *tc.page.Score, tc.page.Incidents...)); s.state.Match.Status != event.Final {
			t.Errorf("%s: the match is %s, want final", name, s.state.Match.Status)
		}
	}
}
