// Package pagerows normalises the rows of incidents on a page.
package pagerows

import (
	"cmp"
	"slices"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// WithoutRepeats returns the page's incidents without rows that repeat an earlier row. Some pages
// show an incident in a list and again on a timeline. Attributes that the first row lacks are set
// from the second row. One player can score twice in a minute. So if the page has a score, a goal is
// removed only while more goals are listed than the score has. A kick is removed only if more scored
// kicks are listed than the tally has.
func WithoutRepeats(o *observation.Observation) []observation.Incident {
	surplus := map[event.Side]int{} // number of listed goals minus the score
	for _, side := range []event.Side{event.Home, event.Away} {
		if surplus[side] = o.Count(event.Goal, side); o.Score != nil {
			surplus[side] -= o.Score.Of(side)
		}
	}
	listed := o.ScoredKicks()
	surplusKicks := o.Shootout != nil && (o.Shootout.Home < listed.Home || o.Shootout.Away < listed.Away)
	type key struct {
		kind  event.Kind
		side  event.Side
		clock event.Clock
	}
	var rows []observation.Incident
	kept := map[key][]int{} // indexes of rows
	for _, in := range o.Incidents {
		k := key{in.Kind, in.Side, in.Clock}
		i := slices.IndexFunc(kept[k], func(at int) bool { return repeats(o.Sport, &in, &rows[at]) })
		switch {
		case i < 0,
			in.Kind == event.Goal && o.Sport.Rules().CountsGoals && surplus[in.Side] <= 0,
			in.Kind.IsKick() && !surplusKicks:
			kept[k] = append(kept[k], len(rows))
			rows = append(rows, in)
			continue
		case in.Kind == event.Goal:
			surplus[in.Side]--
		}
		first := &rows[kept[k][i]]
		first.Detail = cmp.Or(first.Detail, in.Detail)
		first.Off = cmp.Or(first.Off, in.Off)
		first.Assist = cmp.Or(first.Assist, in.Assist)
	}
	return rows
}

// repeats reports whether a row repeats an earlier row of the same kind, side and clock. Both rows
// must have the same player, and the attributes that both have must be equal. Rows without a clock
// repeat nothing, except for kicks. A player can get two equal penalties together, a kicker can miss
// twice in a minute, and a pitcher can return in the same inning. So a row of these kinds repeats
// only a row from a different list.
func repeats(sport event.Sport, in, first *observation.Incident) bool {
	missed := sport.Misses(in.Kind, in.Detail)
	again := in.Kind == event.Penalty || in.Kind == "pitching_change" || missed
	if again && in.List == first.List || missed != sport.Misses(first.Kind, first.Detail) {
		return false
	}
	agree := func(a, b string) bool { return a == "" || b == "" || event.Fold(a) == event.Fold(b) }
	return in.Player != "" && event.Fold(in.Player) == event.Fold(first.Player) &&
		(in.Clock.Known() || in.Kind.IsKick()) &&
		(in.Score == nil || first.Score == nil || *in.Score == *first.Score) &&
		agree(in.Detail, first.Detail) && agree(in.Off, first.Off) && agree(in.Assist, first.Assist)
}

// InOrder returns a copy of rows in match order. If the page lists the latest row first, rows with
// the same clock are reversed too. A row without a clock is sorted with the clock of the row before
// it.
func InOrder(sport event.Sport, rows []observation.Incident) []observation.Incident {
	type placed struct {
		observation.Incident
		at event.Clock
	}
	in := slices.Clone(rows)
	if latestFirst(sport, in) {
		slices.Reverse(in)
	}
	sorted := make([]placed, len(in))
	for i := range in {
		sorted[i] = placed{in[i], in[i].Clock}
		if i > 0 && !in[i].Clock.Known() {
			sorted[i].at = sorted[i-1].at
		}
	}
	slices.SortStableFunc(sorted, func(a, b placed) int { return Compare(sport, a.at, b.at) })
	for i := range sorted {
		in[i] = sorted[i].Incident
	}
	return in
}

// latestFirst reports whether the clock decreases between adjacent rows more often than it
// increases.
func latestFirst(sport event.Sport, rows []observation.Incident) bool {
	balance := 0
	for i := 1; i < len(rows); i++ {
		balance += Compare(sport, rows[i-1].Clock, rows[i].Clock)
	}
	return balance > 0
}

// Compare returns -1 if a is before b in the match, 1 if a is after b, and 0 otherwise.
func Compare(sport event.Sport, a, b event.Clock) int {
	switch {
	case a.Before(sport, b):
		return -1
	case b.Before(sport, a):
		return 1
	}
	return 0
}
