package reconcile

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// Some pages of soccer and rugby show minutes without a period, and continue to count in stoppage
// time: 47' of the first half, 93' of the second. The functions in this file infer the period from
// the course of the match. Their comments use the minutes of soccer.

// maxStoppage is the longest stoppage time of the second half, in minutes, that a match without any
// other sign of extra time can have.
const maxStoppage = 15

// afterStoppage reports whether the minute of c shows extra time, because it is too late for the
// stoppage time of the second half.
func afterStoppage(sport event.Sport, c event.Clock) bool {
	_, end := sport.Minutes(event.SecondHalf)
	return end > 0 && c.CountedOn() > end+maxStoppage
}

// inferMatchPeriod returns the page's match. If a live page shows only a minute, inferMatchPeriod
// sets the period of the clock. The saved period applies until the page shows that the next period
// has begun. If the score starts again with each set, and the page names no set, inferMatchPeriod
// sets the latest set of its rows.
func inferMatchPeriod(known *State, o *observation.Observation) event.Match {
	m, was := o.Match, known.Match
	if o.Sport.Rules().SetScore && m.Period == "" {
		for i := range o.Incidents {
			if p := o.Incidents[i].Clock.Period; o.Sport.Index(p) > o.Sport.Index(m.Period) {
				m.Period = p
			}
		}
		return m
	}
	live := cmp.Or(m.Status, was.Status) == event.Live
	if !o.Sport.CountsMinutes() || m.Period != "" || m.Clock.Period != "" || m.Clock.Minute == 0 || !live {
		return m
	}
	_, end := o.Sport.Minutes(event.SecondHalf)
	switch p := was.Period; {
	case p == "" && m.Clock.Minute <= end+10:
		return m
	case p == "":
		m.Period = o.Sport.AtMinute("", m.Clock.Minute, 0).Period
	case p == event.SecondHalf && m.Clock.Minute > end && extraTimeBegins(o.Sport, &was, m.Clock):
		m.Period = event.ExtraFirst
	case p.IsBreak():
		return m
	default:
		m.Clock = o.Sport.MoveTo(p, m.Clock)
		return m
	}
	m.Clock = o.Sport.MoveTo(m.Period, m.Clock)
	return m
}

// extraTimeBegins reports whether a live page with a minute after the second half shows extra time.
// The saved match must be in the second half. After the end of the second half, extra time starts
// again at 91'. A match that is reopened continues after its latest minute instead.
func extraTimeBegins(sport event.Sport, was *event.Match, now event.Clock) bool {
	_, end := sport.Minutes(event.SecondHalf)
	return afterStoppage(sport, now) ||
		was.Status == event.Break || was.Status.Over() && now.Minute <= max(was.Clock.CountedOn(), end+1)
}

// inferPeriods returns the page's incidents. It replaces a period that was guessed from a minute
// with the period in which the match was at that minute. status is the status that the page shows.
// These rules apply:
//
//   - An incident cannot be in a period that the match has not reached.
//   - If the incident was reported before the period started, it stays in the period before.
//   - Extra time starts only if the score is level. This rule applies only if the page lists every
//     goal. After the start of extra time is reported, a new goal at 93' is in extra time.
func inferPeriods(known *State, o *observation.Observation, status event.Status) []observation.Incident {
	if !slices.ContainsFunc(o.Incidents, func(in observation.Incident) bool { return in.PeriodGuessed }) {
		return o.Incidents
	}
	rows := slices.Clone(o.Incidents)
	earlier := reportedPeriods(known, rows)
	sport := o.Sport
	now, over := sport.PlayedBefore(cmp.Or(o.Match.Period, o.Match.Clock.Period, known.Match.Period)),
		cmp.Or(status, known.Match.Status).Over()
	reached := periodReached(known, o, now, over)
	followed := known.reported(event.PeriodStart, event.ExtraFirst)
	var undecided []int // goals that may be in extra time
	for i := range rows {
		row := &rows[i]
		if !row.PeriodGuessed {
			continue
		}
		period := sport.Index(row.Clock.Period)
		before := sport.PlayedBefore(sport.Rules().Periods[period-1])
		switch {
		case period > reached:
			row.Clock = sport.MoveTo(before, row.Clock)
		case earlier[i] == row.Clock.Period:
		case earlier[i] == before &&
			(known.reported(event.PeriodEnd, before) || sport.Index(now) < period):
			row.Clock = sport.MoveTo(before, row.Clock)
		case sport.Scores(row.Kind) && row.Clock.Period == event.ExtraFirst && !followed:
			undecided = append(undecided, i)
		}
	}
	if len(undecided) > 0 && len(o.Contradictions()) == 0 {
		levelAfterRegulation(sport, rows, undecided)
	}
	return rows
}

