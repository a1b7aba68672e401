package season

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/matchwire/matchwire/event"
)

// basketball shows games as lists of plays and as scoreboards, with clocks that count down or up.
var basketball = &sport{
	name:  event.Basketball,
	load:  loadBasketball,
	clock: elapsedClock,
	score: Fact{Kind: "basket", Detail: "layup", Points: 2},
	styles: []*Style{
		listStyle(event.Basketball, "remaining", remaining(event.Basketball)),
		listStyle(event.Basketball, "elapsed", elapsed),
		boardStyle(event.Basketball, "remaining", remaining(event.Basketball)),
		boardStyle(event.Basketball, "elapsed", elapsed),
	},
	density:     10,
	edits:       []edit{{"two becomes three", 15, twoAtFirst}, {"three becomes two", 15, threeAtFirst}},
	faults:      append([]string{Corrected}, commonFaults...),
	gameClock:   true,
	suspendedIn: 40,
}

// twoAtFirst and threeAtFirst change the points of a shot to the points that the officials first
// gave.
func twoAtFirst(_ *rand.Rand, f *Fact) bool   { return pointsAtFirst(f, 3, 2) }
func threeAtFirst(_ *rand.Rand, f *Fact) bool { return pointsAtFirst(f, 2, 3) }

// pointsAtFirst changes the points of a jump shot from right to wrong.
func pointsAtFirst(f *Fact, right, wrong int) bool {
	ok := f.Detail == "jump_shot" && f.Points == right
	if ok {
		f.Points = wrong
	}
	return ok
}

// elapsedClock returns the clock of a sport whose clock counts the seconds of each period.
func elapsedClock(p event.Period, elapsed float64) event.Clock {
	return event.Clock{Period: p, Elapsed: int(elapsed)}
}

// loadBasketball sets the timeline of a basketball game. The source gives the real minute of
// each play.
func loadBasketball(line []byte, m *Match) error {
	var in struct {
		Periods   map[event.Period]float64    `json:"periods"` // length of the period, in seconds
		Wall      map[event.Period][2]float64 `json:"wall"`    // first and last real minute since tip-off
		Incidents []struct {
			Period event.Period `json:"period"`
			Second float64      `json:"second"` // seconds since the start of the period
			Wall   float64      `json:"wall"`   // real minutes since tip-off
			Kind   string       `json:"kind"`
			Detail string       `json:"detail"`
			Side   string       `json:"side"` // "" for a time-out of the officials
			Player string       `json:"player"`
			Points int          `json:"points"`
		} `json:"incidents"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return err
	}
	var now Score
	// late is the number of seconds by which the timeline is later than the source. It makes each period
	// begin at least a minute after the previous period, even if the periods overlap in the source.
	late := 0.0
	for _, p := range event.Basketball.Rules().Periods {
		wall, played := in.Wall[p]
		if !played {
			continue
		}
		if n := len(m.spans); n > 0 {
			late = max(late, m.spans[n-1].end+60-wall[0]*60)
		}
		s := span{period: p, begin: late + wall[0]*60, end: late + wall[1]*60 + 58}
		s.anchors = []anchor{{s.begin, 0}}
		for i := 0; i < len(in.Incidents); {
			first := in.Incidents[i]
			same := i + 1 // the incidents up to here are in the same minute
			for same < len(in.Incidents) && in.Incidents[same].Wall == first.Wall &&
				in.Incidents[same].Period == first.Period {
				same++
			}
			for n := i; n < same && first.Period == p; n++ {
				at := late + first.Wall*60 + 56*float64(n-i+1)/float64(same-i+1)
				play := in.Incidents[n]
				s.anchors = append(s.anchors, anchor{at, max(play.Second, s.anchors[len(s.anchors)-1].elapsed)})
				if play.Side == "" {
					continue // matchwire does not report time-outs of the officials
				}
				now = now.add(play.Side, play.Points)
				m.facts = append(m.facts, Fact{Kind: play.Kind, Detail: play.Detail, Side: play.Side, Player: play.Player,
					Clock: elapsedClock(p, play.Second), At: at, Points: play.Points})
			}
			i = same
		}
		s.anchors = append(s.anchors, anchor{s.end, in.Periods[p]})
		m.spans = append(m.spans, s)
	}
	if now != m.Final || len(m.spans) < 4 {
		return fmt.Errorf("%d periods and %v points, want at least 4 periods and %v points", len(m.spans), now, m.Final)
	}
	m.strayUntil = m.spans[3].begin
	m.Winner, m.By = m.Final.leader(""), event.ByRegulation
	if len(m.spans) > 4 {
		m.By = event.ByExtraTime
	}
	return nil
}
