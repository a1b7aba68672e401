package observation

import (
	"testing"

	"github.com/matchwire/matchwire/event"
)

// OtherSport returns a problem for facts that are impossible in the sport of the observation.
func TestOtherSport(t *testing.T) {
	t.Parallel()
	score := func(home, away int) *event.Score { return &event.Score{Home: home, Away: away} }
	in := func(p event.Period, minutes int) event.Match {
		return event.Match{Status: event.Live, Period: p, Clock: event.Clock{Period: p, Elapsed: minutes * 60}}
	}
	minute := func(p event.Period, n int) event.Match {
		return event.Match{Status: event.Live, Period: p, Clock: event.Clock{Period: p, Minute: n}}
	}
	final := event.Match{Status: event.Final}
	rows := func(kind event.Kind, scores ...*event.Score) (all []Incident) {
		for _, s := range scores {
			all = append(all, Incident{Kind: kind, Side: event.Home, Score: s})
		}
		return all
	}
	baskets := []*event.Score{score(2, 0), score(2, 3), score(4, 3), score(4, 6), score(7, 6)}
	for name, tc := range map[string]struct {
		o    Observation
		want string // "" for a match of the sport
	}{
		"basketball after 12 minutes, as ice hockey": {
			Observation{Sport: event.IceHockey, Match: in("p1", 12), Score: score(25, 22)},
			"match.home_score: " +
				"score 25-22 is not a score of ice hockey: both sides never have more than 5 after 12 minutes"},
		"basketball after the end, as ice hockey": {
			Observation{Sport: event.IceHockey, Match: final, Score: score(98, 95)},
			"match.home_score: score 98-95 is not a score of ice hockey: both sides never have more than 25"},
		"basketball in the second quarter, as American football": {
			Observation{Sport: event.AmericanFootball, Match: in("q2", 12), Score: score(55, 52)},
			"match.home_score: " +
				"score 55-52 is not a score of American football: both sides never have more than 46 after 27 minutes"},
		"rugby, as soccer": {
			Observation{Sport: event.Soccer, Match: minute("1h", 38), Score: score(15, 10)},
			"match.home_score: " +
				"score 15-10 is not a score of soccer: both sides never have more than 6 after 38 minutes"},
		"soccer, as rugby": {Observation{Sport: event.Rugby, Match: minute("2h", 60), Score: score(1, 0)},
			"match.home_score: score 1-0 is not a score of rugby: no incidents add up to it"},
		"basketball, as tennis": {
			Observation{Sport: event.Tennis, Match: event.Match{Status: event.Live}, Score: score(25, 20)},
			"match.home_score: score 25-20 is not a score of tennis: a set ends with a lead of two games"},
		"rows of baskets, as goals": {
			Observation{Sport: event.IceHockey, Match: in("p1", 5), Score: score(7, 6), Incidents: rows(event.Goal, baskets...)},
			"match.home_score: " +
				"score 7-6 is not a score of ice hockey: both sides never have more than 4 after 5 minutes"},
		"rows of baskets, without the score of the match": {
			Observation{Sport: event.IceHockey, Match: in("p1", 5), Incidents: rows(event.Goal, baskets...)},
			"incidents: most rows add more points than an incident of ice hockey can, such as 3"},
		"a league of basketball": {Observation{Sport: event.IceHockey, League: "Basketball Champions League"},
			`match.league: league "Basketball Champions League" is not a league of ice hockey`},
		"the NBA": {Observation{Sport: event.Baseball, League: "NBA"},
			`match.league: league "NBA" is not a league of baseball`},

		"rows of baskets": {Observation{Sport: event.Basketball, Match: in("q1", 5), Score: score(7, 6),
			Incidents: rows("basket", baskets...)}, ""},
		"rows with gaps": {Observation{Sport: event.IceHockey, Match: in("p3", 5), Score: score(4, 1),
			Incidents: rows(event.Goal, score(1, 0), score(3, 0), score(3, 1), score(4, 1))}, ""},
		"touchdowns with their extra points": {
			Observation{Sport: event.AmericanFootball, Match: in("q3", 5), Score: score(21, 7),
				Incidents: rows("touchdown", score(7, 0), score(14, 0), score(14, 7), score(21, 7))}, ""},
		"a rout": {
			Observation{Sport: event.Soccer, Match: minute("2h", 90), Score: score(36, 0)}, ""},
		"a score that is the minute": {
			Observation{Sport: event.Soccer, Match: minute("1h", 38), Score: score(38, 0)}, ""},
		"twelve goals in a period": {
			Observation{Sport: event.IceHockey, Match: in("p2", 18), Score: score(8, 6)}, ""},
		"a first half of many points": {
			Observation{Sport: event.AmericanFootball, Match: in("q2", 14), Score: score(49, 45)}, ""},
		"a forfeit": {
			Observation{Sport: event.AmericanFootball, Match: final, Score: score(1, 0)}, ""},
		"a long set": {
			Observation{Sport: event.Tennis, Match: event.Match{Status: event.Live}, Score: score(70, 68)}, ""},
		"a match tie-break": {
			Observation{Sport: event.Tennis, Match: event.Match{Status: event.Live}, Score: score(10, 3)}, ""},
		"football, which can be soccer": {
			Observation{Sport: event.Soccer, League: "Rugby and District Football League"}, ""},
		"a sport that has the name of another": {
			Observation{Sport: "roller_hockey", League: "Roller Hockey Premier League"}, ""},
	} {
		got := ""
		if p := tc.o.OtherSport(); p != nil {
			got = p.String()
		}
		if got != tc.want {
			t.Errorf("%s: OtherSport returns %q, want %q", name, got, tc.want)
		}
	}
}
