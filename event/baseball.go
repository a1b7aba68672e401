package event

import "time"

// baseball contains the rules of baseball. Rain can end a match after five innings.
var baseball = Rules{
	Periods:       numbered("i", 25),
	OvertimeAfter: "i9",
	LeastPeriod:   "i9",
	LeastLength:   5 * time.Minute,
	MercyLead:     10,
	MercyFrom:     "i5",

	Kinds:  []Kind{"run", "home_run", "pitching_change", "review"},
	Points: map[Kind][]int{"run": {1, 2, 3, 4}, "home_run": {1, 2, 3, 4}},

	// Fukaura 0–122 in 1998.
	Bounds: Bounds{Score: 150, Listed: 150, Rows: 100, Leap: 25},
}
