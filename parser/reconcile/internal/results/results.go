// Package results determines the winner of a match and how the match was decided.
package results

import "github.com/matchwire/matchwire/event"

// A Result is the winner of a match and how the match was decided. Each is "" if unknown.
type Result struct {
	Winner event.Winner
	By     event.Decision
}

// Observed holds what the pages have shown of a match that has ended.
type Observed struct {
	Sport         event.Sport
	Score         *event.Score     // at the end, without a shoot-out; nil if unknown
	Shootout      *event.Score     // tally of the shoot-out; nil if unknown
	LineScore     *event.LineScore // in cricket; nil if unknown
	Longest       int              // in cricket: the balls of the longest innings; 0 if unknown
	LongestLater  int              // in cricket: the balls of the longest innings after the second; 0 if unknown
	Shown         *event.Score     // the page's score, which may include a goal for the winner of the shoot-out
	Periods       []event.Period   // periods that were played
	ShowsOvertime bool             // whether the pages would have shown extra time and a shoot-out
}

// Awarded returns the result of a match with an awarded score. played reports whether the match was
// played, or may have been.
func Awarded(score *event.Score, played bool) Result {
	if played {
		return Result{leader(score, false), event.ByAward}
	}
	return Result{leader(score, false), event.ByWalkover}
}

// Result returns the result of a match that was played. It does not infer the winner of a two-legged
// tie. If the score starts again with each set, the side that wins the last set has won the match.
func (o *Observed) Result() Result {
	rules := o.Sport.Rules()
	switch {
	case rules.SetScore:
		if winner := leader(o.Score, false); winner != "" {
			return Result{winner, event.ByRegulation}
		}
		return Result{}
	case rules.InningsScore:
		return o.ofInnings()
	}
	latest := -1 // the latest period, other than the shoot-out
	shootout := o.Shootout != nil && *o.Shootout != event.Score{}
	for _, p := range o.Periods {
		if p == event.ShootOut {
			shootout = true
		} else {
			latest = max(latest, o.Sport.Index(p))
		}
	}
	regulation := o.Sport.Index(rules.OvertimeAfter)
	unknown := latest < 0 || !o.ShowsOvertime && latest == regulation
	mayDraw := !rules.NoDraw && !unknown
	switch {
	case shootout:
		winner := leader(o.Shootout, false)
		if winner == "" {
			winner = leader(o.Shown, false)
		}
		return Result{winner, event.ByShootout}
	case latest > regulation:
		return Result{leader(o.Score, mayDraw), event.ByExtraTime}
	case unknown, latest < o.Sport.Index(rules.LastRegulationPeriod):
		return Result{Winner: leader(o.Score, false)}
	}
	return Result{leader(o.Score, mayDraw), event.ByRegulation}
}

// leader returns the side with the higher score. If the scores are equal, it returns Draw if mayDraw
// is true, otherwise "". It returns "" if the score is nil.
func leader(s *event.Score, mayDraw bool) event.Winner {
	switch {
	case s == nil:
	case s.Home > s.Away:
		return event.Winner(event.Home)
	case s.Away > s.Home:
		return event.Winner(event.Away)
	case mayDraw:
		return event.Draw
	}
	return ""
}
