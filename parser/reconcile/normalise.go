package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile/internal/innings"
	"github.com/matchwire/matchwire/parser/reconcile/internal/playtime"
	"github.com/matchwire/matchwire/parser/reconcile/internal/results"
)

// playedScore returns the page's score without goals that were not played. It returns nil if the
// page has no score, or for an awarded result. If the page's score includes the shoot-out,
// playedScore returns the score before the shoot-out.
func playedScore(known *State, o *observation.Observation) *event.Score {
	if o.Score == nil || o.Match.Status == event.Awarded || known.Match.Status == event.Awarded && o.Match.Status.Over() {
		return nil
	}
	rules := o.Sport.Rules()
	if rules.ShootoutGoal {
		if o.ShowsShootout() || o.Match.Period == "" && known.Match.Period == event.ShootOut {
			return o.ScoreWithoutShootout()
		}
		return o.Score
	}
	if o.Shootout == nil || *o.Shootout == (event.Score{}) || !rules.CountsGoals {
		return o.Score
	}
	played := event.Score{Home: o.Count(event.Goal, event.Home), Away: o.Count(event.Goal, event.Away)}
	if known.Score != nil {
		played = *known.Score
	}
	if *o.Score == (event.Score{Home: played.Home + o.Shootout.Home, Away: played.Away + o.Shootout.Away}) {
		return &played
	}
	return o.Score
}

// latestInnings returns the page's period. In cricket, it returns "" if the page does not show
// play, and names an innings before the saved innings. Such a page shows only the latest
// innings of each side, so it shows fewer innings than were played.
func latestInnings(known *State, o *observation.Observation) event.Period {
	p := o.Match.Period
	earlier := o.Sport.Index(p) < o.Sport.Index(known.Match.Period)
	if o.Sport.Rules().InningsScore && o.Match.Status != event.Live && earlier {
		return ""
	}
	return p
}

// begunInnings returns the page's period. In cricket, it returns the period of the latest innings
// if the line score of the page shows that this innings has begun. The page must show neither play
// nor a break, and name no later period.
func begunInnings(known *State, o *observation.Observation) event.Period {
	status, all := o.Match.Status, o.Sport.Rules().Periods
	if !o.Sport.Rules().InningsScore || status == event.Live || status == event.Break ||
		!innings.More(known.LineScore, o.LineScore) || o.LineScore.Innings() > len(all) {
		return o.Match.Period
	}
	latest := all[o.LineScore.Innings()-1]
	if o.Sport.Index(latest) > max(o.Sport.Index(known.Match.Period), o.Sport.Index(o.Match.Period)) {
		return latest
	}
	return o.Match.Period
}

// resumedMatch returns the page's match. While the saved match is in a break, a page may show that the
// break is over, but name no period. Then resumedMatch sets the period after the break. If the page is
// superseded, resumedMatch does not change the period.
func resumedMatch(known *State, o *observation.Observation, from *Provenance) event.Match {
	m, pause := o.Match, known.Match.Period
	before := known.Views[from.Site]
	if !pause.IsBreak() || m.Period != "" || before.superseded(o, from) {
		return m
	}
	if m.Status == event.Live || m.Status.Over() {
		m.Period = o.Sport.Rules().Periods[o.Sport.Index(pause)+1] // no sport has a break as its last period
		if m.Clock.Known() {
			m.Clock.Period = m.Period
		}
	}
	return m
}

// An end is held if it is too early for the match to be over. A held end is ignored until at least
// endPolls consecutive pages of a site, over at least endFor, show it. If play was stopped, the status
// ended is held too. Before the last period of regulation time, and in the break before it, an end is
// held for endForMissingPeriods. Some pages show full time during the whole of half time.
const (
	endPolls             = 3
	endFor               = 5 * time.Minute
	endForMissingPeriods = 20 * time.Minute
)

// An endDecision defines how a page's end of the match is treated.
type endDecision int

const (
	endPossible endDecision = iota // the page shows no end, or an end that is possible
	endHeld                        // too early: ignore the page's status
	endEarly                       // too early, but enough pages show the end
)

