package reconcile_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// scheduledStart is the scheduled kick-off time of the matches in these tests. Their first page is read
// before it.
var scheduledStart = time.Unix(1478476221, 0).UTC().Truncate(time.Hour).Add(3 * time.Hour)

// startingAt returns an observation whose kick-off time is scheduledStart plus after.
func startingAt(status event.Status, after time.Duration) observation.Observation {
	o := observed(status, "", event.Score{})
	o.Match.Start = scheduledStart.Add(after)
	return o
}

// moved returns the line of the event for a kick-off that has moved. from and to are relative to
// scheduledStart.
func moved(from, to time.Duration) string {
	text := func(after time.Duration) string { return scheduledStart.Add(after).Format(time.RFC3339) }
	return "kickoff_changed 0-0 start:" + text(from) + "→" + text(to)
}

// A kick-off that moves before the match is reported. So is the new date of a postponed match.
func TestKickoffMoves(t *testing.T) {
	t.Parallel()
	s := begin(t, startingAt(event.Scheduled, 0))
	s.expect(startingAt(event.Scheduled, -90*time.Minute), moved(0, -90*time.Minute))
	s.expect(startingAt(event.Postponed, -90*time.Minute), "status_change postponed 0-0")
	s.expect(observed(event.Postponed, "", event.Score{})) // without a kick-off time
	s.expect(startingAt(event.Scheduled, 48*time.Hour),
		moved(-90*time.Minute, 48*time.Hour), "status_change scheduled 0-0")
	if !s.state.Match.Start.Equal(scheduledStart.Add(48 * time.Hour)) {
		t.Errorf("kick-off %v, want %v", s.state.Match.Start, scheduledStart.Add(48*time.Hour))
	}
	// When the match begins, its start is reported instead of the new kick-off time.
	begun := startingAt(event.Live, 49*time.Hour)
	begun.Match.Period = "1h"
	s.expect(begun, "match_start 0-0", "period_start 1h 0-0")

	s = begin(t, observed(event.Scheduled, "", event.Score{})) // no kick-off time is known
	s.expect(startingAt(event.Scheduled, 0))
}

// A kick-off that moves by a few minutes is not reported until it differs by at least five minutes
// from the latest reported time.
func TestKickoffJitter(t *testing.T) {
	t.Parallel()
	s := begin(t, startingAt(event.Scheduled, 0))
	for n := range 10 {
		s.expect(startingAt(event.Scheduled, time.Duration(n%3)*time.Minute))
	}
	s.expect(startingAt(event.Scheduled, 4*time.Minute))
	s.expect(startingAt(event.Scheduled, 8*time.Minute), moved(0, 8*time.Minute)) // since the last report
	s.expect(startingAt(event.Scheduled, 9*time.Minute))
}

// If pages alternate between two kick-off times, the move is reported once. The old time is reported
// again only if it persists.
func TestKickoffAlternates(t *testing.T) {
	t.Parallel()
	for _, sites := range [][2]string{{"", ""}, {"", "-b"}} {
		s := begin(t, startingAt(event.Scheduled, 0))
		s.from(sites[1]).expect(startingAt(event.Scheduled, time.Hour), moved(0, time.Hour))
		for range 20 {
			s.from(sites[0]).expect(startingAt(event.Scheduled, 0))
			s.from(sites[1]).expect(startingAt(event.Scheduled, time.Hour))
		}
	}
	s := begin(t, startingAt(event.Scheduled, 0))
	s.expect(startingAt(event.Scheduled, time.Hour), moved(0, time.Hour))
	for range 5 {
		s.expect(startingAt(event.Scheduled, 0))
	}
	s.expect(startingAt(event.Scheduled, 0), moved(time.Hour, 0))
	s.expect(startingAt(event.Scheduled, 2*time.Hour), moved(0, 2*time.Hour)) // another time is new
}