// periodReached returns the index of the latest period that the match has reached. now is the period
// that the page or the saved state shows, or "". If now is "", or if the match is over, the match has
// reached at least the second half.
func periodReached(known *State, o *observation.Observation, now event.Period, over bool) int {
	sport := o.Sport
	over = over || now == event.ShootOut
	reached := sport.Index(now)
	switch {
	case now == event.ShootOut && known.reported(event.PeriodEnd, event.SecondHalf):
		reached = sport.Index(event.SecondHalf) // there was no extra time, or it would be tracked
	case over || now == "":
		reached = max(sport.Index(event.SecondHalf), min(reached, sport.Index(event.ExtraSecond)))
	}
	later := func(p event.Period) {
		if p != event.ShootOut {
			reached = max(reached, sport.Index(p))
		}
	}
	for i := range known.Tracked {
		if tracked := &known.Tracked[i]; tracked.Kind == event.PeriodStart {
			later(tracked.Clock.Period)
		}
	}
	for i := range o.Incidents {
		switch in := &o.Incidents[i]; {
		case !in.PeriodGuessed, afterStoppage(sport, in.Clock) && over:
			later(in.Clock.Period)
		case afterStoppage(sport, in.Clock):
			later(event.ExtraFirst)
		}
	}
	return reached
}

// reported reports whether the start or the end of a period was reported. k is PeriodStart or
// PeriodEnd.
func (s *State) reported(k event.Kind, p event.Period) bool {
	for i := range s.Tracked {
		if tracked := &s.Tracked[i]; tracked.Kind == k && tracked.Clock.Period == p {
			return true
		}
	}
	return false
}

// reportedPeriods returns, for each row, the period of the tracked incident that the row shows. It
// returns "none" if that incident has no period, and "" if the row shows no tracked incident. A row
// can show a provisional goal whose period differs. But if a row showed 45+3', a row with 48' and a
// different player shows a different incident.
func reportedPeriods(known *State, rows []observation.Incident) []event.Period {
	periods := make([]event.Period, len(rows))
	left := make([]int, 0, len(known.Tracked)) // indexes of the tracked incidents that no row shows yet
	for at := range known.Tracked {
		if known.Tracked[at].Side != "" {
			left = append(left, at)
		}
	}
	nearMinute := func(row observation.Incident, tracked *TrackedIncident) bool {
		apart := row.Clock.CountedOn() - tracked.Clock.CountedOn()
		return -2 <= apart && apart <= 2
	}
	guessed := func(_ observation.Incident, tracked *TrackedIncident) bool { return tracked.Guessed }
	otherPeriod := func(row observation.Incident, tracked *TrackedIncident) bool {
		return tracked.Clock.Period != row.Clock.Period
	}
	for _, matches := range []pairingRule{
		allOf(samePlayer, sameMinute), allOf(guessed, sameMinute), allOf(samePlayer, nearMinute),
		allOf(isProvisional, otherPeriod),
	} {
		for i, row := range rows {
			if periods[i] != "" || row.Side == "" {
				continue
			}
			for n, at := range left {
				tracked := &known.Tracked[at]
				if tracked.Kind == row.Kind && tracked.Side == row.Side && matches(row, tracked) {
					periods[i], left = cmp.Or(tracked.Clock.Period, "none"), slices.Delete(left, n, n+1)
					break
				}
			}
		}
	}
	return periods
}

// levelAfterRegulation moves goals from extra time to the stoppage time of the second half, until the
// score at the end of the second half is level. undecided holds the indexes of the goals that can be
// moved. If the score does not become level, it moves nothing: the match may be a second leg.
func levelAfterRegulation(sport event.Sport, rows []observation.Incident, undecided []int) {
	after := func(score event.Score, row *observation.Incident) event.Score {
		if now := row.Score; now != nil && !sport.Rules().CountsGoals {
			return event.Score{Home: max(score.Home, now.Home), Away: max(score.Away, now.Away)}
		}
		return score.Add(row.Side, 1)
	}
	var score event.Score
	for i := range rows {
		played := sport.Index(rows[i].Clock.Period) <= sport.Index(event.SecondHalf)
		if sport.Scores(rows[i].Kind) && played {
			score = after(score, &rows[i])
		}
	}
	slices.SortStableFunc(undecided, func(a, b int) int { return cmp.Compare(rows[a].Clock.Minute, rows[b].Clock.Minute) })
	for n, i := range undecided {
		if score.Home == score.Away {
			for _, move := range undecided[:n] {
				rows[move].Clock = sport.MoveTo(event.SecondHalf, rows[move].Clock)
			}
			return
		}
		score = after(score, &rows[i])
	}
	if score.Home == score.Away {
		for _, move := range undecided {
			rows[move].Clock = sport.MoveTo(event.SecondHalf, rows[move].Clock)
		}
	}
}
