package reconcile_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// inFirstHalf returns an observation of the first half in minute m.
func inFirstHalf(m int, score event.Score, in ...observation.Incident) observation.Observation {
	o := observed(event.Live, "1h", score, in...)
	o.Match.Clock = event.SoccerMinute("1h", m, 0)
	return o
}

// A page that shows the end too early does not end the match, and does not start the second half. The
// other facts of the page are accepted.
func TestStrayEnd(t *testing.T) {
	t.Parallel()
	goal := goalBy(event.Home, "Ann", at(12, 0))
	for _, end := range []event.Status{event.Ended, event.Final} {
		s := begin(t, inFirstHalf(11, event.Score{}))
		s.expect(observed(end, "", event.Score{Home: 1}, goal), "goal 12' home Ann 1-0")
		s.expect(inFirstHalf(13, event.Score{Home: 1}, goal))
		s.expect(observed(end, "", event.Score{Home: 1}, goal))
		s.expect(observed(end, "2h", event.Score{Home: 1}, goal)) // two pages agree
		s.expect(inFirstHalf(14, event.Score{Home: 1}, goal))
		for range 5 { // pages in play come between the stray ends, so no end persists
			s.expect(observed(end, "", event.Score{Home: 1}, goal))
			s.expect(inFirstHalf(15, event.Score{Home: 1}, goal))
		}
		if m := s.state.Match; m.Status != event.Live || m.Period != "1h" {
			t.Errorf("the match is %s in %s, want live in 1h", m.Status, m.Period)
		}
	}
}

// A page that shows full time during half time, or early in the second half, does not end the match.
func TestFullTimeShownTooEarly(t *testing.T) {
	t.Parallel()
	s := begin(t, inFirstHalf(45, event.Score{}))
	s.expect(observed(event.Ended, "", event.Score{}))
	s.expect(observed(event.Break, "ht", event.Score{}), "period_end 1h 0-0")
	for range 30 { // ten minutes
		s.expect(observed(event.Ended, "", event.Score{}))
	}
	s.expect(live(46, event.Score{}), "period_start 2h 0-0")
	s.expect(live(70, event.Score{}))
	s.expect(observed(event.Final, "", event.Score{}))
	s.expect(live(71, event.Score{}))
	s.expect(live(90, event.Score{}))
	s.expect(observed(event.Final, "", event.Score{}), "period_end 2h 0-0", "match_end 0-0 draw by regulation")
}

// An end that is too early, but persists, ends the match in the period that was shown last. In the first
// half it must persist longer than in the second.
func TestEarlyEndThatPersists(t *testing.T) {
	t.Parallel()
	until := func(s *story, o observation.Observation) (lines []string, pages int) {
		for lines == nil && pages < 100 {
			lines = s.read(o)
			pages++
		}
		return lines, pages
	}
	minutes := func(pages int) int { return pages / 3 } // a story has three pages a minute
	s := begin(t, live(60, event.Score{Home: 4}))
	got, pages := until(s, observed(event.Final, "", event.Score{Home: 4}))
	want := []string{"period_end 2h 4-0", "match_end 4-0 home by regulation"}
	if !slices.Equal(got, want) || minutes(pages) != 5 {
		t.Errorf("events %v after %d minutes, want %v after five", got, minutes(pages), want)
	}

	s = begin(t, inFirstHalf(30, event.Score{Home: 4}))
	got, pages = until(s, observed(event.Final, "", event.Score{Home: 4}))
	want = []string{"period_end 1h 4-0", "match_end 4-0 home"}
	if !slices.Equal(got, want) || minutes(pages) != 20 {
		t.Errorf("events %v after %d minutes, want %v after twenty", got, minutes(pages), want)
	}
	s.now += time.Hour
	s.expect(observed(event.Final, "", event.Score{Home: 4}, goalBy(event.Home, "A", at(20, 0))),
		"goal_corrected 20' home A 4-0 player:→A time:30'→20' backfill") // no second half is added later
	// Play continues, so the end was wrong.
	s.expect(inFirstHalf(31, event.Score{Home: 4}, goalBy(event.Home, "A", at(20, 0))),
		"period_end_retracted 1h 4-0", "match_end_retracted 4-0 home", "status_change live 4-0")

	// At half time, an end must persist for longer, because some pages show full time during half
	// time.
	s = begin(t, observed(event.Break, "ht", event.Score{}))
	if got, pages := until(s, observed(event.Ended, "", event.Score{})); minutes(pages) != 20 ||
		!slices.Equal(got, []string{"match_end 0-0"}) {
		t.Errorf("events %v after %d minutes, want the end after twenty", got, minutes(pages))
	}
}

