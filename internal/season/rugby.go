package season

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/matchwire/matchwire/event"
)

// rugby shows matches as lists and as scoreboards. The clock of the match shows minutes, or minutes and
// seconds since kick-off. The rows show minutes.
var rugby = &sport{
	name:       event.Rugby,
	load:       loadRugby,
	clock:      rugbyClock,
	matchClock: rugbyMatchClock,
	score:      Fact{Kind: "try", Points: 5},
	styles: []*Style{
		listStyle(event.Rugby, "minute", minutes),
		secondsStyle(listStyle(event.Rugby, "minute", minutesAndSeconds)),
		boardStyle(event.Rugby, "minute", minutes),
		secondsStyle(boardStyle(event.Rugby, "minute", minutesAndSeconds)),
	},
	density: 3,
	edits: []edit{
		{"try becomes or was a penalty try", 1, otherTryAtFirst},
		{"drop goal becomes a penalty goal", 10, otherGoalAtFirst},
	},
	faults:  append([]string{TakenBackByTMO, Bunker}, commonFaults...),
	ownRows: (*generator).addRugbyRows,
}

// The faults of rugby.
const (
	TakenBackByTMO = "try taken back by the TMO"
	Bunker         = "red card after a review in the bunker"
)

// secondsStyle changes the name of a style whose match clock shows seconds.
func secondsStyle(s *Style) *Style {
	s.Name += " and seconds"
	return s
}

// minutesAndSeconds formats a clock that counts minutes and seconds from kick-off, such as 41:07.
// It formats a clock without seconds in minutes.
func minutesAndSeconds(c event.Clock) string {
	if c.Elapsed == 0 {
		return minutes(c)
	}
	start, _ := event.Rugby.Minutes(c.Period)
	return fmt.Sprintf("%02d:%02d", start+c.Elapsed/60, c.Elapsed%60)
}

// rugbyClock returns the minute that a row shows at a second of a period.
func rugbyClock(p event.Period, second float64) event.Clock {
	start, _ := event.Rugby.Minutes(p)
	return event.Rugby.AtMinute(p, start+int(second)/60+1, 0)
}

// rugbyMatchClock returns the clock of the match at a second of a period.
func rugbyMatchClock(p event.Period, second float64) event.Clock {
	start, _ := event.Rugby.Minutes(p)
	return event.Rugby.AtElapsed(p, start*60+int(second))
}

// otherTryAtFirst changes a penalty try to a try of five points, and one in 30 other tries to a penalty try.
func otherTryAtFirst(r *rand.Rand, f *Fact) bool {
	switch {
	case f.Points == 7:
		f.Points, f.Detail, f.Player = 5, "", "First Thought"
	case f.Points == 5 && r.IntN(30) == 0:
		f.Points, f.Detail, f.Player = 7, event.PenaltyTry, ""
	default:
		return false
	}
	return true
}

// otherGoalAtFirst changes a penalty goal to a drop goal, or a drop goal to a penalty goal.
func otherGoalAtFirst(_ *rand.Rand, f *Fact) bool {
	if f.Points != 3 {
		return false
	}
	f.Kind = map[string]string{"penalty_goal": "drop_goal", "drop_goal": "penalty_goal"}[f.Kind]
	return true
}

