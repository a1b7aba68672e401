package event

import "time"

// tennis contains the rules of tennis. The score counts the games of the current set.
var tennis = Rules{
	Periods:     numbered("s", 5),
	LeastPeriod: "s2",
	LeastLength: 10 * time.Minute,

	Kinds:       []Kind{"game", "set", "break"},
	Points:      map[Kind][]int{"game": {1}, "set": {1}, "break": {1}},
	SetScore:    true,
	Marks:       []string{"break_point", "double_fault", "deuce", "tie_break", "tiebreak"},
	LeagueWords: []string{"tennis"},

	Situation: []Member{{Name: "serving"}, {"home_points", 0, 99}, {"away_points", 0, 99}},

	// The record: Isner and Mahut played 70–68 in the fifth set in 2010. A new set can change the
	// score by any number, so Leap is 0.
	Bounds: Bounds{Score: 100, Listed: 100, Rows: 250},
}
