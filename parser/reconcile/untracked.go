package reconcile

import (
	"slices"
	"strconv"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile/internal/innings"
)

// reportUntracked reports an incident that is never corrected or retracted, and is therefore not
// tracked.
func (d *draft) reportUntracked(in observation.Incident, reason string) {
	d.state.Untracked++
	if in.Clock.IsZero() {
		in.Clock.Period = d.state.Match.Period
	}
	phase := phasePlay
	switch {
	case in.Kind == event.StatusChange:
		phase = phaseEnd
	case in.Kind == event.ScoreChange && d.state.Sport == event.Cricket: // before the wickets, which are part of the score
		phase = phaseStart
	}
	id := d.id(series{"told", string(in.Kind), strconv.Itoa(d.state.Untracked)})
	d.addChange(change{tracked: -1, untracked: TrackedIncident{Incident: in, Rev: 1, ID: id},
		action: event.New, reason: reason, phase: phase})
}

// reportScoreChange reports a change of the score that no incident explains. It applies to sports
// that do not count goals, and to shoot-outs without tracked kicks.
func (d *draft) reportScoreChange() {
	s, o := &d.state, &d.obs
	moved := innings.Moved(s.LineScore, o.LineScore) || scoreMoved(s.Score, o.Score) && !d.explained(*o.Score)
	if !o.Sport.CountsGoals() && !d.score.doubtful && moved {
		d.reportUntracked(observation.Incident{Kind: event.ScoreChange, Clock: o.Match.Clock, Score: o.Score}, "")
	}
	isKick := func(tracked TrackedIncident) bool { return tracked.Kind == event.ShootoutKick }
	if o.Shootout == nil || slices.ContainsFunc(s.Tracked, isKick) {
		return
	}
	if scoreMoved(s.Shootout, o.Shootout) {
		d.reportUntracked(observation.Incident{Kind: event.ScoreChange, Clock: event.Clock{Period: event.ShootOut}}, "")
	}
	s.Shootout = o.Shootout
}

// explained reports whether s is the score after a tracked incident.
func (d *draft) explained(s event.Score) bool {
	return slices.ContainsFunc(d.state.Tracked, func(tracked TrackedIncident) bool {
		return tracked.Score != nil && *tracked.Score == s && isPoints(d.obs.Sport, tracked.Kind)
	})
}

// scoreMoved reports whether now, if not nil, differs from was. A first score of 0-0 does not count
// as a difference.
func scoreMoved(was, now *event.Score) bool {
	if now == nil {
		return false
	}
	if was == nil {
		return *now != event.Score{}
	}
	return *now != *was
}

// reportStatusChange reports a change of status, unless a new start or end of a period or of the
// match implies the change. The first page reports no change to scheduled, live or break.
func (d *draft) reportStatusChange() {
	was, now := d.before, d.state.Match.Status
	playing := now == event.Live || now == event.Break
	if now == was || was == "" && (playing || now == event.Scheduled) {
		return
	}
	for _, ch := range d.changes {
		if ch.action == event.Retracted || ch.tracked < 0 {
			continue
		}
		switch d.state.Tracked[ch.tracked].Kind {
		case event.MatchStart, event.PeriodStart, event.PeriodEnd:
			if playing {
				return
			}
		case event.MatchEnd:
			if now.Over() {
				return
			}
		}
	}
	d.reportUntracked(observation.Incident{Kind: event.StatusChange}, "")
}