// loadRugby sets the timeline of a rugby match.
func loadRugby(line []byte, m *Match) error {
	var in struct {
		Periods   map[event.Period]int `json:"periods"` // the last minute of the period
		Incidents []struct {
			Period event.Period `json:"period"`
			Minute int          `json:"minute"` // minute of the match; 0 means the first
			Kind   string       `json:"kind"`
			Detail string       `json:"detail"`
			Side   string       `json:"side"`
			Player string       `json:"player"`
			Points int          `json:"points"`
		} `json:"incidents"`
		Substitutions []struct {
			Minute int    `json:"minute"`
			Side   string `json:"side"`
			On     string `json:"on"`
			Off    string `json:"off"`
		} `json:"substitutions"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return err
	}
	m.Home, m.Away = cmp.Or(m.Home, "Hosts"), cmp.Or(m.Away, "Visitors") // the source lacks some names
	const halfTime = 900                                                 // seconds
	const leastStoppage = 100                                            // shortest stoppage time of a half, in seconds
	at := 0.0
	for _, p := range []event.Period{event.FirstHalf, event.SecondHalf} {
		start, _ := event.Rugby.Minutes(p)
		length := float64(in.Periods[p]-start)*60 + leastStoppage
		m.spans = append(m.spans, span{period: p, begin: at, end: at + length})
		at += length + halfTime
	}
	for _, i := range in.Incidents {
		m.facts = append(m.facts, Fact{Kind: i.Kind, Detail: i.Detail, Side: i.Side, Player: i.Player, Points: i.Points,
			Clock: event.Rugby.AtMinute(i.Period, max(i.Minute, 1), 0)})
	}
	for _, s := range in.Substitutions {
		p := event.FirstHalf
		if _, end := event.Rugby.Minutes(p); s.Minute > end {
			p = event.SecondHalf
		}
		m.facts = append(m.facts, Fact{Kind: "substitution", Side: s.Side, Player: s.On, Off: s.Off,
			Clock: event.Rugby.AtMinute(p, max(s.Minute, 1), 0)})
	}
	m.spreadMinutes()
	if now := m.addUp(); now != m.Final {
		return fmt.Errorf("the points add up to %v, want %v", now, m.Final)
	}
	m.strayUntil = m.spans[1].begin
	m.Winner, m.By = m.Final.leader(event.Draw), event.ByRegulation
	return nil
}

// spreadMinutes sorts the facts, and sets their times from their minutes. Facts in the same minute
// are spread over the minute.
func (m *Match) spreadMinutes() {
	slices.SortStableFunc(m.facts, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(m.Sport.Index(a.Clock.Period), m.Sport.Index(b.Clock.Period)),
			cmp.Compare(a.Clock.CountedOn(), b.Clock.CountedOn()))
	})
	for i := 0; i < len(m.facts); {
		same := i + 1 // the facts up to here are in the same minute
		for same < len(m.facts) && m.facts[same].Clock == m.facts[i].Clock {
			same++
		}
		for n := i; n < same; n++ {
			f := &m.facts[n]
			s := m.spans[slices.IndexFunc(m.spans, func(s span) bool { return s.period == f.Clock.Period })]
			start, _ := m.Sport.Minutes(s.period)
			f.At = s.begin + float64(f.Clock.CountedOn()-1-start)*60 + 58*float64(n-i+1)/float64(same-i+1)
		}
		i = same
	}
}

// addRugbyRows may add a try that the television match official (TMO) cancels. It may also add a
// yellow card that becomes a red card after a review in the bunker.
func (g *generator) addRugbyRows() {
	if g.chance(3) {
		g.addReviewed(Fact{Kind: "tmo_review", Detail: "no_try"}, TakenBackByTMO)
	}
	if !g.chance(4) {
		return
	}
	card, ok := g.invented(g.anySide(), DisallowedScorer+" Three", 120+g.rand.Float64()*(g.line.end()-1200))
	if ok {
		card.Kind, card.Detail, card.Points = "yellow_card", "", 0
		red := card
		red.Kind, red.At = "red_card", card.At+480+60*g.rand.Float64()
		g.insert(row{Fact: card, until: red.At, fault: Bunker})
		g.insert(row{Fact: red})
	}
}

// addReviewed adds a score that a review cancels. The page then also shows the review.
func (g *generator) addReviewed(review Fact, fault string) {
	f, ok := g.invented(g.anySide(), DisallowedScorer+" Two", 120+g.rand.Float64()*(g.line.end()-1200))
	if !ok {
		return
	}
	gone := f.At + 60 + g.rand.Float64()*90
	review.Clock, review.At, review.Side = f.Clock, gone, f.Side
	g.insert(row{Fact: f, until: gone, fault: fault})
	g.insert(row{Fact: review})
}
