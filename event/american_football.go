package event

import "time"

// americanFootball contains the rules of American football, with the periods of the NFL.
var americanFootball = Rules{
	Periods:              basketball.Periods,
	LastRegulationPeriod: "q4",
	OvertimeAfter:        "q4",
	Length:               15 * time.Minute,
	Overtime:             10 * time.Minute,
	LeastPeriod:          "q4",
	LeastLength:          5 * time.Minute,
	UsualLengths:         minutes(5, 8, 10, 12, 15),

	Kinds: []Kind{"touchdown", "extra_point", "two_point", "field_goal", "safety", "turnover", "review"},
	Points: map[Kind][]int{"touchdown": {6}, "extra_point": {1}, "two_point": {2}, "field_goal": {3},
		"safety": {1, 2}}, // a safety during a try adds one point
	Misses: []string{Missed, "blocked", "failed", "aborted"},
	Marks:  []string{"touchdown", "extra_point", "two_point", "two_point_conversion", "first_down"},

	Situation: []Member{{Name: "possession"}, {"down", 1, 4}, {"distance", 1, 99}, {Name: "ball_on"}},

	// The record: Georgia Tech won 222–0 in 1916.
	Bounds: Bounds{Score: 250, Listed: 250, Rows: 100, Leap: 40,
		Both: 120, Early: 14, Pace: 12, Never: 1},
}
