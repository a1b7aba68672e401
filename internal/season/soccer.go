package season

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/matchwire/matchwire/event"
)

// soccer shows most matches as lists, and one in four as a scoreboard. Clocks show minutes.
var soccer = &sport{
	name:  event.Soccer,
	load:  loadSoccer,
	clock: soccerClock,
	score: Fact{Kind: "goal", Points: 1},
	styles: []*Style{{Name: "soccer list", Listed: true, Tally: true, render: renderList, clock: minutes,
		profile: soccerProfile}},
	rare:    boardStyle(event.Soccer, "minute", minutes),
	density: 1,
	faults:  append([]string{BecameOwnGoal}, commonFaults...),
	addRows: (*generator).addSoccerRows,
}

// BecameOwnGoal means that a goal becomes an own goal.
const BecameOwnGoal = "goal becomes an own goal"

// soccerFacts holds the facts of one match, from one line of a soccer file.
type soccerFacts struct {
	Periods   map[event.Period]float64 `json:"periods"` // length in seconds of "1h", "2h", "et1" and "et2"
	Incidents []struct {
		Period event.Period `json:"period"`
		Second float64      `json:"second"` // seconds since the start of the period
		Kind   string       `json:"kind"`   // "goal", "yellow_card", "red_card"
		Detail string       `json:"detail"`
		Side   string       `json:"side"`
		Player string       `json:"player"`
	} `json:"incidents"`
	Substitutions []struct {
		Minute int    `json:"minute"` // minute of the match
		Side   string `json:"side"`
		On     string `json:"on"`
		Off    string `json:"off"`
	} `json:"substitutions"`
	Shootout *struct {
		Kicks []struct {
			Side   string `json:"side"`
			Player string `json:"player"`
			Scored bool   `json:"scored"`
		} `json:"kicks"`
		Score Score `json:"score"`
	} `json:"shootout"`
}

// soccerBreaks holds the length of the break before each period, in seconds. There is no break before
// the first period.
var soccerBreaks = map[event.Period]float64{"2h": 900, "et1": 300, "et2": 120, "so": 300}

// soccerPeriods lists the periods in the order of play, without the shoot-out.
var soccerPeriods = []event.Period{event.FirstHalf, event.SecondHalf, event.ExtraFirst, event.ExtraSecond}

// kickEvery is the time between two kicks in a shoot-out, in seconds.
const kickEvery = 50

// loadSoccer sets the timeline of a soccer match.
func loadSoccer(line []byte, m *Match) error {
	var in soccerFacts
	if err := json.Unmarshal(line, &in); err != nil {
		return err
	}
	m.spans = in.spans()
	m.facts = in.facts(m.spans)
	m.strayUntil = m.spans[1].begin + 2000
	m.Winner, m.By = m.Final.leader(event.Draw), event.ByRegulation
	if len(m.spans) > 2 {
		m.By = event.ByExtraTime
	}
	if in.Shootout != nil {
		m.Shootout = &in.Shootout.Score
		m.Winner, m.By = m.Shootout.leader(""), event.ByShootout
	}
	return nil
}

// spans returns the spans of all periods that were played.
func (in *soccerFacts) spans() []span {
	var all []span
	at := 0.0
	for _, p := range soccerPeriods {
		length, ok := in.Periods[p]
		if !ok {
			continue
		}
		at += soccerBreaks[p]
		all = append(all, span{period: p, begin: at, end: at + length})
		at += length
	}
	if in.Shootout != nil {
		at += soccerBreaks[event.ShootOut]
		end := at + kickEvery*float64(len(in.Shootout.Kicks)+1)
		all = append(all, span{period: event.ShootOut, begin: at, end: end})
	}
	return all
}

// facts returns all incidents, substitutions and kicks in a shoot-out, in the order of play.
func (in *soccerFacts) facts(spans []span) []Fact {
	begin := map[event.Period]float64{}
	for _, s := range spans {
		begin[s.period] = s.begin
	}
	var all []Fact
	for _, i := range in.Incidents {
		f := Fact{Kind: i.Kind, Detail: i.Detail, Side: i.Side, Player: i.Player, At: begin[i.Period] + i.Second,
			Clock: soccerClock(i.Period, i.Second)}
		if f.Kind == "goal" {
			f.Points = 1
		}
		all = append(all, f)
	}
	for _, s := range in.Substitutions {
		p := event.ExtraSecond
		for _, q := range soccerPeriods {
			_, last := event.Soccer.Minutes(q)
			if _, played := in.Periods[q]; played && s.Minute <= last {
				p = q
				break
			} else if played {
				p = q // in the stoppage time of the last period
			}
		}
		start, _ := event.Soccer.Minutes(p)
		second := float64(max(s.Minute-1-start, 0))*60 + 30
		all = append(all, Fact{Kind: "substitution", Side: s.Side, Player: s.On, Off: s.Off,
			Clock: soccerClock(p, second), At: begin[p] + min(second, in.Periods[p])})
	}
	if in.Shootout != nil {
		for i, k := range in.Shootout.Kicks {
			f := Fact{Kind: "shootout_kick", Detail: "missed", Side: k.Side, Player: k.Player,
				Clock: event.Clock{Period: event.ShootOut}, At: begin[event.ShootOut] + kickEvery*float64(i+1)}
			if k.Scored {
				f.Detail, f.Kicks = "scored", 1
			}
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b Fact) int { return cmp.Compare(a.At, b.At) })
	return all
}