// An end that is too early becomes possible when enough time has passed, even if the page stays the
// same. The clock of a page may lag by five minutes, so a match can end when the page shows minute
// 85.
func TestEndBecomesPossible(t *testing.T) {
	t.Parallel()
	s := begin(t, live(80, event.Score{Home: 1}))
	s.now += 4 * time.Minute
	final := observed(event.Final, "", event.Score{Home: 1})
	s.expect(final)
	s.expect(final)
	s.expect(final, "period_end 2h 1-0", "match_end 1-0 home by regulation")
	s.expect(final)
}

// An end is possible if the pages do not show that it is too early.
func TestPossibleEnds(t *testing.T) {
	t.Parallel()
	scheduled := func(start time.Duration) observation.Observation {
		o := observed(event.Scheduled, "", event.Score{})
		o.Match.Start = time.Unix(1478476221, 0).Add(start)
		return o
	}
	noPeriod := observed(event.Live, "", event.Score{})
	started := noPeriod
	started.Match.Start = scheduled(0).Match.Start
	extra := observed(event.Live, "et2", event.Score{Home: 1})
	extra.Match.Clock = event.SoccerMinute("et2", 119, 0)
	for name, tc := range map[string]struct {
		before observation.Observation
		wait   time.Duration
		end    event.Status
		ends   bool
	}{
		"a list without a clock or a kick-off":    {noPeriod, 0, event.Ended, true},
		"a list without a clock, at minute 12":    {started, 12 * time.Minute, event.Ended, false},
		"a list without a clock, after full time": {started, 112 * time.Minute, event.Ended, true},
		"no page was read during the match":       {scheduled(0), 2 * time.Hour, event.Final, true},
		"before kick-off":                         {scheduled(time.Hour), 0, event.Final, false},
		"a preview without a kick-off":            {observed(event.Scheduled, "", event.Score{}), 0, event.Final, true},
		"no page was read since the first half":   {inFirstHalf(12, event.Score{}), 90 * time.Minute, event.Final, true},
		"the last minutes of the second half":     {live(86, event.Score{}), 0, event.Ended, true},
		"the second half, without a minute":       {observed(event.Live, "2h", event.Score{}), 0, event.Ended, true},
		"the first half, without a minute":        {observed(event.Live, "1h", event.Score{}), 0, event.Ended, false},
		"the end of extra time":                   {extra, 0, event.Ended, true},
		"a shoot-out":                             {observed(event.Live, "so", event.Score{}), 0, event.Ended, true},
		"a match that is abandoned at minute 12":  {inFirstHalf(12, event.Score{}), 0, event.Abandoned, false},
		"a match that is awarded before kick-off": {scheduled(time.Hour), 0, event.Awarded, true},
		"a player who retires":                    {inFirstHalf(12, event.Score{}), 0, event.Retired, true},
	} {
		s := begin(t, tc.before)
		s.now += tc.wait
		lines := s.read(observed(tc.end, "", event.Score{}))
		ended := slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "match_end") })
		if ended != tc.ends || s.state.Match.Status != tc.end && (tc.ends || !tc.end.Over()) {
			t.Errorf("%s: status %s, events %v, want an end: %t", name, s.state.Match.Status, lines, tc.ends)
		}
	}
}

