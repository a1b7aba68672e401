package event

import "time"

// soccer contains the rules of soccer.
var soccer = Rules{
	Periods:              []Period{FirstHalf, HalfTime, SecondHalf, ExtraFirst, ExtraHalfTime, ExtraSecond, ShootOut},
	LastRegulationPeriod: SecondHalf,
	OvertimeAfter:        SecondHalf,
	Half:                 45,
	ExtraHalf:            15,
	LeastPeriod:          SecondHalf,
	LeastLength:          45 * time.Minute,

	Kinds: []Kind{Goal, YellowCard, RedCard, Substitution, "penalty_awarded", "penalty_missed", "var_review",
		"added_time", ShootoutKick},
	Points:      map[Kind][]int{Goal: {1}},
	CountsGoals: true,
	Marks:       []string{"corner_kick", "goal_kick", "penalty_awarded", "added_time", "shootout_kick", "var_review"},
	LeagueWords: []string{"soccer"},

	// The records: Arbroath won 36–0 in 1885, and Australia won 31–0 in 2001. AS Adema won 149–0 in
	// 2002, because the opponents scored own goals in protest. A shoot-out in Dimona in 2024
	// ended 23–22 after 56 kicks. A match in Claypole in 2011 had 36 red cards.
	Bounds: Bounds{Score: 40, Listed: 150, Shootout: 40, Rows: 40, Leap: 5,
		Both: 20, Early: 3, Pace: 1},
}
