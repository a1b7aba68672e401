package web_test

import (
	"fmt"
	"time"

	"github.com/matchwire/matchwire/event"
)

// parts returns the score of one side by period.
func parts(points ...int) (l event.Line) {
	for _, n := range points {
		l = append(l, event.Innings{Runs: n})
	}
	return l
}

// A fixture is a match of a match day.
type fixture struct {
	s          *site
	id, prefix string // prefix: sport and league of the routing key
	league     string
	match      event.Match
	score      *event.Score
	line       *event.LineScore
}

// add publishes an event of the match.
func (f *fixture) add(kind string, change func(*event.Data)) {
	f.s.Helper()
	f.s.publish(f.id, f.prefix+"."+kind, func(d *event.Data) {
		m := f.match
		d.Match, d.League, d.Score, d.LineScore = &m, f.league, f.score, f.line
		if change != nil {
			change(d)
		}
		f.score, f.line = d.Score, d.LineScore
	})
}

// by sets the side, the player and the time of an incident.
func (f *fixture) by(side event.Side, player string, clock event.Clock) func(*event.Data) {
	return func(d *event.Data) {
		d.Side, d.Team, d.Player, d.Clock = side, f.match.Team(side), player, &clock
	}
}

// scores is like by, and adds points to the score.
func (f *fixture) scores(side event.Side, player string, points int, clock event.Clock) func(*event.Data) {
	return func(d *event.Data) {
		f.by(side, player, clock)(d)
		old := event.Score{}
		if f.score != nil {
			old = *f.score
		}
		now := old.Add(side, points)
		d.Score = &now
		if points > 1 {
			d.Points = points
		}
	}
}

func minute(p event.Period, n int) event.Clock { return event.Clock{Period: p, Minute: n} }

