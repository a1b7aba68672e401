package reconcile

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile/internal/results"
)

// reopenPeriods retracts ends, and starts of later periods, that the page contradicts. For example,
// an earlier page showed full time at half time, or play continues after full time was shown. If the
// page shows that the match has not begun, reopenPeriods retracts all starts and ends.
func (d *draft) reopenPeriods() {
	status, sport := d.state.Match.Status, d.obs.Sport
	if status == event.Scheduled && d.before.Rank() > 0 {
		d.retractStartsAndEnds()
	}
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

// retractStartsAndEnds retracts all starts and ends, because the match has not begun.
func (d *draft) retractStartsAndEnds() {
	for at := range d.state.Tracked {
		switch tracked := &d.state.Tracked[at]; tracked.Kind {
		case event.MatchStart, event.MatchEnd:
			d.retract(at, startOrEndSeries(tracked.Kind, ""))
		case event.PeriodStart, event.PeriodEnd:
			d.retract(at, startOrEndSeries(tracked.Kind, tracked.Clock.Period))
		}
	}
}

// periodBeingPlayed returns the index of the page's period. For a page that names no period, it
// returns the index of the last period that has ended if the match has ended, and otherwise -1.
func (d *draft) periodBeingPlayed() int {
	now := d.obs.Sport.Index(d.obs.Match.Period)
	if now >= 0 || !d.isEnded() {
		return now
	}
	for i := range d.state.Tracked {
		if tracked := &d.state.Tracked[i]; tracked.Kind == event.PeriodEnd {
			now = max(now, d.obs.Sport.Index(tracked.Clock.Period))
		}
	}
	return now
}

// isEnded reports whether the end of the match is tracked.
func (d *draft) isEnded() bool {
	return slices.ContainsFunc(d.state.Tracked, isMatchEnd)
}

// isMatchEnd reports whether an incident is the end of the match.
func isMatchEnd(tracked TrackedIncident) bool { return tracked.Kind == event.MatchEnd }

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
	if reached >= 0 || status == event.Live || status == event.Break || status.Over() {
		d.comparePlayed(reached, shown)
	}
	if status.Decided() {
		d.reportStartOrEnd(event.MatchEnd, "", phaseEnd)
	}
}

// comparePlayed reports the start of the match, and starts and ends of the periods up to reached.
func (d *draft) comparePlayed(reached int, shown map[event.Period]bool) {
	status := d.state.Match.Status
	d.reportStartOrEnd(event.MatchStart, "", phaseStart)
	for i, p := range d.obs.Sport.Rules().Periods {
		if p.IsBreak() || i > reached || !wasPlayed(d.obs.Sport, p, shown) {
			continue
		}
		d.reportStartOrEnd(event.PeriodStart, p, phaseStart)
		if i < reached || status.Decided() || status == event.Break && d.endsWithBreak(p) {
			d.reportStartOrEnd(event.PeriodEnd, p, phaseEnd)
		}
	}
}

