// Package results defines who won a match, and how.
package results

import "github.com/matchwire/matchwire/event"

// A Result holds who won a match, and how. Both are "" if unknown.
type Result struct {
	Winner event.Winner
	By     event.Decision
}

// A Course holds what the pages have shown of a match that has ended.
type Course struct {
	Sport    event.Sport
	Score    *event.Score   // at the end, without a shoot-out; nil if unknown
	Shootout *event.Score   // tally of the shoot-out; nil if unknown
	Periods  []event.Period // periods that were played
	Certain  bool           // whether the pages would have shown extra time and a shoot-out
}

// Awarded returns the result of a match with an awarded score. played reports whether the match was
// played, or may have been.
func Awarded(score *event.Score, played bool) Result {
	if played {
		return Result{leader(score, false), event.ByAward}
	}
	return Result{leader(score, false), event.ByWalkover}
}

// Result returns the result of a match that was played. It does not infer the result of a tie of two
// legs. In cricket and tennis, the score does not show who won.
func (c *Course) Result() Result {
	rules := c.Sport.Rules()
	if rules.SetScore || rules.InningsScore {
		return Result{}
	}
	latest := -1 // the latest period, other than the shoot-out
	shootout := c.Shootout != nil && *c.Shootout != event.Score{}
	for _, p := range c.Periods {
		if p == event.ShootOut {
			shootout = true
		} else {
			latest = max(latest, c.Sport.Index(p))
		}
	}
	regulation := c.Sport.Index(rules.OvertimeAfter)
	unknown := latest < 0 || !c.Certain && latest == regulation
	mayDraw := !rules.NoDraw && !unknown
	switch {
	case shootout:
		winner := leader(c.Shootout, false)
		if winner == "" {
			winner = leader(c.Score, false)
		}
		return Result{winner, event.ByShootout}
	case latest > regulation:
		return Result{leader(c.Score, mayDraw), event.ByExtraTime}
	case unknown, latest < c.Sport.Index(rules.LastRegulationPeriod):
		return Result{Winner: leader(c.Score, false)}
	}
	return Result{leader(c.Score, mayDraw), event.ByRegulation}
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
