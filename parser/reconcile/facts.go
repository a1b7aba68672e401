package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// ErrOtherMatch means that the page shows a different match from the saved state.
var ErrOtherMatch = errors.New("the page shows another match")

// otherDay is the maximum difference between two kick-off times of one match on different pages.
const otherDay = 13 * time.Hour

// checkSameMatch returns an error that wraps [ErrOtherMatch] if the page shows other teams, or a
// different ID from earlier pages of the site. Without IDs, it compares the kick-off times, unless
// the match has not started. Without IDs, it cannot distinguish two matches of the same teams on
// one day.
func checkSameMatch(known *State, o *observation.Observation, from *Provenance) error {
	if !known.Known() {
		return nil
	}
	was, now := &known.Match, &o.Match
	if !from.Aliases.SameTeam(was.Home, now.Home) || !from.Aliases.SameTeam(was.Away, now.Away) {
		return fmt.Errorf("%w: %s v %s, not %s v %s", ErrOtherMatch, now.Home, now.Away, was.Home, was.Away)
	}
	id := known.Views[from.Site].PageID
	if id != "" && o.PageID != "" {
		if id != o.PageID {
			return fmt.Errorf("%w: the site calls it %q, not %q", ErrOtherMatch, o.PageID, id)
		}
		return nil // do not compare the kick-offs: the match may be resumed on another day
	}
	if was.Status.Rank() > 0 && !was.Start.IsZero() && !now.Start.IsZero() && now.Start.Sub(was.Start).Abs() > otherDay {
		return fmt.Errorf("%w: it starts %s, not %s", ErrOtherMatch,
			now.Start.Format(time.RFC3339), was.Start.Format(time.RFC3339))
	}
	return nil
}

// mergeFacts returns the league and the match after the page. Facts that the page lacks do not
// change.
func mergeFacts(known *State, o *observation.Observation, v verdict) (league string, m event.Match) {
	m = known.Match
	m.ID = cmp.Or(m.ID, o.Match.ID)
	m.Home, m.Away = mergeName(m.Home, o.Match.Home), mergeName(m.Away, o.Match.Away)
	if !o.Match.Start.IsZero() {
		m.Start = o.Match.Start
	}
	was := observation.Observation{Match: m}
	if v == overdue || compareClock(o.Sport, clockShown(o), clockShown(&was)) >= 0 { // unless another site is ahead
		m.Period = cmp.Or(o.Match.Period, m.Period)
		if !o.Match.Clock.IsZero() || o.Match.Period != "" {
			m.Clock = o.Match.Clock
		}
	}
	switch {
	case o.Match.Status != "":
		m.Status = o.Match.Status
	case m.Status.Rank() == 0 && (len(o.Incidents) > 0 || o.Score != nil && *o.Score != event.Score{}):
		m.Status = event.Live // the page shows no status, but an incident or a score
	case m.Status == "":
		m.Status = event.Scheduled
	}
	return mergeName(known.League, o.League), m
}

// mergeName returns was, the earlier name. It returns now, the page's name, if there is no earlier
// name, or if the earlier name is damaged.
func mergeName(was, now string) string {
	if was == "" || observation.Damaged(was) && now != "" {
		return now
	}
	return was
}