// endsWithBreak reports whether the break that the page shows comes after p, the latest period. In
// cricket, a break such as lunch can also be within an innings. It comes after p only if the page
// names p.
func (d *draft) endsWithBreak(p event.Period) bool {
	return !d.obs.Sport.Rules().InningsScore || d.obs.Match.Period == p
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

// periodsShown returns the set of periods that the page shows or implies, or whose start is tracked. A
// page that names no period shows the periods in its line score; see showsPart. reached is the index of the
// latest period in the set, or -1 if there is none.
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
	if d.obs.Match.Period == "" && addsUp(sport) {
		for i, p := range sport.Rules().Parts() {
			if showsPart(sport.Rules(), d.obs.LineScore, i) {
				shown[p] = true
			}
		}
	}
	if status.Over() && !d.isEnded() {
		shown[d.state.Match.Period] = true // see inLastPeriod
		if !d.early {
			shown[sport.Rules().LastRegulationPeriod] = true
		}
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

// showsPart reports whether a line score shows that part i, counted from 0, was played. If regulation time
// always has the same periods, a page can show 0 for a period that has not begun. So only points prove
// that the period was played. In other sports, such as baseball, any value for the part is enough.
func showsPart(r *event.Rules, line *event.LineScore, i int) bool {
	if line == nil {
		return false
	}
	return slices.ContainsFunc([]event.Line{line.Home, line.Away}, func(l event.Line) bool {
		return i < len(l) && (l[i].Runs > 0 || r.LastRegulationPeriod == "")
	})
}

// wasPlayed reports whether the period p was played. p must not be after the latest period in
// shown. Periods of regulation time are always played. A period of extra time was played if this
// period or a later period is shown. A shoot-out does not count as a later period, because it can
// follow regulation time directly.
func wasPlayed(sport event.Sport, p event.Period, shown map[event.Period]bool) bool {
	i := sport.Index(p)
	if i <= sport.Index(sport.Rules().LastRegulationPeriod) {
		return true
	}
	for q := range shown {
		if q != event.ShootOut && sport.Index(q) >= i || q == p {
			return true
		}
	}
	return false
}

// inLastPeriod returns m, the match after a page. If the match has just ended, the incidents, a tally
// of kicks or the rules can show that a later period than that of m was played. Then inLastPeriod sets
// the last such period and removes the clock. If the end is early, it ignores the incidents and the
// tally.
func inLastPeriod(m event.Match, known *State, o *observation.Observation, end endDecision) event.Match {
	if !m.Status.Over() || known.Match.Status.Over() || known.Match.Period == "" {
		return m
	}
	last := m.Period
	later := func(p event.Period) {
		if o.Sport.Index(p) > o.Sport.Index(last) {
			last = p
		}
	}
	later(lastRegulation(known, o, end))
	if end != endEarly {
		for i := range o.Incidents {
			later(o.Incidents[i].Clock.Period)
		}
		if o.Shootout != nil {
			later(event.ShootOut)
		}
	}
	if last != m.Period {
		m.Period, m.Clock = last, event.Clock{}
	}
	return m
}

// compareResult sets the result of a new end of the match, or corrects the result of a reported end.
// An unknown winner or decision does not change the result.
func (d *draft) compareResult() {
	at := slices.IndexFunc(d.state.Tracked, isMatchEnd)
	if at < 0 || d.isRetracted(at) || !d.state.Match.Status.Decided() {
		return
	}
	tracked := &d.state.Tracked[at]
	now := d.result(tracked)
	if !d.score.doubtful {
		now.Winner = cmp.Or(d.obs.Winner, now.Winner)
	}
	if d.isNew(at) {
		tracked.Winner, tracked.DecidedBy = now.Winner, now.By
		return
	}
	edits := map[string]event.Change{}
	if now.Winner != "" && now.Winner != tracked.Winner {
		edits["winner"] = event.Change{Old: string(tracked.Winner), New: string(now.Winner)}
		tracked.Winner = now.Winner
	}
	if now.By != "" && now.By != tracked.DecidedBy {
		edits["decided_by"] = event.Change{Old: string(tracked.DecidedBy), New: string(now.By)}
		tracked.DecidedBy = now.By
	}
	if len(edits) > 0 {
		tracked.Rev++
		d.addChange(change{tracked: at, action: event.Corrected, edits: edits, phase: phaseEnd,
			reason: "the result has changed"})
	}
}

// isNew reports whether the draft reports a tracked incident as new.
func (d *draft) isNew(at int) bool {
	return slices.ContainsFunc(d.changes, func(ch change) bool { return ch.tracked == at && ch.action == event.New })
}

// result returns the result of a match that has ended. end is the tracked end of the match. A
// retirement, a walkover or an award remains the result if later pages show only that the match is
// over. For such an end, and for a score in doubt, result returns the zero Result, which changes nothing.
func (d *draft) result(end *TrackedIncident) results.Result {
	switch d.state.Match.Status {
	case event.Retired:
		return results.Result{By: event.ByRetirement} // the score does not show who retired
	case event.Awarded:
		return results.Awarded(d.shownScore, d.wasPlayed())
	}
	switch end.DecidedBy {
	case event.ByRetirement, event.ByWalkover, event.ByAward:
		return results.Result{}
	}
	if d.score.doubtful {
		return results.Result{}
	}
	observed := results.Observed{
		Sport: d.state.Sport, Score: d.finalScore(), Shootout: d.finalKicks(), Shown: d.shownScore,
		LineScore: d.finalLine(), Longest: d.state.LongestClock, LongestLater: d.state.LongestLater,
		// The first page, or the first page after a stop, may show neither extra time nor a shoot-out,
		// although they were played.
		ShowsOvertime: !end.Backfill && !d.state.Unwatched || d.obs.Match.Period != "",
	}
	for at := range d.state.Tracked {
		if tracked := &d.state.Tracked[at]; tracked.Kind == event.PeriodStart && !d.isRetracted(at) {
			observed.Periods = append(observed.Periods, tracked.Clock.Period)
		}
	}
	return observed.Result()
}

// wasPlayed reports whether the match has begun, or may have begun before the first page.
func (d *draft) wasPlayed() bool {
	return d.backfill || slices.ContainsFunc(d.state.Tracked, func(tracked TrackedIncident) bool {
		return tracked.Kind != event.MatchEnd || tracked.Backfill
	})
}

// finalLine returns the line score after all changes.
func (d *draft) finalLine() *event.LineScore {
	if d.obs.Score != nil {
		return d.obs.LineScore
	}
	return d.state.LineScore
}

// finalScore returns the score after all changes.
func (d *draft) finalScore() *event.Score {
	if !d.state.Sport.Rules().CountsGoals {
		if d.obs.Score != nil {
			return d.obs.Score
		}
		return d.state.Score
	}
	score := d.scoreBefore()
	for i := range d.changes {
		ch := &d.changes[i]
		score = d.scoreAfter(ch, d.incident(ch), score)
	}
	return score
}

// finalKicks returns the tally of the shoot-out after all changes.
func (d *draft) finalKicks() *event.Score {
	tally, listed := event.Score{}, false
	for at := range d.state.Tracked {
		if tracked := &d.state.Tracked[at]; tracked.Kind.IsKick() && !d.isRetracted(at) {
			tally, listed = tally.Add(tracked.Side, observation.KickGoals(tracked.Detail)), true
		}
	}
	if !listed {
		return d.tally(d.state.Shootout)
	}
	return d.tally(&tally)
}

// lastRegulation returns the last period of regulation time if a match that has just ended must
// have reached it, otherwise "". In a sport whose matches can be shorter, and that does not count sets,
// it returns the usual last period unless the page names a period. If the end is early, the match must
// have been in the break before that period.
func lastRegulation(known *State, o *observation.Observation, end endDecision) event.Period {
	rules := o.Sport.Rules()
	next := known.Match.Status == event.Break &&
		o.Sport.Index(known.Match.Period)+1 == o.Sport.Index(rules.OvertimeAfter)
	switch {
	case rules.LastRegulationPeriod != "" && end != endEarly:
		return rules.LastRegulationPeriod
	case rules.LastRegulationPeriod == "" && !rules.CountsSets && o.Match.Period == "" && (end != endEarly || next):
		return rules.OvertimeAfter
	}
	return ""
}