// In other sports, an end is too early while periods of regulation time are missing. In cricket, it
// is too early if the score does not explain it. An early end that persists is accepted: a mercy rule
// or rain may have ended the game.
func TestEndsInOtherSports(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		sport  event.Sport
		period event.Period
		ends   bool
	}{
		{event.IceHockey, "p1", false}, {event.IceHockey, "p3", true}, {event.Basketball, "q2", false},
		{event.Basketball, "ot1", true}, {event.Baseball, "i2", false}, {event.Baseball, "i5", false},
		{event.Baseball, "i7", false}, {event.Baseball, "i9", true}, {event.Baseball, "i10", true},
		{event.Cricket, "inn1", false}, {event.Cricket, "inn2", false},
		{event.Tennis, "s1", false}, {event.Tennis, "s2", true}, {event.Rugby, "1h", false}, {event.Rugby, "2h", true},
		{event.AmericanFootball, "q1", false},
	} {
		o := observed(event.Live, tc.period, event.Score{Home: 12})
		o.Sport = tc.sport
		s := begin(t, o)
		o.Match.Status, o.Match.Period = event.Final, ""
		s.read(o)
		if s.state.Match.Status.Over() != tc.ends {
			t.Errorf("%s, an end in %s: status %s, want an end: %t", tc.sport, tc.period, s.state.Match.Status, tc.ends)
		}
		for range 65 { // over twenty minutes
			s.read(o)
		}
		if !s.state.Match.Status.Over() {
			t.Errorf(
				"%s, an end in %s that persists: status %s, want an end",
				tc.sport,
				tc.period,
				s.state.Match.Status,
			)
		}
	}
}

// After the end of a match, a preview changes nothing, no matter how long the page shows it. The match
// may have become final on an earlier page, or on another site.
func TestPreviewAfterTheEnd(t *testing.T) {
	t.Parallel()
	goal := goalBy(event.Home, "Ann", at(12, 0))
	noScore := observed(event.Scheduled, "", event.Score{})
	noScore.Score = nil
	noStatus := observed("", "", event.Score{})
	for name, preview := range map[string]observation.Observation{
		"scheduled, 0-0":        observed(event.Scheduled, "", event.Score{}),
		"scheduled, no score":   noScore,
		"scheduled, the result": observed(event.Scheduled, "", event.Score{Home: 1}, goal),
		"delayed":               observed(event.Delayed, "", event.Score{}),
		"postponed":             observed(event.Postponed, "", event.Score{}),
		"no status, 0-0":        noStatus,
	} {
		for _, end := range []event.Status{event.Ended, event.Final, event.Awarded, event.Retired} {
			s := begin(t, live(88, event.Score{Home: 1}, goal))
			s.read(observed(end, "", event.Score{Home: 1}, goal))
			for range 100 {
				s.expect(preview)
			}
			if s.state.Match.Status != end || *s.state.Score != (event.Score{Home: 1}) {
				t.Errorf(
					"%s after %s: status %s, score %v, want %[2]s and 1-0",
					name,
					end,
					s.state.Match.Status,
					s.state.Score,
				)
			}
			s.expect(observed(end, "", event.Score{Home: 1}, goal))
		}
	}
	s := begin(t, live(88, event.Score{Home: 1}, goal))
	s.from("-b").expect(live(88, event.Score{Home: 1}, goal))
	s.from("").read(observed(event.Final, "", event.Score{Home: 1}, goal))
	s.now += time.Hour
	for range 20 {
		s.from("-b").expect(observed(event.Scheduled, "", event.Score{}))
	}
}

// After the status final, only a page that shows that play continues reopens the match.
func TestFinalIsSticky(t *testing.T) {
	t.Parallel()
	goal := goalBy(event.Home, "Ann", at(12, 0))
	final := func() *story {
		s := begin(t, live(88, event.Score{Home: 1}, goal))
		s.expect(observed(event.Final, "", event.Score{Home: 1}, goal),
			"period_end 2h 1-0", "match_end 1-0 home by regulation")
		return s
	}
	// A copy from before the end changes nothing, and neither does a page with the status ended.
	s := final()
	for range 4 {
		s.expect(live(88, event.Score{Home: 1}, goal))
	}
	s.expect(observed(event.Ended, "", event.Score{Home: 1}, goal))
	// A later clock reopens the match at once.
	s.expect(live(90, event.Score{Home: 1}, goal),
		"period_end_retracted 2h 1-0", "match_end_retracted 1-0 home by regulation", "status_change live 1-0")
	// A goal is retracted after the end if pages agree, and if their clock is not earlier.
	s = final()
	for range 5 {
		s.expect(live(88, event.Score{}))
	}
	s.expect(live(88, event.Score{}), "period_end_retracted 2h 1-0", "match_end_retracted 1-0 home by regulation",
		"goal_retracted 12' home Ann 0-0", "status_change live 0-0")
	// A final page with a different score corrects the result.
	s = final()
	for range 5 {
		s.expect(observed(event.Final, "", event.Score{}))
	}
	s.expect(observed(event.Final, "", event.Score{}), "goal_retracted 12' home Ann 0-0",
		"match_end_corrected 0-0 draw by regulation winner:home→draw")
}

