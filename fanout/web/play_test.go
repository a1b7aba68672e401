package web_test

import (
	"fmt"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
)

// The page shows the score by period, and the situation in words. It shows no situation in a break, after
// the match, or if the latest event has none.
func TestPlay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matches := []struct {
		sport      event.Sport
		home, away string
		score      event.Score
		line       event.LineScore
		now        event.Situation
		want       string
	}{
		{event.Baseball, "Giants", "Rockies", event.Score{Home: 4, Away: 2},
			event.LineScore{Home: parts(3, 0, 1), Away: parts(0, 1, 1, 0)},
			event.Situation{Batting: event.Away, Balls: new(2), Strikes: new(1), Outs: new(2), Bases: []int{1, 3}},
			"Rockies batting, 2 balls, 1 strike, 2 outs, runners on 1st and 3rd"},
		{event.Baseball, "Cubs", "Mets", event.Score{}, event.LineScore{},
			event.Situation{Outs: new(0), Balls: new(0), Bases: []int{}}, "0 balls, 0 outs, bases empty"},
		{event.AmericanFootball, "Chiefs", "Bills", event.Score{Home: 23, Away: 20},
			event.LineScore{Home: parts(7, 3, 7, 3, 3), Away: parts(0, 10, 7, 3, 0)},
			event.Situation{Possession: event.Home, Down: 3, Distance: 7, BallOn: "BUF 35"},
			"3rd & 7 at BUF 35, ball with Chiefs"},
		{event.AmericanFootball, "Jets", "Rams", event.Score{}, event.LineScore{},
			event.Situation{Possession: event.Away, Down: 1, Goal: true}, "1st & goal, ball with Rams"},
		{event.Cricket, "India", "Australia", event.Score{Home: 101, Away: 287},
			event.LineScore{Home: event.Line{{Runs: 101, Wickets: new(2)}}, Away: event.Line{{Runs: 287}}},
			event.Situation{Batting: event.Home, Target: 288, RequiredRate: 7.2},
			"India batting, target 288, needs 7.2 an over"},
		{event.Tennis, "Carlos Alcaraz", "Novak Djokovic", event.Score{Home: 2, Away: 1},
			event.LineScore{Home: parts(6, 4, 2), Away: parts(4, 6, 1)},
			event.Situation{Serving: event.Home, Points: &event.GamePoints{Home: "40", Away: "30"}},
			"40–30, Carlos Alcaraz serves"},
		{event.Tennis, "Iga", "Coco", event.Score{}, event.LineScore{},
			event.Situation{Points: &event.GamePoints{Home: "40", Away: "A"}}, "Advantage Coco"},
		{event.IceHockey, "Penguins", "Sharks", event.Score{Home: 2, Away: 1},
			event.LineScore{Home: parts(1, 1), Away: parts(0, 1)},
			event.Situation{PowerPlay: event.Home, Strength: "5-4"}, "Power play Penguins 5–4"},
		{event.Rugby, "Leinster", "Munster", event.Score{Home: 12, Away: 10},
			event.LineScore{Home: parts(5, 7), Away: parts(10, 0)}, event.Situation{Possession: event.Away},
			"Ball with Munster"},
	}
	publish := func(i int, change func(*event.Data)) {
		m := matches[i]
		s.publish(fmt.Sprint("p", i), string(m.sport)+".league.status_change", func(d *event.Data) {
			d.Score, d.Match.Home, d.Match.Away = &m.score, m.home, m.away
			if m.line.Innings() > 0 {
				d.LineScore = &m.line
			}
			change(d)
		})
	}
	for i := range matches {
		publish(i, func(d *event.Data) { d.Match.Situation = &matches[i].now })
	}
	p := s.open("")
	is := func(selector, want string) {
		t.Helper()
		p.until(`[...document.querySelectorAll(`+fmt.Sprintf("%q", selector)+`)].map(e => e.textContent).join(" ")`, want)
	}
	for i, m := range matches {
		is(fmt.Sprintf("[data-match=p%d] .situation", i), m.want)
	}
	is("[data-match=p0] .part, [data-match=p0] .total", "Total 0 1  4 1 1 0 2") // the last three innings
	// The card leaves innings out, so their numbers are visible, on one line.
	is("[data-match=p0] thead:not(.sr) th", "Team 2 3 4 Total")
	p.until(`document.querySelector("[data-match=p0] thead").offsetHeight < 30`, "true")
	is("[data-match=p2] thead th", "Team 1 2 3 4 OT Total")
	is("[data-match=p5] .home .part, [data-match=p5] .home .total", "6 4 2 40")
	is("[data-match=p4] .goals", "101/2 287")
	p.run(`document.querySelector("[data-match=p8] .cover a").click(); return "";`)
	is(".board thead th", "Team 1 2 Total")
	is(".board .home .part", "5 7")
	p.run(`history.back(); return "";`)
	publish(0, func(*event.Data) {})
	publish(2, func(d *event.Data) { d.Match.Status, d.Match.Situation = event.Break, &matches[2].now })
	publish(7, func(d *event.Data) { d.Match.Status, d.Match.Situation = event.Final, &matches[7].now })
	for _, i := range []int{0, 2, 7} {
		is(fmt.Sprintf("[data-match=p%d] .situation", i), "")
	}
}

// If the snapshot is partial, the page says that matches or incidents are missing.
func TestPartial(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, fanout.Options{SnapshotMatches: 2}, nil)
	p := s.open("")
	shows := func(want string) {
		t.Helper()
		p.until(`document.querySelector("#state")?.innerText + ": " + document.querySelectorAll("main [data-match]").length +
			(document.querySelector("#partial") ? " " + document.querySelector("#partial").innerText : "")`, want)
	}
	s.publish("m1", "soccer.mls.goal", nil)
	s.publish("m2", "soccer.mls.goal", nil)
	shows("Live: 2")
	s.publish("m3", "soccer.mls.goal", nil)
	shows("Live: 3") // the page drops no match while it is open
	p.run(`location.reload(); return "";`)
	shows("Live: 2 Some matches or incidents are missing: the server keeps only the latest.")
}
