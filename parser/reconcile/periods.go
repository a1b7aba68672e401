package reconcile

import (
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// periods reports which periods have begun and ended, and with them the match.
// A page that was not read in time implies what it missed: one that shows the
// second half says that the first has ended.
func (c *comparison) periods() {
	status := c.state.Match.Status
	over := status.Over()
	reached, seen := c.reached()
	begun := reached >= 0 || status == event.Live || status == event.Break || over
	if !begun {
		return
	}
	c.mark(event.MatchStart, "", begins)
	for i, p := range c.page.Sport.Periods() {
		if p.IsBreak() || i > reached || !c.played(p, seen) {
			continue
		}
		c.mark(event.PeriodStart, p, begins)
		if i < reached || over || status == event.Break {
			c.mark(event.PeriodEnd, p, ends)
		}
	}
	if over {
		c.mark(event.MatchEnd, "", ends)
	}
}

// reached is the index of the latest period that the page tells of, or -1, and
// the set of all that it names.
func (c *comparison) reached() (int, map[event.Period]bool) {
	sport, seen := c.page.Sport, map[event.Period]bool{}
	if c.state.Match.Status != event.Scheduled {
		seen[c.page.Match.Period] = true
	}
	for _, in := range c.page.Incidents {
		// Where the page names no period, 47' may be stoppage time of the first half.
		if c.page.Match.Period != "" || sport != event.Soccer || !in.Clock.MaybeStoppage() {
			seen[in.Clock.Period] = true
		}
	}
	if c.page.Shootout != nil {
		seen[event.ShootOut] = true
	}
	if c.state.Match.Status.Over() {
		seen[sport.Regulation()] = true
	}
	for at, st := range c.state.Tracked {
		if st.Kind == event.PeriodStart && c.standing(at) {
			seen[st.Clock.Period] = true
		}
	}
	reached := -1
	for p := range seen {
		reached = max(reached, sport.Index(p))
	}
	return reached, seen
}

// played reports whether a period up to the one reached was really played.
// Regulation always is; extra time is if it or a later part of it is seen, but
// not because of a shoot-out, which may follow regulation at once.
func (c *comparison) played(p event.Period, seen map[event.Period]bool) bool {
	sport := c.page.Sport
	i := sport.Index(p)
	if i <= sport.Index(sport.Regulation()) {
		return true
	}
	for q := range seen {
		if q != event.ShootOut && sport.Index(q) >= i || q == p {
			return true
		}
	}
	return false
}

// reopen takes back the ends, and beginnings of later periods, that a page
// contradicts: full time shown at half time, or a match resumed after it.
func (c *comparison) reopen() {
	status, sport := c.state.Match.Status, c.page.Sport
	if status != event.Live && status != event.Break {
		return
	}
	now := sport.Index(c.page.Match.Period)
	if now < 0 && slices.ContainsFunc(c.state.Tracked, func(st TrackedIncident) bool { return st.Kind == event.MatchEnd }) {
		for _, st := range c.state.Tracked { // the page names no period: it is the last one that goes on
			if st.Kind == event.PeriodEnd {
				now = max(now, sport.Index(st.Clock.Period))
			}
		}
	}
	for at := range c.state.Tracked {
		st := &c.state.Tracked[at]
		i := sport.Index(st.Clock.Period)
		switch st.Kind {
		case event.MatchEnd:
			c.retract(at, "mark", string(st.Kind), "")
		case event.PeriodEnd:
			if now >= 0 && (i > now || i == now && status == event.Live) {
				c.retract(at, "mark", string(st.Kind), string(st.Clock.Period))
			}
		case event.PeriodStart:
			if now >= 0 && i > now && !c.playedIn(st.Clock.Period) {
				c.retract(at, "mark", string(st.Kind), string(st.Clock.Period))
			}
		}
	}
}

// playedIn reports whether anything that stands or is listed happened in p.
func (c *comparison) playedIn(p event.Period) bool {
	for _, in := range c.page.Incidents {
		if in.Clock.Period == p {
			return true
		}
	}
	return slices.ContainsFunc(c.state.Tracked, func(st TrackedIncident) bool { return st.Side != "" && st.Clock.Period == p })
}

// standing reports whether an incident stands and is not just being taken back.
func (c *comparison) standing(at int) bool {
	return !slices.ContainsFunc(c.changes, func(ch change) bool { return ch.at == at && ch.action == event.Retracted })
}

// mark reports a beginning or an end once.
func (c *comparison) mark(k event.Kind, p event.Period, phase int) {
	identity := []string{"mark", string(k), string(p), c.generation("mark", string(k), string(p))}
	if !c.stands(c.id(identity)) {
		c.report(observation.Incident{Kind: k, Clock: event.Clock{Period: p}}, phase, false, identity...)
	}
}
