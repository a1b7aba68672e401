package event

import "time"

// rugby contains the rules of rugby union. Rugby sevens has the same rules, but shorter halves.
var rugby = Rules{
	Periods:              soccer.Periods,
	LastRegulationPeriod: SecondHalf,
	OvertimeAfter:        SecondHalf,
	Half:                 40,
	ExtraHalf:            10,
	LeastPeriod:          SecondHalf,
	LeastLength:          7 * time.Minute, // in rugby sevens
	UsualLengths:         minutes(7, 20, 30, 35, 40),

	Kinds: []Kind{"try", "conversion", "penalty_goal", "drop_goal", YellowCard, RedCard, Substitution, "tmo_review"},
	// A penalty try has no conversion and adds seven points.
	Points: map[Kind][]int{"try": {5, 7}, "conversion": {2}, "penalty_goal": {3}, "drop_goal": {3}},

	Misses:      []string{Missed},
	Marks:       []string{"try", "penalty_try", "drop_goal", "scrum", "lineout", "knock_on", "tmo_review"},
	LeagueWords: []string{"rugby"},

	Situation: []Member{{Name: "possession"}},

	// The records: Argentina won 152–0 in 2002, and Royal Kituro won 356–3 in 2015. A shoot-out in
	// Cardiff in 2009 had 15 kicks.
	Bounds: Bounds{Score: 400, Listed: 400, Shootout: 40, Rows: 100, Leap: 40,
		Both: 120, Never: 1},
}