// If pages have neither IDs nor kick-off times, the first pages of the next match of the teams are
// ignored, and later pages are refused.
func TestNextMatchWithoutKickoff(t *testing.T) {
	t.Parallel()
	next := inFirstHalf(1, event.Score{})
	list := observed(event.Live, "", event.Score{})
	for name, o := range map[string]observation.Observation{"with a clock": next, "without a clock": list} {
		for _, preview := range []bool{false, true} {
			s := begin(t, live(88, event.Score{Home: 1}))
			s.read(observed(event.Final, "", event.Score{Home: 1}))
			if preview {
				for range 10 {
					s.expect(observed(event.Scheduled, "", event.Score{}))
				}
			}
			var err error
			for n := range 20 {
				o.Score = &event.Score{Away: n / 7}
				from := parsertest.Provenance(time.Unix(1478476221, 0).Add(s.now + time.Duration(n+1)*20*time.Second))
				var events []event.Event
				var state reconcile.State
				if state, events, err = reconcile.Match(s.state, o, from); len(events) > 0 {
					t.Fatalf(
						"%s, preview %t: %d events, want none; the first is %s",
						name,
						preview,
						len(events),
						parsertest.Line(events[0]),
					)
				}
				s.state = state
			}
			if !errors.Is(err, reconcile.ErrOtherMatch) || !strings.Contains(err.Error(), "the match is over") {
				t.Errorf("%s, preview %t: error %v, want ErrOtherMatch with the reason", name, preview, err)
			}
		}
	}
}

// If a match that seemed to have begun is scheduled again, its starts are retracted.
func TestFalseStart(t *testing.T) {
	t.Parallel()
	s := begin(t, observed(event.Scheduled, "", event.Score{}))
	s.expect(observed(event.Live, "1h", event.Score{}), "match_start 0-0", "period_start 1h 0-0")
	for range 5 {
		s.expect(observed(event.Scheduled, "", event.Score{}))
	}
	s.expect(observed(event.Scheduled, "", event.Score{}),
		"match_start_retracted 0-0", "period_start_retracted 1h 0-0", "status_change scheduled 0-0")
	s.expect(observed(event.Live, "1h", event.Score{}), "match_start 0-0", "period_start 1h 0-0")
}

// A page of basketball that shows the end in the third quarter does not end the game, even if no
// page was read for six minutes. A quarter whose clock has shown 7:26 lasts at least eight minutes.
// While a game is suspended, the earliest possible end moves later.
func TestStrayEndInTheThirdQuarter(t *testing.T) {
	t.Parallel()
	third := game{}.with("Burke", "layup", 446, 2)
	s := begin(t, third.at(446, 2))
	end := third.at(0, 2)
	end.Match.Status, end.Match.Period, end.Match.Clock = event.Ended, "", event.Clock{}
	s.now += 6 * time.Minute
	s.expect(end)
	stopped := end
	stopped.Match.Status = event.Suspended
	s.expect(stopped, "status_change suspended 2-0")
	s.now += time.Hour
	s.expect(stopped)
	s.expect(end)
	s.now += time.Minute
	s.expect(third.at(450, 2), "status_change live 2-0")
}

// A page that shows the end early in the last quarter does not end the game either. The quarters
// before it lasted twelve minutes, so ten minutes are left in this quarter.
func TestStrayEndInTheLastQuarter(t *testing.T) {
	t.Parallel()
	show := func(status event.Status, p event.Period, second int) observation.Observation {
		o := observed(status, p, event.Score{Home: 60})
		o.Sport, o.Match.Clock = event.Basketball, event.Clock{Period: p, Elapsed: second}
		return o
	}
	s := begin(t, show(event.Live, "q3", 710))
	s.read(show(event.Live, "q4", 120))
	end := show(event.Ended, "", 0)
	s.now += 9 * time.Minute
	s.expect(end)
	s.expect(show(event.Live, "q4", 700))
	s.now += time.Minute
	s.expect(end, "period_end q4 60-0", "match_end 60-0 home by regulation")
}

