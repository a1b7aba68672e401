package observation

import (
	"fmt"
	"slices"

	"github.com/matchwire/matchwire/event"
)

// Bounds are the highest numbers that a page of a sport can show. A higher number is not a fact of the
// match: the profile has read a year, an ID or a minute.
type Bounds struct {
	Score    int // points of one side
	Listed   int // points of one side if the page lists each of them; at least Score
	Shootout int // scored kicks of one side in a shoot-out
	Rows     int // incidents of one kind and side, except for those that score
	Leap     int // points of both sides in ten minutes; 0 if the score can change by any number
}

// bounds contains the bounds of each sport. The comments name the matches that they must admit.
var bounds = map[event.Sport]Bounds{
	// Arbroath 36–0 in 1885, Australia 31–0 in 2001. AS Adema 149–0 in 2002, all own goals in protest.
	// 56 kicks in Dimona in 2024, 23–22. 36 red cards in Claypole in 2011.
	event.Soccer: {Score: 40, Listed: 150, Shootout: 40, Rows: 40, Leap: 5},
	// South Korea 92–0 in 1998. 84 penalties in Boston in 1981.
	event.IceHockey: {Score: 100, Listed: 100, Shootout: 30, Rows: 100, Leap: 5},
	// Detroit 186–184 in 1983, Troy 258–141 in 1992.
	event.Basketball: {Score: 300, Listed: 300, Rows: 100, Leap: 60},
	// Georgia Tech 222–0 in 1916.
	event.AmericanFootball: {Score: 250, Listed: 250, Rows: 100, Leap: 40},
	// Fukaura 0–122 in 1998.
	event.Baseball: {Score: 150, Listed: 150, Rows: 100, Leap: 25},
	// Victoria 1,107 in one of two innings in 1926, Sri Lanka 952–6 in 1997. More than 800 overs in a Test
	// of ten days in 1939. A new innings can change the score by any number.
	event.Cricket: {Score: 2000, Listed: 2000, Rows: 1500},
	// Isner–Mahut 70–68 in the fifth set in 2010. A new set can change the score by any number.
	event.Tennis: {Score: 100, Listed: 100, Rows: 250},
	// Argentina 152–0 in 2002, Royal Kituro 356–3 in 2015. A shoot-out of 15 kicks in Cardiff in 2009.
	event.Rugby: {Score: 400, Listed: 400, Shootout: 40, Rows: 100, Leap: 40},
}

// BoundsOf returns the bounds of a sport.
func BoundsOf(s event.Sport) Bounds { return bounds[s] }

// RemoveImpossible removes what is beyond the bounds of the sport, and returns a problem for each
// removal. It removes the score, the tally of the shoot-out, or the incidents of one kind and side. The
// lists of removed incidents count as empty, because the page does not show which incidents are missing.
func (o *Observation) RemoveImpossible() []Problem {
	limit, ok := bounds[o.Sport]
	if !ok {
		return nil
	}
	problems := o.removeIncidents(limit)
	for _, side := range []event.Side{event.Home, event.Away} {
		if o.Score != nil && o.Score.Of(side) > limit.Score {
			points := o.Score.Of(side)
			if listed := o.Sport.CountsGoals() && o.Count(event.Goal, side) == points; points > limit.Listed || !listed {
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

// removeIncidents removes the incidents of each kind and side that are more than the limit.
func (o *Observation) removeIncidents(limit Bounds) (problems []Problem) {
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
		case g.kind == event.ShootoutKick:
			most = 2 * limit.Shootout // with those that were missed
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
	return Problem{field, fmt.Sprintf("%d %s are impossible in %s (more than %d): check the rule", n, what, sport, most)}
}
