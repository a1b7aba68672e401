package event

import "time"

// basketball contains the rules of basketball, with the periods of the NBA.
var basketball = Rules{
	Periods:              append(numbered("q", 4), numbered("ot", 5)...),
	LastRegulationPeriod: "q4",
	OvertimeAfter:        "q4",
	Length:               12 * time.Minute,
	Overtime:             5 * time.Minute,
	LeastPeriod:          "q4",
	LeastLength:          5 * time.Minute,
	UsualLengths:         minutes(5, 6, 8, 10, 12),

	Kinds:       []Kind{"basket", "timeout", "ejection", "challenge"},
	Points:      map[Kind][]int{"basket": {1, 2, 3}},
	NoDraw:      true,
	Marks:       []string{"basket", "three_pointer", "layup", "dunk", "slam_dunk"},
	LeagueWords: []string{"basketball", "nba", "wnba"},

	Situation: []Member{{Name: "possession"}},

	// The records: Detroit won 186–184 in 1983, and Troy won 258–141 in 1992.
	Bounds: Bounds{Score: 300, Listed: 300, Rows: 100, Leap: 60},
}
