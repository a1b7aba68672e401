package event

import "time"

// cricket contains the rules of cricket. A side's score is the number of runs in its latest
// innings.
var cricket = Rules{
	Periods:     numbered("inn", 8), // two for each side, and super overs
	LeastPeriod: "inn2",
	LeastLength: 10 * time.Minute,

	Kinds:        []Kind{"wicket", "boundary", "milestone", "over_end", "review"},
	InningsScore: true,
	Marks:        []string{"wicket", "lbw", "no_ball", "leg_bye", "over_end"},
	LeagueWords:  []string{"cricket"},
	NoClock:      true,

	// Overs and wickets are not members: the clock contains the overs, and the line score contains
	// the wickets. The required rate can be high: with one ball left, it is six times the missing
	// runs.
	Situation: []Member{{Name: "batting"}, {"target", 1, 2000}, {"required_rate", 0, 3000}},

	// The records: Victoria scored 1,107 in one innings in 1926, and Sri Lanka scored 952–6 in
	// 1997. A ten-day Test in 1939 had more than 800 overs. A new innings can change the score
	// by any number, so Leap is 0.
	Bounds: Bounds{Score: 2000, Listed: 2000, Rows: 1500},
}