// If enough pages have shown a match in play, a preview with the same kick-off changes nothing, no
// matter how long the site shows it. The match becomes stale. The next page in play makes it fresh
// again.
func TestPreviewDuringPlay(t *testing.T) {
	t.Parallel()
	start := time.Unix(1478476221, 0)
	starting := func(o observation.Observation, at time.Duration) observation.Observation {
		o.Match.Start = start.Add(at)
		return o
	}
	goal := goalBy(event.Home, "Ann", at(12, 0))
	noScore := observed(event.Scheduled, "", event.Score{})
	noScore.Score = nil
	hockey := observed(event.Live, "p2", event.Score{Home: 1},
		goalBy(event.Home, "Ann", event.Clock{Period: "p1", Elapsed: 310}))
	hockey.Sport = event.IceHockey
	hockeyPreview := observed(event.Scheduled, "", event.Score{})
	hockeyPreview.Sport = event.IceHockey
	playing := inFirstHalf(12, event.Score{Home: 1}, goal)
	for name, tc := range map[string]struct{ play, preview observation.Observation }{
		"scheduled, 0-0":          {starting(playing, 0), starting(observed(event.Scheduled, "", event.Score{}), 0)},
		"scheduled, no score":     {starting(playing, 0), starting(noScore, 0)},
		"scheduled, a minute off": {starting(playing, 0), starting(noScore, time.Minute)},
		"no kick-off on the page": {starting(playing, 0), noScore},
		"no kick-off at all":      {playing, noScore},
		"delayed, 0-0":            {starting(playing, 0), starting(observed(event.Delayed, "", event.Score{}), 0)},
		"an unknown status":       {starting(playing, 0), starting(observed("", "", event.Score{}), 0)},
		"half time": {starting(observed(event.Break, "ht", event.Score{Home: 1}, goal), 0),
			starting(noScore, 0)},
		"ice hockey": {starting(hockey, 0), starting(hockeyPreview, 0)},
	} {
		s := begin(t, starting(observed(event.Scheduled, "", event.Score{}), 0))
		s.state.Sport, tc.preview.Sport = tc.play.Sport, tc.play.Sport
		s.read(tc.play)
		s.now += 2 * time.Minute
		s.expect(tc.play)
		var lines []string
		for range 30 { // ten minutes
			lines = append(lines, s.read(tc.preview)...)
		}
		if len(lines) != 1 || !strings.HasPrefix(lines[0], "source_stale") {
			t.Errorf("%s: events %v, want only source_stale", name, lines)
		}
		s.expect(tc.play, "source_fresh 1-0")
		s.expect(tc.play)
	}
}

// A preview is accepted if only one page showed the match in play, or if the kick-off is still in
// the future. A page that shows a different kick-off time, a delay or a postponement is accepted too.
func TestPreviewOfAMatchThatHasNotBegun(t *testing.T) {
	t.Parallel()
	starting := func(o observation.Observation, at time.Duration) observation.Observation {
		o.Match.Start = time.Unix(1478476221, 0).Add(at)
		return o
	}
	one := starting(inFirstHalf(1, event.Score{}), 0)
	two := starting(inFirstHalf(2, event.Score{}), 0)
	preview := observed(event.Scheduled, "", event.Score{})
	for name, tc := range map[string]struct {
		play []observation.Observation
		page observation.Observation
		want event.Status
	}{
		"one page in play": {[]observation.Observation{one}, starting(preview, 0), event.Scheduled},
		"before kick-off": {[]observation.Observation{starting(one, time.Hour), starting(two, time.Hour)},
			starting(preview, time.Hour), event.Scheduled},
		"a later kick-off": {[]observation.Observation{one, two}, starting(preview, 30*time.Minute), event.Scheduled},
		"postponed": {[]observation.Observation{one, two},
			starting(observed(event.Postponed, "", event.Score{}), 0), event.Postponed},
		"delayed, at 0-0": {[]observation.Observation{one, two},
			starting(observed(event.Delayed, "", event.Score{}), 0), event.Delayed},
	} {
		s := begin(t, starting(preview, 0))
		for _, o := range tc.play {
			s.read(o)
		}
		for range 10 {
			s.read(tc.page)
		}
		if s.state.Match.Status != tc.want {
			t.Errorf("%s: status %s, want %s", name, s.state.Match.Status, tc.want)
		}
	}
}

