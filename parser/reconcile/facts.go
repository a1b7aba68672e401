package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// ErrOtherMatch means that the page is about a different match from that of the saved state.
var ErrOtherMatch = errors.New("the page shows another match")

// checkSameMatch returns an error that wraps [ErrOtherMatch] if the page shows other teams, or a
// different ID from earlier pages of its site. If one of the IDs is unknown, it compares the kick-off
// times. If a kick-off time is unknown too, it cannot distinguish two matches of the same teams.
func checkSameMatch(known *State, o *observation.Observation, from *Provenance) error {
	if !known.Known() {
		return nil
	}
	if err := checkTeams(known, o, from); err != nil {
		return err
	}
	if id := known.Views[from.Site].PageID; id != "" && o.PageID != "" {
		if id != o.PageID {
			return fmt.Errorf("%w: its ID is %q, not %q", ErrOtherMatch, o.PageID, id)
		}
		return nil // do not compare the kick-off times: the match may be resumed on another day
	}
	return checkKickoff(known, o, from)
}

// mergeFacts returns the league and the match after the page. Facts that the page lacks do not
// change, except for an outdated period or clock. If the page has no status, an incident or a score
// makes the match live. mergeFacts does not change the kick-off; see decideKickoff.
func mergeFacts(known *State, o *observation.Observation, from *Provenance, v verdict) (league string, m event.Match) {
	m = known.Match
	goesOn := m.Status.Over() && o.Match.Status.Rank() == event.Live.Rank() && o.Match.Period != ""
	if o.Match.Status == event.Scheduled || goesOn {
		m.Period, m.Clock = "", event.Clock{}
	}
	m.ID = cmp.Or(m.ID, o.Match.ID)
	m.Home, m.Away = mergeTeam(m.Home, o.Match.Home, from), mergeTeam(m.Away, o.Match.Away, from)
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

// situationAfter returns the situation after a page, and the site that showed it. A page without a
// situation clears the situation of its own site. Only a match that is in play or interrupted has a
// situation. status is the status after the page.
func situationAfter(known *State, o *observation.Observation, from *Provenance, status event.Status) (
	now *event.Situation, site string,
) {
	switch {
	case status.Rank() != event.Live.Rank():
		return nil, ""
	case o.Match.Situation != nil:
		return o.Match.Situation, from.Site
	case known.SituationSite == from.Site:
		return nil, ""
	}
	return known.Match.Situation, known.SituationSite
}

// mergeName returns the name after a page: was, the earlier name, or now, the page's name. It returns
// the page's name if there is no earlier name, or if the earlier name is damaged and the page has a name.
func mergeName(was, now string) string {
	if was == "" || observation.Damaged(was) && now != "" {
		return now
	}
	return was
}

// checkTeams returns an error that wraps [ErrOtherMatch] if the page shows other teams. As soon as
// anything has happened in the match, the names of its teams must not change. Before that, a page
// can change them, because sites list matches before their teams are known. Some sites show
// placeholders even after the start. So a page can replace placeholders with names until the first
// score or incident of a team. Even then, checkTeams refuses a damaged name, and a name that
// contradicts another active site. If the page does not have the ID of earlier pages, checkTeams also
// refuses a new name in two cases: the kick-off time differs by at least otherKickoff, or the name
// replaces a real name and the page shows that the match has begun.
func checkTeams(known *State, o *observation.Observation, from *Provenance) error {
	was, now := &known.Match, &o.Match
	other := differentNames(known, o, from)
	refuse := func(why string) error {
		return fmt.Errorf("%w: %s v %s, not %s v %s%s", ErrOtherMatch, now.Home, now.Away, was.Home, was.Away, why)
	}
	if len(other) > 0 && !nothingHappened(known) && !(noIncident(known) && placeholdersNamed(other)) {
		return refuse("")
	}
	id := known.Views[from.Site].PageID
	sameID := id != "" && id == o.PageID
	moved := !was.Start.IsZero() && !now.Start.IsZero() && now.Start.Sub(was.Start).Abs() >= otherKickoff
	for _, names := range other {
		placeholder := observation.Placeholder(names[0])
		switch {
		case observation.Damaged(names[1]):
			return refuse("")
		case known.seenRecently(from.At, from.isOtherSite) && (!placeholder || observation.Placeholder(names[1])):
			return refuse(", as another site shows")
		case !sameID && moved:
			return refuse(", and another kick-off time")
		case !sameID && !placeholder && now.Status.Rank() > 0:
			return refuse("")
		}
	}
	return nil
}

// differentNames returns the saved name and the page's name of each team whose names differ.
func differentNames(known *State, o *observation.Observation, from *Provenance) (names [][2]string) {
	for _, pair := range [][2]string{{known.Match.Home, o.Match.Home}, {known.Match.Away, o.Match.Away}} {
		if !from.Aliases.SameTeam(pair[0], pair[1]) {
			names = append(names, pair)
		}
	}
	return names
}

// nothingHappened reports whether the match has not begun, has no incidents and is at 0-0 or without a score.
func nothingHappened(known *State) bool {
	return known.Match.Status.Rank() == 0 && len(known.Tracked) == 0 && noIncident(known)
}

// noIncident reports whether the match has no incident of a team, and is at 0-0 or without a score.
func noIncident(known *State) bool {
	return (known.Score == nil || *known.Score == event.Score{}) &&
		!slices.ContainsFunc(known.Tracked, func(tracked TrackedIncident) bool { return tracked.Side != "" })
}

// placeholdersNamed reports whether the page replaces only placeholders, and only with real names.
// Each element of names is a saved name and the page's name.
func placeholdersNamed(names [][2]string) bool {
	return !slices.ContainsFunc(names, func(pair [2]string) bool {
		return !observation.Placeholder(pair[0]) || observation.Placeholder(pair[1])
	})
}

// mergeTeam returns the name of a team after a page: the earlier name, unless it is unknown or damaged,
// or checkTeams has accepted another name.
func mergeTeam(was, now string, from *Provenance) string {
	if was != "" && now != "" && !from.Aliases.SameTeam(was, now) {
		return now
	}
	return mergeName(was, now)
}

// namesChanged reports whether consumers that know the match need an event with the new names of
// its teams. If the match has had no event, its next event contains the names.
func namesChanged(known *State, o *observation.Observation, from *Provenance) bool {
	return known.Seq > 0 && len(differentNames(known, o, from)) > 0
}

// reportTeams reports new names of the teams, if the page has changed them.
func (d *draft) reportTeams() {
	if d.otherTeams {
		d.reportUntracked(observation.Incident{Kind: event.StatusChange}, "the page names other teams")
	}
}