// decideEnd returns the decision on the end that a page shows, and the hold of the page's site after
// the page. An end on the first page of a match is always accepted.
func decideEnd(known *State, o *observation.Observation, from *Provenance) (endDecision, *Hold) {
	over := known.Match.Status.Rank() >= event.Ended.Rank()
	if !o.Match.Status.Over() || !known.Known() || over {
		return endPossible, nil
	}
	early := from.At.Before(earliestEnd(known, o)) || isUnlikelyDraw(o) ||
		known.stopped() && o.Match.Status == event.Ended
	if !early && !contradictsInnings(known, o) && isSetWon(known, o) {
		return endPossible, nil
	}
	hold, long := known.Views[from.Site].End.extended(from.At), endFor
	if missesPeriods(o.Sport, known.Match.Period) {
		long = endForMissingPeriods
	}
	if hold.overdue(endPolls, long) {
		return endEarly, nil
	}
	return endHeld, hold
}

// isUnlikelyDraw reports whether the page shows a level score in a sport in which draws are rare.
func isUnlikelyDraw(o *observation.Observation) bool {
	return o.Sport.Rules().RareDraw && o.Winner == "" && o.Score != nil && o.Score.Home == o.Score.Away
}

// contradictsInnings reports whether the innings of a cricket match show that it is probably not
// over. It returns false if the page names the winner. A match can also be over because no time or
// overs are left.
func contradictsInnings(known *State, o *observation.Observation) bool {
	if !o.Sport.Rules().InningsScore || o.Winner != "" {
		return false
	}
	switch line := o.LineScore; {
	case results.TwoInnings(known.LongestClock, known.LongestLater) && (line == nil || line.Innings() <= 2):
		return true
	case line == nil:
		// From the third innings on, and in a break of an unknown innings, only the line score can show the end.
		innings := o.Sport.Index(known.Match.Period)
		return innings >= 2 || innings < 0 && known.Match.Status == event.Break
	default:
		return !results.MayEnd(line, results.ShowsWickets(line) || results.ShowsWickets(known.LineScore), known.Batting)
	}
}

// missesPeriods reports whether a match in period p has periods of regulation time left. It returns
// false if the sport has no LastRegulationPeriod.
func missesPeriods(sport event.Sport, p event.Period) bool {
	now, last := sport.Index(p), sport.Index(sport.Rules().LastRegulationPeriod)
	return 0 <= now && now < last
}

// isSetWon reports whether the page's score is that of a set that is over, such as 6-4, 7-6 or 10-8. It also
// returns true if the score may count sets, and in sports whose score does not count games.
func isSetWon(known *State, o *observation.Observation) bool {
	if !scoreRestarts(o.Sport) || o.Score == nil {
		return true
	}
	most, least := max(o.Score.Home, o.Score.Away), min(o.Score.Home, o.Score.Away)
	sets := o.Sport.Index(cmp.Or(o.Match.Period, known.Match.Period)) + 1
	return most >= 6 && most-least >= 2 || most == 7 || most >= 2 && most+least == sets
}

// plausibleMatch returns the page's match. If its end is too early, plausibleMatch removes the
// status, the period and the clock. If such an end persists, plausibleMatch changes nothing. A match
// that was final stays final. In all other cases, plausibleMatch returns resumedMatch.
func plausibleMatch(known *State, o *observation.Observation, from *Provenance, end endDecision) event.Match {
	m := o.Match
	switch {
	case end == endHeld:
		m.Status, m.Period, m.Clock = "", "", event.Clock{}
		return m
	case end == endEarly:
		return m
	case known.Match.Status == event.Final && m.Status == event.Ended:
		m.Status = event.Final // another site, or another copy of the page, is slower
		return m
	}
	return resumedMatch(known, o, from)
}

// began returns [State.Began] after a page. m is the match after the page.
func began(known *State, m *event.Match, from *Provenance) time.Time {
	switch {
	case m.Status == event.Scheduled:
		return time.Time{}
	case known.Began.IsZero() && m.Status.Rank() > 0:
		return from.At
	}
	return known.Began
}

// unwatched returns [State.Unwatched] after a page. status is the status after the page.
func unwatched(known *State, status event.Status) bool {
	return status.Over() && (known.stopped() || known.Unwatched)
}