// A slow site that still shows a preview does not make the match stale while another site shows
// play.
func TestPreviewOnASlowerSite(t *testing.T) {
	t.Parallel()
	s := begin(t, observed(event.Scheduled, "", event.Score{}))
	s.from("-b").expect(observed(event.Scheduled, "", event.Score{}))
	s.from("").read(inFirstHalf(1, event.Score{}))
	for m := 2; m < 40; m++ {
		s.from("-b").expect(observed(event.Scheduled, "", event.Score{}))
		s.from("").expect(inFirstHalf(m, event.Score{}))
	}
}

// If no page was read for a long time before the end, the match ends in the last period that was
// played.
func TestPeriodAfterTheEnd(t *testing.T) {
	t.Parallel()
	late := goalBy(event.Home, "Dan", at(90, 2))
	extra := goalBy(event.Home, "Dan", event.SoccerMinute("et2", 110, 0))
	shootout := observed(event.Final, "", event.Score{})
	shootout.Shootout = &event.Score{Home: 4, Away: 3}
	hockey := observed(event.Live, "p1", event.Score{})
	hockey.Sport, hockey.Match.Clock = event.IceHockey, event.Clock{Period: "p1", Elapsed: 300}
	hockeyEnd := observed(event.Final, "", event.Score{Away: 1})
	hockeyEnd.Sport = event.IceHockey
	secondHalf := live(80, event.Score{})
	for name, tc := range map[string]struct {
		before, end observation.Observation
		period      event.Period
		clock       string
	}{
		"from the first half": {inFirstHalf(41, event.Score{}), observed(event.Final, "", event.Score{}), "2h", ""},
		"with a goal": {inFirstHalf(41, event.Score{}), observed(event.Ended, "", event.Score{Home: 1}, late),
			"2h", ""},
		"from half time": {observed(event.Break, "ht", event.Score{}), observed(event.Final, "", event.Score{}),
			"2h", ""},
		"with a goal in extra time": {secondHalf, observed(event.Final, "", event.Score{Home: 1}, extra), "et2", ""},
		"after a shoot-out":         {secondHalf, shootout, "so", ""},
		"from the second half":      {secondHalf, observed(event.Final, "", event.Score{}), "2h", "80'"},
		"ice hockey":                {hockey, hockeyEnd, "p3", ""},
	} {
		s := begin(t, tc.before)
		s.now += 2 * time.Hour
		s.read(tc.end)
		if m := s.state.Match; m.Period != tc.period || m.Clock.String() != tc.clock {
			t.Errorf(
				"%s: the match ended in %s at %q, want %s at %q",
				name,
				m.Period,
				m.Clock.String(),
				tc.period,
				tc.clock,
			)
		}
		// If play continues, the page is right, even if its period is earlier.
		back := tc.before
		back.Match.Clock.Minute++
		if back.Match.Status == event.Live && s.state.Match.Period == "2h" && tc.before.Match.Period == "1h" {
			s.read(back)
			if m := s.state.Match; m.Period != "1h" || m.Clock != back.Match.Clock {
				t.Errorf("%s: play continues in %s at %q, want 1h at %q", name, m.Period, m.Clock, back.Match.Clock)
			}
		}
	}
}

// If an abandoned match is played again on another day, it starts from the beginning. Its clock is
// that of the new pages.
func TestAbandonedMatchIsReplayed(t *testing.T) {
	t.Parallel()
	start := time.Unix(1478476221, 0)
	on := func(o observation.Observation, day int) observation.Observation {
		o.PageID, o.Match.Start = "m-1", start.AddDate(0, 0, day)
		return o
	}
	goal := goalBy(event.Home, "Ann", at(12, 0))
	s := begin(t, on(observed(event.Scheduled, "", event.Score{}), 0))
	s.read(on(inFirstHalf(1, event.Score{}), 0))
	s.read(on(inFirstHalf(12, event.Score{Home: 1}, goal), 0))
	s.expect(on(observed(event.Abandoned, "", event.Score{Home: 1}, goal), 0), "status_change abandoned 1-0")
	s.now += 20 * time.Hour
	var lines []string
	for range 10 {
		lines = append(lines, s.read(on(observed(event.Scheduled, "", event.Score{}), 7))...)
	}
	moved := start.AddDate(0, 0, 7)
	change := "kickoff_changed 0-0 start:" + start.UTC().Format(time.RFC3339) + "→" + moved.UTC().Format(time.RFC3339)
	if !slices.Contains(lines, change) {
		t.Errorf("events %q, want %q among them", lines, change)
	}
	if m := s.state.Match; m.Period != "" || !m.Clock.IsZero() {
		t.Errorf("before the replay, the match is in %q at %q, want no period and no clock", m.Period, m.Clock)
	}
	s.now += 6 * 24 * time.Hour
	s.expect(on(inFirstHalf(1, event.Score{}), 7), "match_start 0-0", "period_start 1h 0-0")
	s.expect(on(observed(event.Final, "", event.Score{}), 7)) // the time played on the first day does not count
	s.expect(on(inFirstHalf(5, event.Score{Away: 1}, goalBy(event.Away, "Zed", at(4, 0))), 7), "goal 4' away Zed 0-1")
	if c := s.state.Match.Clock; c.Minute != 5 {
		t.Errorf("the clock is %s, want 5'", c)
	}
}

