package event

import "time"

// iceHockey contains the rules of ice hockey, with the periods of the NHL.
var iceHockey = Rules{
	Periods:              append(append(numbered("p", 3), numbered("ot", 5)...), ShootOut),
	LastRegulationPeriod: "p3",
	OvertimeAfter:        "p3",
	Length:               20 * time.Minute,
	Overtime:             5 * time.Minute,
	LeastPeriod:          "p3",
	LeastLength:          10 * time.Minute,
	UsualLengths:         minutes(10, 12, 15, 20),

	Kinds:        []Kind{Goal, Penalty, ShootoutAttempt, "challenge"},
	Points:       map[Kind][]int{Goal: {1}},
	CountsGoals:  true,
	ShootoutGoal: true,
	Marks:        []string{"power_play_goal", "short_handed_goal", "shootout_attempt", "faceoff", "face_off", "icing"},
	LeagueWords:  []string{"hockey", "nhl"},

	Situation: []Member{{Name: "power_play"}, {"strength", 3, 6}},

	// The records: South Korea won 92–0 in 1998, and a game in Boston in 1981 had 84 penalties.
	Bounds: Bounds{Score: 100, Listed: 100, Shootout: 30, Rows: 100, Leap: 5,
		Both: 25, Early: 3, Pace: 2},
}
