package reconcile

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// Some soccer pages show minutes without a period, and count on in stoppage time: 47' of the first
// half, 93' of the second. The functions in this file infer the period from the course of the match.

// maxStoppage is the longest stoppage time of the second half, in minutes, that a match without any
// other sign of extra time can have.
const maxStoppage = 15

// inferMatchPeriod returns the page's match. If a live page shows only a minute, inferMatchPeriod
// sets the period of the clock. The saved period applies until the page shows that the next period
// has begun.
func inferMatchPeriod(known *State, o *observation.Observation) event.Match {
	m, was := o.Match, known.Match
	live := cmp.Or(m.Status, was.Status) == event.Live
	if o.Sport != event.Soccer || m.Period != "" || m.Clock.Period != "" || m.Clock.Minute == 0 || !live {
		return m
	}
	switch p := was.Period; {
	case p == "" && m.Clock.Minute <= 100:
		return m
	case p == "":
		m.Period = event.SoccerMinute("", m.Clock.Minute, 0).Period
	case p == event.SecondHalf && m.Clock.Minute > 90 && extraTimeBegins(&was, m.Clock):
		m.Period = event.ExtraFirst
	case p.IsBreak():
		return m
	default:
		m.Clock = m.Clock.MovedTo(p)
		return m
	}
	m.Clock = m.Clock.MovedTo(m.Period)
	return m
}

// extraTimeBegins reports whether a live page with a minute after 90 shows extra time. The saved match
// must be in the second half. The clock of extra time starts at 91', even if the second half ended
// later. The clock of a reopened match continues after its latest minute.
func extraTimeBegins(was *event.Match, now event.Clock) bool {
	return was.Status == event.Break || was.Status.Over() && now.Minute <= max(was.Clock.CountedOn(), 91)
}

// inferPeriods returns the page's incidents. It replaces a period that was guessed from a minute with
// the period in which the match was at that minute:
//
//   - The match must have reached the period. status is the status that the page shows.
//   - If the incident was reported before the period started, it stays in the period before.
//   - Extra time starts only if the score is level. This rule requires that the page lists every goal.
//     After the start of extra time is reported, a new goal at 93' is in extra time.
func inferPeriods(known *State, o *observation.Observation, status event.Status) []observation.Incident {
	if !slices.ContainsFunc(o.Incidents, func(in observation.Incident) bool { return in.PeriodGuessed }) {
		return o.Incidents
	}
	rows := slices.Clone(o.Incidents)
	earlier := reportedPeriods(known, rows)
	now, over := event.Soccer.PlayedBefore(cmp.Or(o.Match.Period, o.Match.Clock.Period, known.Match.Period)),
		cmp.Or(status, known.Match.Status).Over()
	reached := periodReached(known, o, now, over)
	followed := known.reported(event.PeriodStart, event.ExtraFirst)
	var undecided []int // goals that may be in extra time
	for i := range rows {
		row := &rows[i]
		if !row.PeriodGuessed {
			continue
		}
		before := event.Soccer.PlayedBefore(event.Soccer.Rules().Periods[event.Soccer.Index(row.Clock.Period)-1])
		switch {
		case event.Soccer.Index(row.Clock.Period) > reached:
			row.Clock = row.Clock.MovedTo(before)
		case earlier[i] == row.Clock.Period:
		case earlier[i] == before &&
			(known.reported(event.PeriodEnd, before) || event.Soccer.Index(now) < event.Soccer.Index(row.Clock.Period)):
			row.Clock = row.Clock.MovedTo(before)
		case row.Kind == event.Goal && row.Clock.Period == event.ExtraFirst && !followed:
			undecided = append(undecided, i)
		}
	}
	if len(undecided) > 0 && len(o.Contradictions()) == 0 {
		levelAfterRegulation(rows, undecided)
	}
	return rows
}

// periodReached returns the index of the latest period that the match has reached. now is the period
// that the page or the saved state shows, or "". If now is "", or if the match is over, the match has
// reached at least the second half.
func periodReached(known *State, o *observation.Observation, now event.Period, over bool) int {
	sport := event.Soccer
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
		case !in.PeriodGuessed, in.Clock.CountedOn() > 90+maxStoppage && over:
			later(in.Clock.Period)
		case in.Clock.CountedOn() > 90+maxStoppage:
			later(event.ExtraFirst)
		}
	}
	return reached
}

// reported reports whether the start or the end of a period was reported. k is PeriodStart or
// PeriodEnd.
func (s *State) reported(k event.Kind, p event.Period) bool {
	return slices.ContainsFunc(s.Tracked, func(tracked TrackedIncident) bool {
		return tracked.Kind == k && tracked.Clock.Period == p
	})
}

// reportedPeriods returns, for each row, the period of the tracked incident that the row shows, or ""
// if there is none. A goal that no page has listed yet can be any goal in stoppage time. A row with
// 48' and another player does not show an incident whose row showed 45+3'.
func reportedPeriods(known *State, rows []observation.Incident) []event.Period {
	periods := make([]event.Period, len(rows))
	used := make([]bool, len(known.Tracked))
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
			for at := range known.Tracked {
				tracked := &known.Tracked[at]
				if !used[at] && tracked.Kind == row.Kind && tracked.Side == row.Side && matches(row, tracked) {
					periods[i], used[at] = cmp.Or(tracked.Clock.Period, "none"), true
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
func levelAfterRegulation(rows []observation.Incident, undecided []int) {
	var score event.Score
	for i := range rows {
		played := event.Soccer.Index(rows[i].Clock.Period) <= event.Soccer.Index(event.SecondHalf)
		if rows[i].Kind == event.Goal && played {
			score = score.Add(rows[i].Side, 1)
		}
	}
	slices.SortStableFunc(undecided, func(a, b int) int { return cmp.Compare(rows[a].Clock.Minute, rows[b].Clock.Minute) })
	for n, i := range undecided {
		if score.Home == score.Away {
			for _, move := range undecided[:n] {
				rows[move].Clock = rows[move].Clock.MovedTo(event.SecondHalf)
			}
			return
		}
		score = score.Add(rows[i].Side, 1)
	}
	if score.Home == score.Away {
		for _, move := range undecided {
			rows[move].Clock = rows[move].Clock.MovedTo(event.SecondHalf)
		}
	}
}
