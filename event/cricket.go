package event

import "time"

// cricket contains the rules of cricket. The runs of the batting side are its score.
var cricket = Rules{
	Periods:     numbered("inn", 8), // two for each side, and super overs
	LeastPeriod: "inn2",
	LeastLength: 10 * time.Minute,

	Kinds:        []Kind{"wicket", "boundary", "milestone", "over_end", "review"},
	InningsScore: true,
	Marks:        []string{"wicket", "lbw", "no_ball", "leg_bye", "over_end"},
	LeagueWords:  []string{"cricket"},
	NoClock:      true,

	// The overs are the clock, and the wickets are part of the line score. With one ball left, the
	// required rate is six times the missing runs.
	Situation: []Member{{Name: "batting"}, {"target", 1, 2000}, {"required_rate", 0, 3000}},

	// Victoria 1,107 in one of two innings in 1926, Sri Lanka 952–6 in 1997. More than 800 overs in a Test
	// of ten days in 1939. A new innings can change the score by any number.
	Bounds: Bounds{Score: 2000, Listed: 2000, Rows: 1500},
}
