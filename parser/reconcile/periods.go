package reconcile

import (
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// reopenPeriods retracts ends, and starts of later periods, that the page contradicts. The reason
// may be a page that showed full time at half time, or a match that is resumed after full time.
func (d *draft) reopenPeriods() {
	status, sport := d.state.Match.Status, d.obs.Sport
	if status != event.Live && status != event.Break {
		return
	}
	now := d.periodBeingPlayed()
	for at := range d.state.Tracked {
		tracked := &d.state.Tracked[at]
		i := sport.Index(tracked.Clock.Period)
		switch tracked.Kind {
		case event.MatchEnd:
			d.retract(at, startOrEndSeries(tracked.Kind, ""))
		case event.PeriodEnd:
			if now >= 0 && (i > now || i == now && status == event.Live) {
				d.retract(at, startOrEndSeries(tracked.Kind, tracked.Clock.Period))
			}
		case event.PeriodStart:
			if now >= 0 && i > now && !d.playedIn(tracked.Clock.Period) {
				d.retract(at, startOrEndSeries(tracked.Kind, tracked.Clock.Period))
			}
		}
	}
}

// periodBeingPlayed returns the index of the page's period. If the page names no period, and the
// match has ended, it returns the index of the last period that has ended. Otherwise it returns -1.
func (d *draft) periodBeingPlayed() int {
	now := d.obs.Sport.Index(d.obs.Match.Period)
	isEnd := func(tracked TrackedIncident) bool { return tracked.Kind == event.MatchEnd }
	if now >= 0 || !slices.ContainsFunc(d.state.Tracked, isEnd) {
		return now
	}
	for i := range d.state.Tracked {
		if tracked := &d.state.Tracked[i]; tracked.Kind == event.PeriodEnd {
			now = max(now, d.obs.Sport.Index(tracked.Clock.Period))
		}
	}
	return now
}

// playedIn reports whether a tracked or listed incident happened in p.
func (d *draft) playedIn(p event.Period) bool {
	return slices.ContainsFunc(d.obs.Incidents, func(in observation.Incident) bool { return in.Clock.Period == p }) ||
		slices.ContainsFunc(d.state.Tracked, func(tracked TrackedIncident) bool {
			return tracked.Side != "" && tracked.Clock.Period == p
		})
}

// comparePeriods reports starts and ends of the match and its periods. It also reports starts and
// ends that the page implies: if the page shows the second half, the first half has ended.
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

// reportStartOrEnd reports the start or end of a period, or of the match, unless the incident is
// already tracked.
func (d *draft) reportStartOrEnd(k event.Kind, p event.Period, phase int) {
	s := startOrEndSeries(k, p)
	identity := s.with(d.generation(s))
	if !d.isTracked(d.id(identity)) {
		d.report(observation.Incident{Kind: k, Clock: event.Clock{Period: p}}, phase, false, identity)
	}
}

// periodsShown returns the set of periods that the page shows, or whose start is tracked. reached
// is the index of the latest such period, or -1 if there is none.
func (d *draft) periodsShown() (reached int, shown map[event.Period]bool) {
	sport, status := d.obs.Sport, d.state.Match.Status
	shown = map[event.Period]bool{}
	if status != event.Scheduled {
		shown[d.obs.Match.Period] = true
	}
	for _, in := range d.obs.Incidents {
		later := sport.Index(in.Clock.Period) > sport.Index(d.state.Match.Period)
		if !in.PeriodGuessed || !later || status.Over() { // 47' may be stoppage time of the first half
			shown[in.Clock.Period] = true
		}
	}
	if d.obs.Shootout != nil {
		shown[event.ShootOut] = true
	}
	if status.Over() {
		shown[sport.Regulation()] = true
	}
	for at, tracked := range d.state.Tracked {
		if tracked.Kind == event.PeriodStart && !d.isRetracted(at) {
			shown[tracked.Clock.Period] = true
		}
	}
	reached = -1
	for p := range shown {
		reached = max(reached, sport.Index(p))
	}
	return reached, shown
}

// wasPlayed reports whether the period p was played. p must not be after the latest period in
// shown. Periods of regulation time are always played. A period of extra time was played if this or
// a later period is shown. A shoot-out does not count as a later period, because it can follow
// regulation time directly.
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