// If a page was read before the match began, the first page in play shows when it began. A site that
// shows no clock, and either no kick-off or only a date, cannot end a match soon after that.
func TestEndAfterTheFirstPageInPlay(t *testing.T) {
	t.Parallel()
	now := time.Unix(1478476221, 0)
	page := func(sport event.Sport, status event.Status, start time.Time) observation.Observation {
		o := observed(status, "", event.Score{})
		o.Sport, o.Match.Start = sport, start
		return o
	}
	for name, tc := range map[string]struct {
		sport event.Sport
		start time.Time // the kick-off that the pages show
		wait  time.Duration
		ends  bool
	}{
		"no kick-off":                         {event.Soccer, time.Time{}, 12 * time.Minute, false},
		"no kick-off, after full time":        {event.Soccer, time.Time{}, 95 * time.Minute, true},
		"only a date":                         {event.Soccer, now.Add(-15 * time.Hour), 12 * time.Minute, false},
		"only a date, after full time":        {event.Soccer, now.Add(-15 * time.Hour), 95 * time.Minute, true},
		"a kick-off that was read late":       {event.Soccer, now.Add(-100 * time.Minute), time.Minute, true},
		"ice hockey, no kick-off":             {event.IceHockey, time.Time{}, 12 * time.Minute, false},
		"ice hockey, no kick-off, at the end": {event.IceHockey, time.Time{}, 2 * time.Hour, true},
	} {
		s := begin(t, page(tc.sport, event.Scheduled, tc.start))
		s.read(page(tc.sport, event.Live, tc.start))
		s.now += tc.wait
		s.read(page(tc.sport, event.Final, tc.start))
		if over := s.state.Match.Status.Over(); over != tc.ends {
			t.Errorf("%s: the match is over: %t, want %t", name, over, tc.ends)
		}
		for range 17 { // over five minutes
			s.read(page(tc.sport, event.Final, tc.start))
		}
		if !s.state.Match.Status.Over() {
			t.Errorf("%s: the match is %s five minutes after its end, want it to be over", name, s.state.Match.Status)
		}
	}
}

// A single page with the status ended does not end a suspended match. Pages that show it for twenty
// minutes do, and so does a single page with the status final.
func TestEndOfASuspendedMatch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status event.Status
		pages  int
		want   string
	}{
		"once":  {event.Ended, 1, ""},
		"final": {event.Final, 1, "match_end"},
		"often": {event.Ended, 65, "match_end"},
	} {
		s := begin(t, inFirstHalf(20, event.Score{}))
		s.read(observed(event.Suspended, "", event.Score{}))
		s.now += 3 * time.Hour
		var lines []string
		for range tc.pages {
			lines = append(lines, s.read(observed(tc.status, "", event.Score{}))...)
		}
		if got := strings.Contains(strings.Join(lines, "\n"), "match_end"); got != (tc.want != "") {
			t.Errorf("%s: events %q, want match_end among them: %t", name, lines, tc.want != "")
		}
	}
}