// stopped reports whether play is stopped, and may continue later.
func (s *State) stopped() bool {
	return s.Match.Status == event.Interrupted || s.Match.Status == event.Suspended
}

// earliestEnd returns the earliest time at which the match can be over. If pages during play have
// shown a period, it uses these pages, otherwise the kick-off time. If that is unknown or only a
// date, it uses the time of the first page in play, unless that was the first page of the match. If
// it can use none of these, it returns the zero time.
func earliestEnd(known *State, o *observation.Observation) time.Time {
	if !known.EndsFrom.IsZero() {
		return known.EndsFrom
	}
	start, began := known.Match.Start, known.Began
	if known.followed() && (start.IsZero() || began.Sub(start).Abs() >= latestKickoff) {
		start = began
	}
	if start.IsZero() {
		return time.Time{}
	}
	return start.Add(playtime.Least(o.Sport, event.Clock{}, false, 0))
}

// followed reports whether a page was read before the match began.
func (s *State) followed() bool {
	return !s.Began.IsZero() && slices.ContainsFunc(s.Tracked, func(tracked TrackedIncident) bool {
		return tracked.Kind == event.MatchStart && !tracked.Backfill
	})
}

// endsFrom returns [State.EndsFrom] after an accepted page. While play is stopped, EndsFrom moves
// later. guessed reports whether the period of the page was inferred from its minute.
func endsFrom(known *State, o *observation.Observation, from *Provenance, by verdict, guessed bool) time.Time {
	shown, was := clockShown(o), clockShown(&observation.Observation{Match: known.Match})
	switch o.Match.Status {
	case event.Interrupted, event.Suspended:
		if shown.Period == "" {
			shown = was
		}
	case event.Live, event.Break:
	default:
		return known.EndsFrom
	}
	if shown.Period == "" || guessed && afterStoppage(o.Sport, shown) {
		return known.EndsFrom
	}
	least := from.At.Add(
		playtime.Least(o.Sport, shown, o.Match.Status == event.Break, longestClock(known, o)))
	switch {
	case known.EndsFrom.IsZero(), by == overdue, compareClock(o.Sport, shown, was) > 0:
		return least
	case (o.Match.Status == event.Interrupted || o.Match.Status == event.Suspended) && least.After(known.EndsFrom):
		return least
	case compareClock(o.Sport, shown, was) == 0 && !shown.Timed() && least.Sub(known.EndsFrom) >= seenStep:
		return least // without a time, the period may have just begun
	}
	return known.EndsFrom
}

// longestClock returns [State.LongestClock] after an accepted page.
func longestClock(known *State, o *observation.Observation) int {
	rules, longest := o.Sport.Rules(), known.LongestClock
	last := slices.Index(rules.Periods, rules.LastRegulationPeriod)
	add := func(c event.Clock) {
		switch {
		case rules.InningsScore:
			longest = max(longest, c.Balls)
		case max(c.Elapsed, c.Minute*60) <= longest: // the time in the period is at most this long
		case slices.Index(rules.Periods, c.Period) <= last:
			longest = max(longest, playtime.Played(o.Sport, c))
		}
	}
	add(clockShown(o))
	for i := range o.Incidents {
		add(o.Incidents[i].Clock)
	}
	return longest
}

