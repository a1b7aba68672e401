package observation

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/matchwire/matchwire/event"
)

// WrongPoints returns a problem if rows add points to the score that their kinds cannot add. It
// returns another problem if the score after the last row is higher than the score of the page. It
// returns nil if the sport counts goals, runs of an innings, games or sets.
func (o *Observation) WrongPoints() []Problem {
	rules := o.Sport.Rules()
	if rules.CountsGoals || rules.SetScore || rules.InningsScore || rules.CountsSets {
		return nil
	}
	rows := o.scoringRows()
	wrong, example := 0, ""
	before := event.Score{}
	for i, in := range rows {
		n := in.Score.Of(in.Side) - before.Of(in.Side)
		// If the first row is not in the first period, the page may omit earlier rows.
		known := i > 0 || slices.Index(rules.Parts(), in.Clock.Period) == 0
		alone := in.Side != "" && in.Score.Of(in.Side.Other()) == before.Of(in.Side.Other())
		if known && alone && n > 0 && !canAdd(o.Sport, in.Kind, n) {
			if wrong++; example == "" {
				example = fmt.Sprintf("the %s after which the score is %s adds %d, but a %s can add only %s",
					in.Kind, *in.Score, n, in.Kind, anyOf(rules.Points[in.Kind]))
			}
		}
		before = *in.Score
	}
	var all []Problem
	if wrong > 0 {
		more := ""
		switch {
		case wrong == 2:
			more = "; 1 more row is wrong"
		case wrong > 2:
			more = fmt.Sprintf("; %d more rows are wrong", wrong-1)
		}
		all = append(all, Problem{"incidents", example + ": check kind, side and the score of the rows" + more})
	}
	if o.Score != nil && (before.Home > o.Score.Home || before.Away > o.Score.Away) {
		all = append(all, Problem{"incidents", fmt.Sprintf("the score after the last row is %s, but the score is %s",
			before, *o.Score)})
	}
	return all
}

// scoringRows returns the incidents that change the score and show the score after them, in the order of play.
func (o *Observation) scoringRows() []Incident {
	var all []Incident
	for _, in := range o.Incidents {
		if in.Score != nil && o.Sport.Scores(in.Kind) && !o.Sport.Misses(in.Kind, in.Detail) {
			all = append(all, in)
		}
	}
	total := func(in Incident) int { return in.Score.Home + in.Score.Away }
	slices.SortStableFunc(all, func(a, b Incident) int { return cmp.Compare(total(a), total(b)) })
	return all
}

// canAdd reports whether a row with an incident of kind k can add n points to the score. In a sport
// that matchwire knows, the row can include the extra point or the conversion.
func canAdd(s event.Sport, k event.Kind, n int) bool {
	points := s.Rules().Points[k]
	if slices.Contains(points, n) {
		return true
	}
	return slices.Contains(event.KnownSports(), s) && (slices.Contains(points, n-1) || slices.Contains(points, n-2))
}

// anyOf returns numbers for a message: "1, 2 or 3".
func anyOf(numbers []int) string {
	text := ""
	for i, n := range numbers {
		switch {
		case i == 0:
		case i == len(numbers)-1:
			text += " or "
		default:
			text += ", "
		}
		text += fmt.Sprint(n)
	}
	return text
}
