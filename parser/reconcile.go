package parser

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A Reading is the circumstances under which a page was read.
type Reading struct {
	TID         event.TID
	CausationID string
	Source      string // of the events: "/parser/<profile>"
	At          time.Time
	Modified    time.Time      // the page's Last-Modified; zero where the site gives none
	Evidence    event.Evidence // URL and snapshot; each event adds its path
	Replay      bool
}

// ErrOtherMatch says that a page shows another match than the saved state.
var ErrOtherMatch = errors.New("the page shows another match")

// Reconcile compares what a page says with what is known, and returns what is
// known now and the events that say the difference, in the order in which the
// match went. It is a pure function: same input, same output. The first page
// of a match reports everything that has happened so far as backfill.
//
// The rules of identity: a goal is the nth of its side, and once one was taken
// back, the nth of the next generation; a card, a substitution and the like is
// told by side, player and how many of that; a shoot-out kick is the nth of its
// side. Minute and player are attributes, which pages edit. The score is the
// authority on how many goals there are.
//
// Nothing is taken back by a page that may be a stale copy; see freshness.go.
func Reconcile(s State, o Observation, r Reading) (State, []event.Event, error) {
	if s.seen() && (fold(s.Match.Home) != fold(o.Match.Home) || fold(s.Match.Away) != fold(o.Match.Away)) {
		return s, nil, fmt.Errorf("%w: %s v %s, not %s v %s", ErrOtherMatch, o.Match.Home, o.Match.Away, s.Match.Home, s.Match.Away)
	}
	c := &comparison{state: s, page: o, reading: r, backfill: !s.seen()}
	c.state.Standing, c.state.TakenBack = slices.Clone(s.Standing), maps.Clone(s.TakenBack)
	v := c.judge()
	if v == held {
		return c.state, nil, nil
	}
	c.takeBack = c.confirmTakingBack(v)
	c.inOrder()
	c.match()
	c.reopen()
	c.periods()
	if o.Sport.CountsGoals() {
		c.goals(event.Home)
		c.goals(event.Away)
	}
	c.kicks(event.Home)
	c.kicks(event.Away)
	c.others()
	c.scoreAlone()
	c.status(s.Match.Status)
	events, err := c.events()
	return c.state, events, err
}

// A comparison is one run of Reconcile.
type comparison struct {
	state    State
	page     Observation
	reading  Reading
	backfill bool
	takeBack bool // whether the page may take goals back
	changes  []change
}

// inOrder puts the incidents in the order of the match. Some pages list the
// latest first; then rows with the same clock are turned round as well.
func (c *comparison) inOrder() {
	in := slices.Clone(c.page.Incidents)
	up, down := 0, 0
	for i := 1; i < len(in); i++ {
		switch {
		case in[i-1].Clock.Before(c.page.Sport, in[i].Clock):
			up++
		case in[i].Clock.Before(c.page.Sport, in[i-1].Clock):
			down++
		}
	}
	if down > up {
		slices.Reverse(in)
	}
	// A row without a clock stays behind the one above it.
	type placed struct {
		Incident
		at event.Clock
	}
	rows := make([]placed, len(in))
	for i := range in {
		rows[i] = placed{in[i], in[i].Clock}
		if i > 0 && !in[i].Clock.Told() {
			rows[i].at = rows[i-1].at
		}
	}
	slices.SortStableFunc(rows, func(a, b placed) int {
		switch {
		case a.at.Before(c.page.Sport, b.at):
			return -1
		case b.at.Before(c.page.Sport, a.at):
			return 1
		}
		return 0
	})
	for i := range rows {
		in[i] = rows[i].Incident
	}
	c.page.Incidents = in
}

// match takes over what the page says of the match itself. Nothing known is
// replaced by nothing.
func (c *comparison) match() {
	s, o := &c.state, &c.page
	s.Sport = o.Sport
	s.League = cmp.Or(o.League, s.League)
	s.Match.ID = cmp.Or(s.Match.ID, o.Match.ID)
	s.Match.Home, s.Match.Away = o.Match.Home, o.Match.Away
	if !o.Match.Start.IsZero() {
		s.Match.Start = o.Match.Start
	}
	s.Match.Period = cmp.Or(o.Match.Period, s.Match.Period)
	if !o.Match.Clock.IsZero() || o.Match.Period != "" {
		s.Match.Clock = o.Match.Clock
	}
	switch {
	case o.Match.Status != "":
		s.Match.Status = o.Match.Status
	case rank(s.Match.Status) == 0 && (len(o.Incidents) > 0 || o.Score != nil && *o.Score != event.Score{}):
		s.Match.Status = event.Live // the page gives no status, and something has happened
	case s.Match.Status == "":
		s.Match.Status = event.Scheduled
	}
}