// A page without an ID whose kick-off time shows another match of the teams is refused. The table lists
// the status and the score of the first page, and the page that follows it.
func TestOtherMatchByKickoff(t *testing.T) {
	t.Parallel()
	with := func(o observation.Observation, score event.Score) observation.Observation {
		o.Score = &score
		return o
	}
	for name, tc := range map[string]struct {
		status event.Status
		score  event.Score
		page   observation.Observation
		same   bool
	}{
		"the second game, after final": {event.Final, event.Score{Home: 1},
			startingAt(event.Scheduled, 4*time.Hour), false},
		"the second game, in play":     {event.Final, event.Score{Home: 1}, startingAt(event.Live, 4*time.Hour), false},
		"the second game, also final":  {event.Final, event.Score{Home: 1}, startingAt(event.Final, 4*time.Hour), false},
		"the second game, after ended": {event.Ended, event.Score{}, startingAt(event.Scheduled, 2*time.Hour), false},
		"the second game, the end was missed": {event.Live, event.Score{Home: 1},
			startingAt(event.Scheduled, 4*time.Hour), false},
		"the match before":          {event.Live, event.Score{}, startingAt(event.Final, -4*time.Hour), false},
		"the next day, after final": {event.Final, event.Score{Home: 1}, startingAt(event.Scheduled, 24*time.Hour), false},
		"a corrected kick-off, after final": {event.Final, event.Score{Home: 1},
			with(startingAt(event.Final, 5*time.Minute), event.Score{Home: 1}), true},
		"a corrected kick-off, in play": {event.Live, event.Score{}, startingAt(event.Live, 30*time.Minute), true},
		"another date, not begun":       {event.Scheduled, event.Score{}, startingAt(event.Scheduled, 72*time.Hour), true},
		"another date, postponed":       {event.Postponed, event.Score{}, startingAt(event.Scheduled, 72*time.Hour), true},
		"resumed the next day": {event.Suspended, event.Score{Home: 1},
			with(startingAt(event.Live, 24*time.Hour), event.Score{Home: 1}), true},
		"resumed, or another game, at 0-0": {event.Suspended, event.Score{}, startingAt(event.Live, 24*time.Hour), false},
		"another game, after a suspended game": {event.Suspended, event.Score{Home: 1},
			startingAt(event.Live, 24*time.Hour), false},
		"no kick-off": {event.Live, event.Score{}, observed(event.Live, "", event.Score{}), true},
	} {
		s := &story{t: t, state: reconcile.State{Epoch: "e1"}, now: scheduledStart.Sub(time.Unix(1478476221, 0))}
		s.read(with(startingAt(tc.status, 0), tc.score))
		from := reconcile.Provenance{Site: "/parser/test", At: tc.page.Match.Start}
		_, events, err := reconcile.Match(s.state, tc.page, from)
		if same := err == nil; same != tc.same || err != nil && !errors.Is(err, reconcile.ErrOtherMatch) {
			t.Errorf("%s: error %v, want ErrOtherMatch: %t", name, err, !tc.same)
		}
		if err != nil && (len(events) > 0 || !strings.Contains(err.Error(), "its kick-off is ")) {
			t.Errorf("%s: error %v, %d events, want an error with the kick-off times, and no events", name, err, len(events))
		}
		// If both pages have the same ID, they show the same match.
		s = &story{t: t, state: reconcile.State{Epoch: "e1"}, now: scheduledStart.Sub(time.Unix(1478476221, 0))}
		first := with(startingAt(tc.status, 0), tc.score)
		first.PageID, tc.page.PageID = "g-1", "g-1"
		s.read(first)
		if _, _, err := reconcile.Match(s.state, tc.page, from); err != nil {
			t.Errorf("%s, with an ID: error %v, want none", name, err)
		}
	}
}

