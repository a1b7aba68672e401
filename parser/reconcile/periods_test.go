package reconcile_test

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// If a match is resumed after full time, its end is retracted, and reported again later.
func TestMatchReopened(t *testing.T) {
	t.Parallel()
	one := goalBy(event.Away, "Griezmann", at(90, 8))
	s := begin(t, live(90, event.Score{}))
	s.expect(observed(event.Ended, "", event.Score{Away: 1}, one),
		"goal 90+8' away Griezmann 0-1", "period_end 2h 0-1", "match_end 0-1 away by regulation")
	again := observed(event.Live, "2h", event.Score{Away: 1}, one)
	again.Match.Clock = event.SoccerMinute("2h", 90, 11)
	s.expect(again, "period_end_retracted 2h 0-1", "match_end_retracted 0-1 away by regulation", "status_change live 0-1")
	again.Match.Clock, again.Score, again.Incidents = event.SoccerMinute("2h", 90, 12), &event.Score{}, nil
	s.expect(again)
	end := observed(event.Ended, "", event.Score{})
	s.expect(end, "goal_retracted 90+8' away Griezmann 0-0", "period_end 2h 0-0", "match_end 0-0 draw by regulation")
}

// After half time, a page that shows a minute but no period starts the second half.
func TestHalfTimeEndsWithoutAPeriod(t *testing.T) {
	t.Parallel()
	minute := func(m int) observation.Observation {
		o := observed(event.Live, "", event.Score{})
		o.Match.Clock = event.Clock{Minute: m}
		return o
	}
	first := observed(event.Live, "1h", event.Score{})
	first.Match.Clock = at(44, 0)
	s := begin(t, first)
	s.expect(minute(46))
	s.expect(observed(event.Break, "ht", event.Score{}), "period_end 1h 0-0")
	s.expect(minute(46), "period_start 2h 0-0")
	if m := s.state.Match; m.Period != "2h" || m.Status != event.Live {
		t.Errorf("the match is %s in %s, want live in 2h", m.Status, m.Period)
	}
	s.expect(minute(50))
	s.expect(observed(event.Break, "ht", event.Score{})) // a stale copy
	s.now += 40 * time.Minute
	s.expect(observed(event.Ended, "", event.Score{}), "period_end 2h 0-0", "match_end 0-0 draw by regulation")
}

// A list page that was cached before half time does not start the second half.
func TestStaleListAfterHalfTime(t *testing.T) {
	t.Parallel()
	show := func(status event.Status, period event.Period, minute int) observation.Observation {
		o := observed(status, period, event.Score{})
		o.Shared, o.Match.Clock = true, event.Clock{Minute: minute}
		return o
	}
	s := begin(t, show(event.Live, "1h", 44))
	s.expect(show(event.Break, "ht", 0), "period_end 1h 0-0")
	s.superseded = true
	s.expect(show(event.Live, "", 46))
	s.superseded = false
	s.expect(show(event.Live, "", 46), "period_start 2h 0-0")
}

// A shoot-out does not imply extra time. A goal in extra time does.
func TestExtraTimeAndShootOut(t *testing.T) {
	t.Parallel()
	s := begin(t, observed(event.Live, "2h", event.Score{}))
	o := observed(event.Live, "so", event.Score{}, kick("home", "Altidore", "scored"), kick("away", "Evans", "missed"))
	s.expect(o,
		"period_end 2h 0-0", "period_start so 0-0", "shootout_kick home Altidore scored 0-0",
		"shootout_kick away Evans missed 0-0")
	if *s.state.Score != (event.Score{}) || *s.state.Shootout != (event.Score{Home: 1}) {
		t.Errorf("score %v, tally %v, want 0-0 and 1-0", s.state.Score, s.state.Shootout)
	}
	// No page shows a period of extra time, but the last page lists a goal in the 101st minute.
	s = begin(t, observed(event.Live, "2h", event.Score{}))
	s.expect(observed(event.Final, "", event.Score{Home: 1}, goalBy(event.Home, "Vida", at(101, 0))),
		"period_end 2h 0-0", "period_start et1 0-0", "goal 101' home Vida 1-0", "period_end et1 1-0",
		"match_end 1-0 home by extra_time")
}
