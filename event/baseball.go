package event

import "time"

// baseball contains the rules of baseball. Rain or a mercy rule can end a match after five innings.
var baseball = Rules{
	Periods:       numbered("i", 25),
	OvertimeAfter: "i9",
	LeastPeriod:   "i9",
	LeastLength:   10 * time.Minute,

	Kinds:       []Kind{"run", "home_run", "pitching_change", "review"},
	Points:      map[Kind][]int{"run": {1, 2, 3, 4}, "home_run": {1, 2, 3, 4}},
	Marks:       []string{"home_run", "homer", "strikeout", "double_play", "stolen_base", "pitching_change"},
	LeagueWords: []string{"baseball", "mlb"},
	NoClock:     true,

	ShortPeriods: true,
	RareDraw:     true,

	Situation: []Member{{Name: "batting"}, {"balls", 0, 4}, {"strikes", 0, 3}, {"outs", 0, 3}, {"bases", 1, 3}},

	// The record: Fukaura lost 0–122 in 1998.
	Bounds: Bounds{Score: 150, Listed: 150, Rows: 100, Leap: 25,
		Both: 60},
}
