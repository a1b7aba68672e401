package reconcile

import (
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// reopenPeriods retracts ends, and starts of later periods, that the page contradicts: full time
// shown at half time, or a match resumed after full time.
func (d *draft) reopenPeriods() {
	status, sport := d.state.Match.Status, d.obs.Sport
	if status != event.Live && status != event.Break {
		return
	}
	now := d.periodBeingPlayed()
	for at := range d.state.Tracked {
		st := &d.state.Tracked[at]
		i := sport.Index(st.Clock.Period)
		switch st.Kind {
		case event.MatchEnd:
			d.retract(at, startOrEndSeries(st.Kind, ""))
		case event.PeriodEnd:
			if now >= 0 && (i > now || i == now && status == event.Live) {
				d.retract(at, startOrEndSeries(st.Kind, st.Clock.Period))
			}
		case event.PeriodStart:
			if now >= 0 && i > now && !d.playedIn(st.Clock.Period) {
				d.retract(at, startOrEndSeries(st.Kind, st.Clock.Period))
			}
		}
	}
}

// periodBeingPlayed returns the index of the page's period, or -1 if it names none. If the match
// has ended, and the page says that it goes on without naming a period, it is the last that has
// ended.
func (d *draft) periodBeingPlayed() int {
	now := d.obs.Sport.Index(d.obs.Match.Period)
	isEnd := func(st TrackedIncident) bool { return st.Kind == event.MatchEnd }
	if now >= 0 || !slices.ContainsFunc(d.state.Tracked, isEnd) {
		return now
	}
	for i := range d.state.Tracked {
		if st := &d.state.Tracked[i]; st.Kind == event.PeriodEnd {
			now = max(now, d.obs.Sport.Index(st.Clock.Period))
		}
	}
	return now
}

// playedIn reports whether an incident that is tracked or listed happened in p.
func (d *draft) playedIn(p event.Period) bool {
	return slices.ContainsFunc(d.obs.Incidents, func(in observation.Incident) bool { return in.Clock.Period == p }) ||
		slices.ContainsFunc(d.state.Tracked, func(st TrackedIncident) bool { return st.Side != "" && st.Clock.Period == p })
}

// comparePeriods reports which periods have started and ended, and with them the match. A page
// implies what was missed: one that shows the second half says that the first has ended.
func (d *draft) comparePeriods() {
	status := d.state.Match.Status
	reached, shown := d.periodsShown()
	if reached < 0 && status != event.Live && status != event.Break && !status.Over() {
		return
	}
	d.reportStartOrEnd(event.MatchStart, "", phaseStart)
	for i, p := range d.obs.Sport.Periods() {
		if p.IsBreak() || i > reached || !wasPlayed(d.obs.Sport, p, shown) {
			continue
		}
		d.reportStartOrEnd(event.PeriodStart, p, phaseStart)
		if i < reached || status.Over() || status == event.Break {
			d.reportStartOrEnd(event.PeriodEnd, p, phaseEnd)
		}
	}
	if status.Over() {
		d.reportStartOrEnd(event.MatchEnd, "", phaseEnd)
	}
}

// reportStartOrEnd reports a start or an end, unless it is tracked already.
func (d *draft) reportStartOrEnd(k event.Kind, p event.Period, phase int) {
	s := startOrEndSeries(k, p)
	identity := s.with(d.generation(s))
	if !d.isTracked(d.id(identity)) {
		d.report(observation.Incident{Kind: k, Clock: event.Clock{Period: p}}, phase, false, identity)
	}
}

// periodsShown returns the set of periods that the page shows or that have started, and the index
// of the latest, or -1.
func (d *draft) periodsShown() (reached int, shown map[event.Period]bool) {
	sport, status := d.obs.Sport, d.state.Match.Status
	shown = map[event.Period]bool{}
	if status != event.Scheduled {
		shown[d.obs.Match.Period] = true
	}
	for _, in := range d.obs.Incidents {
		// If the page names no period, 47' may be stoppage time of the first half.
		if d.obs.Match.Period != "" || sport != event.Soccer || !in.Clock.MaybeStoppage() {
			shown[in.Clock.Period] = true
		}
	}
	if d.obs.Shootout != nil {
		shown[event.ShootOut] = true
	}
	if status.Over() {
		shown[sport.Regulation()] = true
	}
	for at, st := range d.state.Tracked {
		if st.Kind == event.PeriodStart && !d.isRetracted(at) {
			shown[st.Clock.Period] = true
		}
	}
	reached = -1
	for p := range shown {
		reached = max(reached, sport.Index(p))
	}
	return reached, shown
}

// wasPlayed reports whether a period up to the latest one shown was played. Periods of regulation
// always were. Extra time was if it or a later part of it is shown; a shoot-out does not count,
// because it can follow regulation at once.
func wasPlayed(sport event.Sport, p event.Period, shown map[event.Period]bool) bool {
	i := sport.Index(p)
	if i <= sport.Index(sport.Regulation()) {
		return true
	}
	for q := range shown {
		if q != event.ShootOut && sport.Index(q) >= i || q == p {
			return true
		}
	}
	return false
}