// soccerClock returns the minute and the stoppage time that a page shows at a second of a period.
func soccerClock(p event.Period, second float64) event.Clock {
	if p == event.ShootOut {
		return event.Clock{Period: p}
	}
	start, last := event.Soccer.Minutes(p)
	if minute := start + int(second)/60 + 1; minute <= last {
		return event.Clock{Period: p, Minute: minute}
	} else {
		return event.Clock{Period: p, Minute: last, Stoppage: minute - last}
	}
}

// addSoccerRows adds the rows, and decides which rows are late, edited, removed or missing for a while.
func (g *generator) addSoccerRows() {
	r := g.rand
	for _, f := range g.line.facts {
		s := row{Fact: f}
		if f.Kind == "goal" && g.chance(5) {
			s.delay = 20 + r.Float64()*100
		}
		edited := f
		start, _ := event.Soccer.Minutes(f.Clock.Period)
		switch {
		case f.Kind == "goal" && f.Detail == "own_goal" && g.chance(2):
			edited.Detail, edited.Player, s.fault = "", "First Thought", BecameOwnGoal
		case f.Kind != "shootout_kick" && f.Clock.Stoppage == 0 && f.Clock.Minute > start+1 && g.chance(12):
			edited.Clock.Minute--
			s.fault = EditedClock
		case (f.Kind == "goal" || f.Kind == "yellow_card") && g.chance(15):
			edited.Player, s.fault = "Mistaken "+f.Player, EditedPlayer
		}
		if edited != f {
			s.first, s.edited = &edited, f.At+s.delay+30+r.Float64()*240
		}
		g.rows = append(g.rows, s)
	}
	if g.chance(3) { // a goal that the video assistant referee disallows
		s := g.line.spans[r.IntN(min(2, len(g.line.spans)))]
		if length := s.end - s.begin; length > 1200 {
			second := 120 + r.Float64()*(length-900)
			f := g.match.sport.score
			f.Side, f.Player = []string{"home", "away"}[r.IntN(2)], DisallowedScorer
			f.At, f.Clock = s.begin+second, soccerClock(s.period, second)
			g.rows = append(g.rows, row{Fact: f, until: f.At + 60 + r.Float64()*180, fault: RemovedScore})
		}
	}
	if g.chance(2) {
		g.addCancelledGoal()
	}
	g.addMissing(20)
}

// addCancelledGoal adds a goal that is cancelled when its side scores another goal. The goals are
// at least six minutes apart.
func (g *generator) addCancelledGoal() {
	for _, i := range g.rand.Perm(len(g.line.facts)) {
		next := g.line.facts[i]
		if next.Kind != "goal" {
			continue
		}
		f := g.match.sport.score
		f.Side, f.Player, f.At = next.Side, CancelledScorer, next.At-360-g.rand.Float64()*3600
		for _, s := range g.line.spans {
			if f.At > s.begin+60 && f.At < s.end && s.period != event.ShootOut {
				f.Clock = soccerClock(s.period, f.At-s.begin)
				g.rows = append(g.rows, row{Fact: f, until: next.At, fault: ReplacedScore})
				return
			}
		}
	}
}

// soccerProfile is the profile of the pages, in YAML.
const soccerProfile = `profile: season
sport: soccer
match:
  league: .league
  home: .home
  away: .away
  home_score: .hs
  away_score: .as
  home_shootout: .hp
  away_shootout: .ap
  status: {css: .status, map: {PRE: scheduled,
    LIVE 1h: live 1h, BREAK ht: break ht, LIVE 2h: live 2h, BREAK 2h: break 2h,
    LIVE et1: live et1, BREAK et_ht: break et_ht, LIVE et2: live et2, BREAK et2: break et2,
    LIVE so: live so, FT: ended, FINAL: final}}
  clock: .clock
  start: .start
incidents:
  - rows: ol.events > li
    kind: {when: {goal: li.goal, yellow_card: li.yellow_card, red_card: li.red_card,
      substitution: li.substitution, shootout_kick: li.shootout_kick}}
    detail: {attr: data-detail}
    side: {when: {home: li.home, away: li.away}}
    clock: time
    player: b
    off: i
`