// A match ends early in the second half. After the end, most pages are previews, or old copies that
// lack a card. The old copies also show the end, so they count towards its confirmation.
func TestOldPagesShowTheEnd(t *testing.T) {
	t.Parallel()
	goal := goalBy(event.Home, "Ann", at(12, 0))
	s := begin(t, inFirstHalf(13, event.Score{Home: 1}, goal))
	s.now += 40 * time.Minute
	inSecondHalf := observed(event.Live, event.SecondHalf, event.Score{Home: 1}, goal)
	inSecondHalf.Match.Clock = event.SoccerMinute(event.SecondHalf, 50, 0)
	s.read(inSecondHalf)
	preview := observed(event.Scheduled, "", event.Score{})
	over, withCard := observed(event.Final, "", event.Score{Home: 1}, goal),
		observed(
			event.Final,
			"",
			event.Score{Home: 1},
			goal,
			observation.Incident{Kind: event.YellowCard, Side: event.Away, Player: "Bob", Clock: at(12, 0)},
		)
	read := func(snapshot string, o observation.Observation) []string {
		s.snapshot = snapshot
		return s.read(o)
	}
	read("no card", over)
	read("card", withCard)
	var lines []string
	for range 9 { // 6 minutes
		lines = append(lines, read("no card", over)...)
		lines = append(lines, read("preview", preview)...)
	}
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "match_end 1-0") }) {
		t.Errorf("events %q, want match_end 1-0", lines)
	}
}

// A match is suspended in the last quarter. The next page shows that it is over. It is unknown whether
// there was overtime, so the result does not say how the match was decided.
func TestUnwatchedEnd(t *testing.T) {
	t.Parallel()
	for _, watched := range []bool{false, true} {
		at := func(status event.Status, p event.Period, score event.Score) observation.Observation {
			o := observed(status, p, score)
			o.Sport = event.Basketball
			return o
		}
		s := begin(t, at(event.Live, "q4", event.Score{Home: 107, Away: 108}))
		s.read(at(event.Suspended, "", event.Score{Home: 107, Away: 108}))
		s.now += 18 * time.Hour
		want := event.Decision("")
		if watched {
			s.read(at(event.Live, "q4", event.Score{Home: 110, Away: 108}))
			s.now += 20 * time.Minute
			want = event.ByRegulation
		}
		for range 3 {
			s.now += time.Hour
			s.read(at(event.Final, "", event.Score{Home: 122, Away: 119}))
		}
		var end reconcile.TrackedIncident
		for _, in := range s.state.Tracked {
			if in.Kind == event.MatchEnd {
				end = in
			}
		}
		if end.Winner != event.Winner(event.Home) || end.DecidedBy != want {
			t.Errorf("watched: %v: winner %q by %q, want home by %q", watched, end.Winner, end.DecidedBy, want)
		}
	}
}

// No page shows a period, but the line score has points for an overtime. So the overtime was played.
func TestOvertimeInTheLineScore(t *testing.T) {
	t.Parallel()
	at := func(status event.Status, away int) observation.Observation {
		o := observed(status, "", event.Score{Home: 93, Away: 93 + away})
		o.Sport, o.LineScore = event.Basketball, byPeriod([]int{28, 29, 20, 16, 0}, []int{30, 28, 18, 17, away})
		return o
	}
	s := begin(t, at(event.Suspended, 8))
	s.now += 18 * time.Hour
	for range 3 {
		s.now += time.Hour
		s.read(at(event.Final, 9))
	}
	var got []string
	for _, in := range s.state.Tracked {
		if in.Clock.Period == "ot1" || in.Kind == event.MatchEnd {
			got = append(got, fmt.Sprint(in.Kind, " ", in.Winner, " ", in.DecidedBy))
		}
	}
	slices.Sort(got)
	want := []string{"match_end away extra_time", "period_end  ", "period_start  "}
	if !slices.Equal(got, want) {
		t.Errorf("tracked incidents of the overtime and the end: %q, want %q", got, want)
	}
}

// A page of a suspended baseball game shows no inning, but a line score with eight innings. The final page
// has nine innings.
func TestInningsInTheLineScore(t *testing.T) {
	t.Parallel()
	at := func(status event.Status, innings int) observation.Observation {
		o := observed(status, "", event.Score{Home: 4, Away: 2})
		o.Sport, o.LineScore = event.Baseball, byPeriod(make([]int, innings), make([]int, innings))
		o.LineScore.Home[5].Runs, o.LineScore.Away[0].Runs = 4, 2
		return o
	}
	s := begin(t, at(event.Suspended, 8))
	s.now += 18 * time.Hour
	for range 3 {
		s.now += time.Hour
		s.read(at(event.Final, 9))
	}
	ended := 0
	for _, in := range s.state.Tracked {
		if in.Kind == event.PeriodEnd {
			ended++
		}
	}
	if ended != 9 {
		t.Errorf("%d innings have ended, want 9", ended)
	}
}