// Until something happens in a match, a page can change the names of its teams.
func TestMatchAcceptsNames(t *testing.T) {
	t.Parallel()
	named := func(status event.Status, home, away string) observation.Observation {
		o := observed(status, "", event.Score{})
		o.Match.Home, o.Match.Away = home, away
		return o
	}
	for _, names := range [][2]string{{"2A", "2B"}, {"Winner of 74", "W75"}, {"DEN/MKD/CZE", "TBD"}, {"Ayr", "Clyde"}} {
		s := begin(t, named(event.Scheduled, names[0], names[1]))
		s.expect(named(event.Scheduled, "Ayr", "Raith"))
		if m := s.state.Match; m.Home != "Ayr" || m.Away != "Raith" {
			t.Errorf("teams %s v %s, want Ayr v Raith", m.Home, m.Away)
		}
		s.expect(named(event.Live, "Ayr", "Raith"), "match_start 0-0")
		_, _, err := reconcile.Match(s.state, named(event.Live, "Ayr", "Clyde"), reconcile.Provenance{Site: "/parser/test"})
		if !errors.Is(err, reconcile.ErrOtherMatch) {
			t.Errorf("other names during the match: error %v, want ErrOtherMatch", err)
		}
	}
	// Some sites still show placeholders after the kick-off.
	for _, period := range []event.Period{"1h", "2h"} {
		s := begin(t, named(event.Scheduled, "W73", "Raith"))
		first := named(event.Live, "W73", "Raith")
		first.Match.Period = period
		s.read(first)
		later := named(event.Live, "Ayr", "Raith")
		later.Match.Period, later.Score = period, &event.Score{Home: 1}
		if lines := s.read(later); !slices.Equal(lines, []string{"status_change live 0-0", "goal home 1-0 provisional"}) &&
			!slices.Equal(lines, []string{"goal home 1-0 provisional", "status_change live 1-0"}) {
			t.Errorf("in %s: events %q, want a goal and a status_change for the names", period, lines)
		}
	}
	for name, tc := range map[string]struct {
		score      event.Score
		home, away string
		rows       []observation.Incident
	}{
		"after a goal": {event.Score{Home: 1}, "Ayr", "Raith", nil},
		"after a card": {event.Score{}, "Ayr", "Raith",
			[]observation.Incident{{Kind: event.YellowCard, Side: "home", Player: "A"}}},
		"another real name":   {event.Score{}, "Ayr", "Clyde", nil},
		"another placeholder": {event.Score{}, "W75", "Raith", nil},
	} {
		page := named(event.Live, "W73", "Raith")
		page.Score, page.Incidents = &tc.score, tc.rows
		s := begin(t, page)
		page = named(event.Live, tc.home, tc.away)
		page.Score, page.Incidents = &tc.score, tc.rows
		if _, _, err := reconcile.Match(s.state, page, reconcile.Provenance{Site: "/parser/test"}); !errors.Is(err,
			reconcile.ErrOtherMatch) {
			t.Errorf("%s: error %v, want ErrOtherMatch", name, err)
		}
	}
	// The names become known at kick-off.
	s := begin(t, named(event.Scheduled, "2A", "2B"))
	s.expect(named(event.Live, "Ayr", "Raith"), "match_start 0-0")
	// If consumers know the match, the new names cause an event.
	s = begin(t, named(event.Scheduled, "2A", "2B"))
	s.expect(named(event.Postponed, "2A", "2B"), "status_change postponed 0-0")
	s.expect(named(event.Postponed, "Ayr", "Raith"), "status_change postponed 0-0")
	// A damaged name, another site's spelling and another match in play are refused.
	for name, page := range map[string]observation.Observation{
		"a damaged name": named(event.Scheduled, "Ay?", "B?ith"), "a match in play": named(event.Live, "Clyde", "Raith"),
	} {
		s = begin(t, named(event.Scheduled, "Ayr", "Raith"))
		if _, _, err := reconcile.Match(s.state, page, reconcile.Provenance{Site: "/parser/test"}); !errors.Is(err,
			reconcile.ErrOtherMatch) {
			t.Errorf("%s: error %v, want ErrOtherMatch", name, err)
		}
	}
	s = begin(t, named(event.Scheduled, "Ayr", "Raith"))
	from := reconcile.Provenance{Site: "/parser/other", At: time.Unix(1478476221, 0).Add(s.now)}
	if _, _, err := reconcile.Match(s.state, named(event.Scheduled, "Ayr United", "Raith"), from); !errors.Is(err,
		reconcile.ErrOtherMatch) {
		t.Errorf("another site's spelling: error %v, want ErrOtherMatch", err)
	}
	// Names from a site that knows the teams are accepted, although another site still shows placeholders.
	s = begin(t, named(event.Scheduled, "2A", "2B"))
	next, _, err := reconcile.Match(s.state, named(event.Scheduled, "Ayr", "Raith"), from)
	if err != nil || next.Match.Home != "Ayr" || next.Match.Away != "Raith" {
		t.Errorf("teams %s v %s, error %v, want Ayr v Raith", next.Match.Home, next.Match.Away, err)
	}
}
