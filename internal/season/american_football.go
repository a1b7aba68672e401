package season

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/matchwire/matchwire/event"
)

// americanFootball shows games as lists of plays and as scoreboards, with clocks that count down or
// up. Overtime lasts 15 minutes, as in the NFL until 2016.
var americanFootball = &sport{
	name:  event.AmericanFootball,
	load:  loadAmericanFootball,
	clock: elapsedClock,
	score: Fact{Kind: "touchdown", Detail: "run", Points: 6},
	styles: []*Style{
		longOvertime(listStyle(event.AmericanFootball, "remaining", remainingOf15)),
		longOvertime(listStyle(event.AmericanFootball, "elapsed", elapsed)),
		longOvertime(boardStyle(event.AmericanFootball, "remaining", remainingOf15)),
		longOvertime(boardStyle(event.AmericanFootball, "elapsed", elapsed)),
	},
	density:   2,
	edits:     []edit{{"play corrected", 4, otherPlayAtFirst}},
	faults:    append([]string{TouchdownReversed}, commonFaults...),
	ownRows:   (*generator).addFootballRows,
	gameClock: true,
	overtime:  true,
}

// TouchdownReversed means that a review reverses a touchdown.
const TouchdownReversed = "touchdown reversed"

// longOvertime adds a rule to the profile of a style: overtime lasts 15 minutes.
func longOvertime(s *Style) *Style {
	s.profile += "lengths: {ot: 15m}\n"
	return s
}

// remainingOf15 formats a clock that counts down from 15 minutes, such as 8:12. For the zero clock it
// returns "".
func remainingOf15(c event.Clock) string {
	if c == (event.Clock{}) {
		return ""
	}
	left := 900 - c.Elapsed
	return fmt.Sprintf("%d:%02d", left/60, left%60)
}

// footballPacing is the pacing of a game that lasts three hours.
var footballPacing = pacing{perSecond: 2.4, stop: 38, otherwise: 120,
	breaks: map[event.Period]float64{"q3": 780, "ot1": 180}}

// otherPlayAtFirst changes a passing touchdown to a rushing touchdown, or a safety to a two-point
// conversion.
func otherPlayAtFirst(_ *rand.Rand, f *Fact) bool {
	switch {
	case f.Kind == "touchdown" && f.Detail == "pass":
		f.Detail = "run"
	case f.Kind == "safety":
		f.Kind = "two_point"
	default:
		return false
	}
	return true
}

// loadAmericanFootball sets the timeline of an American football game.
func loadAmericanFootball(line []byte, m *Match) error {
	var in struct {
		Periods   map[event.Period]float64 `json:"periods"` // clock at the end of the period, in seconds
		Incidents []struct {
			Period event.Period `json:"period"`
			Second float64      `json:"second"` // seconds since the start of the period
			Kind   string       `json:"kind"`
			Detail string       `json:"detail"`
			Side   string       `json:"side"` // "" for a review that the officials asked for
			Player string       `json:"player"`
			Points int          `json:"points"`
		} `json:"incidents"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return err
	}
	for _, i := range in.Incidents {
		m.facts = append(m.facts, Fact{Kind: i.Kind, Detail: i.Detail, Side: i.Side, Player: i.Player, Points: i.Points,
			Clock: elapsedClock(i.Period, i.Second)})
	}
	m.spread(in.Periods, footballPacing)
	if now := m.addUp(); now != m.Final || len(m.spans) < 4 {
		return fmt.Errorf("%d periods and %v points, want at least 4 periods and %v points", len(m.spans), now, m.Final)
	}
	m.strayUntil = m.spans[3].begin
	m.Winner, m.By = m.Final.leader(event.Draw), event.ByRegulation
	if len(m.spans) > 4 {
		m.By = event.ByExtraTime
	}
	return nil
}

// addFootballRows may add a touchdown that a review reverses.
func (g *generator) addFootballRows() {
	if g.chance(3) {
		g.addReviewed(Fact{Kind: "review", Detail: "reversed"}, TouchdownReversed)
	}
}
