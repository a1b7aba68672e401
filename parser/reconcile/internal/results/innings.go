package results

import (
	"slices"

	"github.com/matchwire/matchwire/event"
)

// ofInnings returns the result of a cricket match. With one innings per side, the score does not show
// who won, because rain can change the target.
func (o *Observed) ofInnings() Result {
	latest := -1
	for _, p := range o.Periods {
		latest = max(latest, o.Sport.Index(p))
	}
	line := o.LineScore
	if line != nil && line.Innings() <= 2 {
		line = nil // it does not show the later innings
	}
	switch {
	case latest < 2 && line == nil, line == nil && TwoInnings(o.Longest, o.LongestLater):
		return Result{By: event.ByRegulation}
	case line == nil && o.LongestLater > 0 && o.Longest > o.LongestLater:
		return Result{By: event.ByExtraTime} // the first innings were longer than the super overs
	case line == nil:
		return Result{} // either a second innings or a super over
	case o.isSuperOver():
		last := event.Score{Home: line.Home[len(line.Home)-1].Runs, Away: line.Away[len(line.Away)-1].Runs}
		if len(line.Home) != len(line.Away) {
			return Result{By: event.ByExtraTime}
		}
		return Result{leader(&last, false), event.ByExtraTime}
	case !ShowsWickets(line):
		return Result{By: event.ByRegulation}
	}
	total := line.Total()
	if winner := leader(&total, true); winner == event.Draw || isClosed(line.Of(event.Side(winner).Other())) {
		return Result{winner, event.ByRegulation}
	}
	return Result{event.Draw, event.ByRegulation} // the other side was still batting
}

// TwoInnings reports whether a match has two innings per side. Such a match has an innings of more
// than 60 overs, or an innings after the second that is longer than a super over. longest is the
// number of balls in the longest innings, and later is the number of balls in the longest innings
// after the second.
func TwoInnings(longest, later int) bool {
	const over = 6
	return longest > 60*over || later > over
}

// isSuperOver reports whether each side's innings after its first are super overs. A super over
// breaks a tie, and ends with the second wicket. If pages have shown the balls of a super over, and
// both sides have the same number of innings, the first innings need not be level: the pages may not
// have shown the last correction of their runs.
func (o *Observed) isSuperOver() bool {
	line := o.LineScore
	if len(line.Home) == 0 || len(line.Away) == 0 || TwoInnings(o.Longest, o.LongestLater) {
		return false
	}
	level := line.Home[0].Runs == line.Away[0].Runs
	if !level && (o.LongestLater == 0 || len(line.Home) != len(line.Away)) {
		return false
	}
	const most = 50 // more runs than any side has had in a super over
	return !slices.ContainsFunc(slices.Concat(line.Home[1:], line.Away[1:]), func(i event.Innings) bool {
		return i.Runs > most || i.Wickets != nil && *i.Wickets > 2
	})
}

// ShowsWickets reports whether a line score shows wickets or a declaration in any innings. In such a
// line score, an innings without wickets is all out.
func ShowsWickets(line *event.LineScore) bool {
	return line != nil && slices.ContainsFunc(slices.Concat(line.Home, line.Away), func(i event.Innings) bool {
		return i.Wickets != nil || i.Declared
	})
}

// isClosed reports whether the latest innings of a side has ended. The line score must show wickets.
func isClosed(l event.Line) bool {
	return len(l) > 0 && l[len(l)-1].Closed()
}

// winningHit is the maximum number of runs by which a side leads after a hit that wins the match.
const winningHit = 6

// MayEnd reports whether a cricket match can end with a line score. It can if the last innings of the
// trailing side has ended, or if the leading side has just taken the lead. A tie can end the match
// only if each side has ended its second innings, because otherwise a super over can follow.
// wickets reports whether the pages show wickets. batting is the side that batted last, or "" if
// unknown.
func MayEnd(line *event.LineScore, wickets bool, batting event.Side) bool {
	total := line.Total()
	leads := event.Home
	switch {
	case total.Home == total.Away:
		return line.Innings() == 4 && wickets && isClosed(line.Home) && isClosed(line.Away)
	case total.Home < total.Away:
		leads = event.Away
	}
	trails := leads.Other()
	behind, ahead := line.Of(trails), line.Of(leads)
	if batting != leads && len(behind) >= len(ahead) && wickets && isClosed(behind) && len(ahead) > 0 {
		return true
	}
	return batting != trails && len(behind) == len(ahead) && total.Of(leads)-total.Of(trails) <= winningHit
}
