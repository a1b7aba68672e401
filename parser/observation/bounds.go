package observation

import (
	"fmt"
	"slices"

	"github.com/matchwire/matchwire/event"
)

// RemoveImpossible removes facts beyond the bounds of the sport, and returns a problem for each
// removal. It removes the score, the tally of the shoot-out, or all incidents of one kind and side.
// If it removes incidents of a list, it sets the list's number of rows in Lists to 0. A score above
// the maximum stays if the page lists each goal, up to a second, higher maximum.
func (o *Observation) RemoveImpossible() []Problem {
	limit := o.Sport.Rules().Bounds
	if limit == (event.Bounds{}) {
		return nil
	}
	problems := o.removeIncidents(limit)
	for _, side := range []event.Side{event.Home, event.Away} {
		if o.Score != nil && o.Score.Of(side) > limit.Score {
			points := o.Score.Of(side)
			if listed := o.Sport.Rules().CountsGoals && o.Count(event.Goal, side) == points; points > limit.Listed || !listed {
				problems = append(problems, tooMany("match."+string(side)+"_score", points, "points", o.Sport, limit.Score))
				o.Score = nil
			}
		}
		if o.Shootout != nil && o.Shootout.Of(side) > limit.Shootout {
			problems = append(problems,
				tooMany("match."+string(side)+"_shootout", o.Shootout.Of(side), "kicks", o.Sport, limit.Shootout))
			o.Shootout = nil
		}
	}
	return problems
}

// removeIncidents removes the incidents of each kind and side whose number exceeds the limit.
func (o *Observation) removeIncidents(limit event.Bounds) (problems []Problem) {
	type group struct {
		kind event.Kind
		side event.Side
	}
	rows := map[group]int{}
	for i := range o.Incidents {
		rows[group{o.Incidents[i].Kind, o.Incidents[i].Side}]++
	}
	impossible := map[group]bool{}
	for i := range o.Incidents {
		g := group{o.Incidents[i].Kind, o.Incidents[i].Side}
		most := limit.Rows
		switch {
		case o.Sport.Scores(g.kind):
			most = limit.Listed
		case g.kind.IsKick():
			most = 2 * limit.Shootout // including missed kicks
		}
		if rows[g] > most && !impossible[g] {
			impossible[g] = true
			problems = append(problems, tooMany("incidents", rows[g], string(g.kind)+" rows of one side", o.Sport, most))
		}
	}
	if len(impossible) == 0 {
		return nil
	}
	o.Incidents = slices.DeleteFunc(o.Incidents, func(in Incident) bool {
		remove := impossible[group{in.Kind, in.Side}]
		if remove && in.List < len(o.Lists) {
			o.Lists[in.List] = 0
		}
		return remove
	})
	return problems
}

func tooMany(field string, n int, what string, sport event.Sport, most int) Problem {
	return Problem{field, fmt.Sprintf("%d %s are impossible in %s (maximum %d): check the rule", n, what, sport, most)}
}