// contradictsCourse reports whether a page contradicts what has happened in the match. Such a page
// is deferred for as long as the site shows such pages. It returns true in these cases:
//
//   - The match is in play, and showsPreview holds.
//   - The match is over, and the page is a preview. An abandoned match with a new kick-off time is
//     an exception.
//   - The status is ended or abandoned, and the page shows play in an earlier period.
//   - The status is ended or abandoned, the page before contradicted the course too, and this page
//     shows play without a later clock.
//   - The status is final, and the page shows play at an earlier clock, or at the same clock with
//     the same score and rows.
//   - The status is final, and the page shows play without a clock. Either its score is lower, or
//     the page before contradicted the course too.
func contradictsCourse(known *State, v *View, o *observation.Observation, from *Provenance) bool {
	was, now := known.Match.Status, o.Match.Status
	if was.Rank() == event.Live.Rank() {
		return showsPreview(known, v, o, from)
	}
	if was.Rank() < event.Ended.Rank() || was == event.Cancelled || now.Rank() >= event.Ended.Rank() {
		return false
	}
	if now.Rank() == 0 {
		again := was == event.Abandoned && o.Match.Start.Sub(known.Match.Start) >= otherKickoff
		return !again && (now != "" || showsNothing(o))
	}
	at, last := clockShown(o), v.Clock
	if last.IsZero() {
		last = clockShown(&observation.Observation{Match: known.Match})
	}
	order := compareClock(o.Sport, at, last)
	if was == event.Ended || was == event.Abandoned { // play may go on
		return v.MovedOn && order <= 0 || order < 0 && at.Period != last.Period
	}
	changed := scoreMoved(known.Score, o.Score) || len(o.Incidents) > v.Rows
	switch {
	case order != 0:
		return order < 0
	case at.Known():
		return !changed
	}
	return v.MovedOn || lowerScore(o.Sport, o.Score, known.Score)
}

// showsPreview reports whether a page shows a match in play as not begun, with the same kick-off time
// as before. Earlier pages may have shown play by mistake. So enough of them must have shown play, and
// the kick-off time must be in the past. v is the view of the page's site.
func showsPreview(known *State, v *View, o *observation.Observation, from *Provenance) bool {
	if known.PlayShown < playPolls {
		return false
	}
	switch status := o.Match.Status; {
	case status == event.Scheduled:
	case (status == event.Delayed || status == "" && v.Rank > 0) &&
		showsNothing(o) && scoreFalls(known, o) && !o.Match.Clock.Known():
	default: // such as postponed
		return false
	}
	start, now := cmp.Or(v.Start, known.Match.Start), o.Match.Start
	if !start.IsZero() && !now.IsZero() && now.Sub(start).Abs() >= kickoffJitter {
		return false
	}
	return !from.At.Before(cmp.Or(now, start))
}

// playPolls is the minimum number of pages that must have shown play before a preview contradicts the
// course of the match.
const playPolls = 2

// playShown returns [State.PlayShown] after a page. unchanged reports whether the content of the page is
// the same as on the site's page before. Such a page counts only if play began at least confirmFor ago.
func playShown(known *State, o *observation.Observation, from *Provenance, unchanged bool) int {
	playing := cmp.Or(o.Match.Status, known.Match.Status).Rank() == event.Live.Rank()
	long := !known.Began.IsZero() && from.At.Sub(known.Began) >= confirmFor
	if playing && (!showsNothing(o) || o.Match.Clock.Known()) && (!unchanged || long) {
		return min(known.PlayShown+1, playPolls)
	}
	return known.PlayShown
}

// checkReopened returns an error that wraps [ErrOtherMatch] if the page shows play that does not
// continue the match. It returns nil until the site has shown such play for longer than caches serve
// stale copies. v is the view of the site after the page.
func checkReopened(known *State, v *View, o *observation.Observation, by verdict) error {
	playing := o.Match.Status.Rank() == event.Live.Rank()
	if by != deferred || !playing || !v.MovedOn || !v.Hold.overdue(confirmPolls, confirmFor) {
		return nil
	}
	return fmt.Errorf("%w, or a copy from during play: it shows play at %q, but the match is over", ErrOtherMatch,
		strings.TrimSpace(string(clockShown(o).Period)+" "+o.Match.Clock.String()))
}

// longestLater returns [State.LongestLater] after an accepted page.
func longestLater(known *State, o *observation.Observation) int {
	longest := known.LongestLater
	add := func(c event.Clock) {
		if o.Sport.Rules().InningsScore && o.Sport.Index(c.Period) >= 2 {
			longest = max(longest, c.Balls)
		}
	}
	add(clockShown(o))
	for i := range o.Incidents {
		add(o.Incidents[i].Clock)
	}
	return longest
}

// showsNothing reports whether a page shows no incident, and no score other than 0-0.
func showsNothing(o *observation.Observation) bool {
	return (o.Score == nil || *o.Score == event.Score{}) && len(o.Incidents) == 0
}