// matchDay publishes matches of all sports, with corrections and retractions. The soccer match mls-1 has a
// corrected goal and a retracted goal.
func matchDay(s *site) {
	start := time.Now().Add(-time.Hour).Truncate(time.Minute)
	add := func(id, prefix, league, home, away string, status event.Status, period event.Period) *fixture {
		return &fixture{s: s, id: id, prefix: prefix, league: league,
			match: event.Match{ID: id, Home: home, Away: away, Status: status, Period: period, Start: start}}
	}
	f := add("mls-1", "soccer.mls", "MLS", "New York City FC", "Toronto FC", event.Live, "2h")
	f.add("match_start", nil)
	lineup := func(side event.Side, coach string, names ...string) {
		f.add("lineup", func(d *event.Data) {
			d.Side, d.Team, d.Lineup = side, f.match.Team(side), &event.Lineup{Formation: "4-3-3", Coach: coach}
			for i, name := range names {
				player := event.LineupPlayer{Name: name, Number: fmt.Sprint(i + 1), Substitute: i > 6}
				d.Lineup.Players = append(d.Lineup.Players, player)
			}
		})
	}
	lineup(event.Home, "Ida Lund", "Noor Haddad", "Ola Berg", "Jan Kral", "Paolo Neri", "Tim Roe", "Sven Dahl",
		"Luca Moro", "Ben Ash")
	lineup(event.Away, "Ana Reis", "Tomas Vrba", "Igor Bilic", "Kei Sato", "Raul Soto", "Max Falk", "Emil Holm",
		"Ugo Conti", "Sam Ode")
	f.add("goal", f.scores(event.Away, "Sebastian Reyes", 1, minute("1h", 6)))
	f.add("yellow_card", f.by(event.Home, "Ola Berg", minute("1h", 19)))
	f.add("goal", f.scores(event.Home, "Luca Moro", 1, minute("1h", 27)))
	f.add("goal_corrected", func(d *event.Data) {
		f.by(event.Home, "Ben Ash", minute("1h", 27))(d)
		d.Incident, d.Action, d.Rev = "mls-1/6", event.Corrected, 2
		d.Changes = map[string]event.Change{"player": {Old: "Luca Moro", New: "Ben Ash"}}
		d.Reason = "the page names another player"
	})
	f.add("goal", f.scores(event.Home, "Tim Roe", 1, minute("1h", 41)))
	f.match.Clock = minute("1h", 43)
	f.add("goal_retracted", func(d *event.Data) {
		f.by(event.Home, "Tim Roe", minute("1h", 41))(d)
		d.Incident, d.Action, d.Rev, d.Reason = "mls-1/8", event.Retracted, 2, "the page no longer shows the goal"
		d.Score = &event.Score{Home: 1, Away: 1}
	})
	f.add("period_end", func(d *event.Data) { d.Clock = &event.Clock{Period: "1h"} })
	f.add("period_start", func(d *event.Data) { d.Clock = &event.Clock{Period: "2h"} })
	f.add("substitution", func(d *event.Data) {
		f.by(event.Away, "Sam Ode", minute("2h", 58))(d)
		d.Off = "Kei Sato"
	})
	f.match.Clock = minute("2h", 67)
	f.add("red_card", f.by(event.Away, "Igor Bilic", minute("2h", 66)))

	f = add("mls-2", "soccer.mls", "MLS", "Seattle Sounders FC", "Atlanta United FC", event.Scheduled, "")
	f.match.Start = time.Now().Add(2 * time.Hour).Truncate(time.Minute)
	f.add("kickoff_changed", nil)
	f = add("mls-3", "soccer.mls", "MLS", "Chicago Fire FC", "Columbus Crew", event.Live, "1h")
	f.score = &event.Score{}
	f.match.Clock = minute("1h", 12)
	f.match.Stale = &event.Stale{Since: time.Now().Add(-7 * time.Minute), Reason: "the site answered 403 Forbidden"}
	f.add("source_stale", func(d *event.Data) { d.Incident = "" })
	f = add("epl-1", "soccer.premier_league", "Premier League", "Brighton & Hove Albion", "Wolverhampton Wanderers",
		event.Final, "")
	f.add("goal", f.scores(event.Home, "Kit Marsh", 1, minute("1h", 12)))
	f.add("goal", f.scores(event.Home, "Kit Marsh", 1, minute("2h", 71)))
	f.add("match_end", func(d *event.Data) { d.Winner = "home" })

	f = add("nba-1", "basketball.nba", "NBA", "Golden State Warriors", "Boston Celtics", event.Live, "q3")
	f.match.Clock = event.Clock{Period: "q3", Elapsed: 372}
	lines := [2]event.Line{{}, {}}
	for n := range 60 {
		side, points := event.Home, 2+n%2
		if n%5 == 1 || n%3 == 2 {
			side = event.Away
		}
		q := n / 24
		for i := range lines {
			for len(lines[i]) <= q {
				lines[i] = append(lines[i], event.Innings{})
			}
		}
		at := 0
		if side == event.Away {
			at = 1
		}
		lines[at][q].Runs += points
		f.line = &event.LineScore{Home: append(event.Line{}, lines[0]...), Away: append(event.Line{}, lines[1]...)}
		line := f.line
		f.add("basket", func(d *event.Data) {
			player := []string{"Ade Cole", "Jo Park", "Lev Orlov"}[n%3]
			clock := event.Clock{Period: event.Period(fmt.Sprint("q", q+1)), Elapsed: 30 * (n%24 + 1)}
			f.scores(side, player, points, clock)(d)
			d.LineScore = line
		})
	}
	f = add("nfl-1", "american_football.nfl", "NFL", "Chiefs", "Bills", event.Live, "q2")
	f.match.Clock = event.Clock{Period: "q2", Elapsed: 410}
	f.match.Situation = &event.Situation{Possession: event.Home, Down: 3, Distance: 7, BallOn: "BUF 35"}
	f.line = &event.LineScore{Home: parts(7, 3), Away: parts(0, 7)}
	f.add("touchdown", f.scores(event.Home, "Al Dunn", 6, event.Clock{Period: "q1", Elapsed: 200}))
	f.add("extra_point", f.scores(event.Home, "Cy Rush", 1, event.Clock{Period: "q1", Elapsed: 205}))
	f.add("touchdown", f.scores(event.Away, "Ed Marsh", 7, event.Clock{Period: "q2", Elapsed: 100}))
	f.add("field_goal", f.scores(event.Home, "Cy Rush", 3, event.Clock{Period: "q2", Elapsed: 380}))
	f = add("nhl-1", "ice_hockey.nhl", "NHL", "Pittsburgh Penguins", "San Jose Sharks", event.Break, "p1")
	f.line = &event.LineScore{Home: parts(1), Away: parts(0)}
	f.add("goal", f.scores(event.Home, "Nils Frost", 1, event.Clock{Period: "p1", Elapsed: 512}))
	f.add("penalty", func(d *event.Data) {
		f.by(event.Away, "Vic Stone", event.Clock{Period: "p1", Elapsed: 700})(d)
		d.Detail = "tripping, 2 min"
	})
	f = add("mlb-1", "baseball.mlb", "MLB", "Giants", "Rockies", event.Live, "i5")
	f.match.Situation = &event.Situation{Batting: event.Away, Balls: new(2), Strikes: new(1), Outs: new(2),
		Bases: []int{1, 3}}
	f.line = &event.LineScore{Home: parts(3, 0, 1, 0), Away: parts(0, 1, 1, 0, 0)}
	f.add("home_run", func(d *event.Data) {
		f.scores(event.Home, "Rex Hale", 3, event.Clock{Period: "i1", Half: event.Bottom})(d)
		d.Score = &event.Score{Home: 4, Away: 2}
	})
	f = add("test-1", "cricket.test", "Test", "India", "Australia", event.Live, "inn3")
	f.line = &event.LineScore{Home: event.Line{{Runs: 376}, {Runs: 101, Wickets: new(2)}}, Away: event.Line{{Runs: 287}}}
	f.score = &event.Score{Home: 101, Away: 287}
	f.match.Situation = &event.Situation{Batting: event.Home}
	f.add("wicket", f.by(event.Home, "R. Iyer", event.Clock{Period: "inn3", Balls: 87}))
	f = add("atp-1", "tennis.atp", "ATP", "Carl Alba", "Novo Djuric", event.Live, "s3")
	f.line = &event.LineScore{Home: parts(6, 4, 2), Away: parts(4, 6, 1)}
	f.score = &event.Score{Home: 2, Away: 1}
	f.match.Situation = &event.Situation{Serving: event.Home, Points: &event.GamePoints{Home: "40", Away: "30"}}
	f.add("game", f.by(event.Home, "", event.Clock{Period: "s3"}))
	f = add("urc-1", "rugby.urc", "URC", "Leinster", "Munster", event.Live, "2h")
	f.match.Clock = minute("2h", 63)
	f.line = &event.LineScore{Home: parts(5, 7), Away: parts(10, 0)}
	f.add("try", f.scores(event.Home, "Sean Roche", 5, minute("1h", 11)))
	f.add("try", f.scores(event.Away, "Finn Daly", 5, minute("1h", 20)))
	f.add("try", f.scores(event.Away, "Finn Daly", 5, minute("1h", 33)))
	f.add("try", f.scores(event.Home, "Rory Quin", 5, minute("2h", 55)))
}
