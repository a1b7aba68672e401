package season

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/matchwire/matchwire/event"
)

// iceHockey shows games as lists of goals and penalties and as scoreboards, with clocks that count up or
// down. After a shoot-out, the score includes a goal for its winner. One style of scoreboard does not
// show the tally of the shoot-out.
var iceHockey = &sport{
	name:  event.IceHockey,
	load:  loadIceHockey,
	clock: hockeyClock,
	score: Fact{Kind: "goal", Points: 1},
	styles: []*Style{
		listStyle(event.IceHockey, "elapsed", elapsed),
		listStyle(event.IceHockey, "remaining", remaining(event.IceHockey)),
		boardStyle(event.IceHockey, "elapsed", elapsed),
		withoutTally(boardStyle(event.IceHockey, "remaining", remaining(event.IceHockey))),
	},
	density:   1,
	edits:     []edit{{"strength corrected", 6, evenAtFirst}},
	faults:    append([]string{Challenged, ShootoutGoal}, commonFaults...),
	ownRows:   (*generator).addChallenged,
	gameClock: true,
	overtime:  true,
}

// The faults of ice hockey.
const (
	Challenged   = "goal taken away after a challenge"
	ShootoutGoal = "goal of the shoot-out in the score"
)

// hockeyPacing is the pacing of a game that lasts two and a half hours.
var hockeyPacing = pacing{perSecond: 1.7, stop: 25, otherwise: 1080,
	breaks: map[event.Period]float64{"ot1": 120, event.ShootOut: 180}}

// attemptEvery is the time between two attempts in a shoot-out, in seconds.
const attemptEvery = 40

// hockeyClock returns the clock in a period. A shoot-out has no clock.
func hockeyClock(p event.Period, elapsed float64) event.Clock {
	if p == event.ShootOut {
		return event.Clock{Period: p}
	}
	return elapsedClock(p, elapsed)
}

// evenAtFirst removes the detail of a goal, such as power_play, which the page adds later.
func evenAtFirst(_ *rand.Rand, f *Fact) bool {
	ok := f.Kind == "goal" && f.Detail != ""
	if ok {
		f.Detail = ""
	}
	return ok
}

// loadIceHockey sets the timeline of an ice hockey game.
func loadIceHockey(line []byte, m *Match) error {
	var in struct {
		Periods   map[event.Period]float64 `json:"periods"` // clock at the end of the period, in seconds
		Goals     Score                    `json:"goals"`   // without the shoot-out
		Incidents []struct {
			Period event.Period `json:"period"`
			Second float64      `json:"second"` // seconds since the start of the period
			Kind   string       `json:"kind"`
			Detail string       `json:"detail"`
			Side   string       `json:"side"`
			Player string       `json:"player"`
		} `json:"incidents"`
		Shootout *struct {
			Attempts []struct {
				Side   string `json:"side"`
				Player string `json:"player"`
				Scored bool   `json:"scored"`
			} `json:"attempts"`
			Score Score `json:"score"`
		} `json:"shootout"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return err
	}
	for _, i := range in.Incidents {
		f := Fact{Kind: i.Kind, Detail: i.Detail, Side: i.Side, Player: i.Player, Clock: elapsedClock(i.Period, i.Second)}
		if f.Kind == "goal" {
			f.Points = 1
		}
		m.facts = append(m.facts, f)
	}
	m.spread(in.Periods, hockeyPacing)
	if now := m.addUp(); now != in.Goals || len(m.spans) < 3 {
		return fmt.Errorf("%d periods and %v goals, want at least 3 periods and %v goals", len(m.spans), now, in.Goals)
	}
	m.strayUntil = m.spans[2].begin
	m.Final, m.Winner, m.By = in.Goals, in.Goals.leader(""), event.ByRegulation
	if len(m.spans) > 3 {
		m.By = event.ByExtraTime
	}
	if in.Shootout == nil {
		return nil
	}
	begin := m.end() + hockeyPacing.breaks[event.ShootOut]
	for i, a := range in.Shootout.Attempts {
		f := Fact{Kind: "shootout_attempt", Detail: "missed", Side: a.Side, Player: a.Player,
			Clock: event.Clock{Period: event.ShootOut}, At: begin + attemptEvery*float64(i+1)}
		if a.Scored {
			f.Detail, f.Kicks = "scored", 1
		}
		m.facts = append(m.facts, f)
	}
	end := begin + attemptEvery*float64(len(in.Shootout.Attempts)+1)
	m.spans = append(m.spans, span{period: event.ShootOut, begin: begin, end: end})
	m.Shootout = &in.Shootout.Score
	m.Winner, m.By = m.Shootout.leader(""), event.ByShootout
	return nil
}

// addChallenged may add a goal that a challenge by the other side reverses. The page then also shows
// the challenge. Until the goal is removed, the clock of the page is a few seconds ahead.
func (g *generator) addChallenged() {
	if !g.chance(3) {
		return
	}
	goal, ok := g.invented(g.anySide(), DisallowedScorer+" Two", 120+g.rand.Float64()*(g.line.end()-1200))
	if !ok {
		return
	}
	challenge := Fact{Kind: "challenge", Detail: "off-side", Side: otherSide(goal.Side), Clock: goal.Clock,
		At: goal.At + 40}
	gone := goal.At + 90 + g.rand.Float64()*90
	g.insert(row{Fact: goal, until: gone, fault: Challenged})
	g.insert(row{Fact: challenge})
	g.ahead = ahead{goal.At, gone, 3 + float64(g.rand.IntN(10))}
}
