package season

import (
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// tennis shows matches as lists of games and sets, and as scoreboards with the games of all sets. The score
// of a list counts the games of the current set. One style of list shows all sets. Pages have no clock.
var tennis = &sport{
	name:  event.Tennis,
	load:  loadTennis,
	clock: func(p event.Period, _ float64) event.Clock { return event.Clock{Period: p} },
	score: Fact{Kind: "game", Detail: "hold", Points: 1},
	styles: []*Style{
		tennisStyle("tennis list, games", listStyle(event.Tennis, "elapsed", noClock), renderList),
		tennisStyle("tennis list, sets", listStyle(event.Tennis, "elapsed", noClock), renderListOfSets),
		tennisStyle("tennis board, sets", boardStyle(event.Tennis, "elapsed", noClock), renderSets),
	},
	density: 3,
	faults: append([]string{WrongPlayer, Retired, MatchTieBreak}, slices.DeleteFunc(slices.Clone(commonFaults),
		func(name string) bool { return name == EditedClock || name == ReplacedScore })...),
	tally:       gamesOfSet,
	ownRows:     (*generator).addTennisRows,
	sidePlayers: true,
	mayBeOver:   isSetWon,
	suspendedIn: 30,
}

// The faults and rare situations of tennis.
const (
	WrongPlayer   = "game given to the other player at first"
	Retired       = "player retires"
	MatchTieBreak = "match tie-break of ten points"
)

// noClock formats a clock on pages without a clock.
func noClock(event.Clock) string { return "" }

// tennisStyle sets the name and the render function of a style. Pages of this style name the winner
// after a retirement.
func tennisStyle(name string, s *Style, render func(*Style, *view) []byte) *Style {
	s.Name, s.render = name, render
	s.profile = strings.Replace(s.profile, "  start: .start\n",
		"  start: .start\n  winner: {css: .winner, optional: true}\n", 1)
	return s
}

// loadTennis sets the timeline of a tennis match. The source gives the time of each fact, in
// seconds since the first point.
func loadTennis(line []byte, m *Match) error {
	var in struct {
		Starts    string                   `json:"tournament_starts"`
		BestOf    int                      `json:"best_of"`
		Status    string                   `json:"status"`
		Winner    event.Winner             `json:"winner"`
		Periods   map[event.Period]float64 `json:"periods"` // end of the set, in seconds since the first point
		Sets      []Score                  `json:"sets"`
		Incidents []struct {
			Period event.Period `json:"period"`
			Second float64      `json:"second"` // seconds since the first point
			Kind   string       `json:"kind"`
			Detail string       `json:"detail"`
			Side   string       `json:"side"`
			Player string       `json:"player"`
		} `json:"incidents"`
	}
	err := json.Unmarshal(line, &in)
	if err != nil {
		return err
	}
	if m.Kickoff, err = time.Parse(time.DateOnly, in.Starts); err != nil {
		return err
	}
	m.Kickoff = m.Kickoff.Add(11*time.Hour + time.Duration(Hash([]byte(m.ID))%36000)*time.Second)
	const pause = 60 // seconds added between two sets
	begin := 0.0
	for n := range in.Sets {
		p := event.Tennis.Rules().Periods[n]
		added := pause * float64(n)
		last := 0.0
		for _, i := range in.Incidents {
			if i.Period != p {
				continue
			}
			last = max(i.Second+added, last+1)
			f := Fact{Kind: i.Kind, Detail: i.Detail, Side: i.Side, Player: i.Player, Points: 1, At: last,
				Clock: event.Clock{Period: p}}
			if f.Kind == "game" && f.Detail == "break" {
				f.Kind, f.Detail = "break", ""
			}
			m.facts = append(m.facts, f)
		}
		end := max(in.Periods[p]+added, last) + 10
		m.spans = append(m.spans, span{period: p, begin: begin, end: end})
		begin = end + pause - 10
	}
	m.Winner, m.By = in.Winner, event.ByRegulation
	if in.Status == "retired" {
		m.By = event.ByRetirement
	} else if in.BestOf == 3 && len(in.Sets) == 3 && Hash([]byte(m.ID))%5 == 0 {
		in.Sets[2] = m.playMatchTieBreak()
	}
	m.Line = &LineScore{}
	for _, s := range in.Sets {
		m.Line.Home, m.Line.Away = append(m.Line.Home, s.Home), append(m.Line.Away, s.Away)
	}
	m.Final = in.Sets[len(in.Sets)-1]
	for n, s := range m.spans {
		if now := m.gamesIn(s.period); now != in.Sets[n] {
			return fmt.Errorf("%v games in %s, want %v", now, s.period, in.Sets[n])
		}
	}
	m.strayUntil = m.spans[len(m.spans)-1].begin
	return nil
}

// playMatchTieBreak replaces the last set with a match tie-break, and returns its points. The first
// player with at least ten points, and at least two more than the other, wins the set. Pages have no
// rows for the points.
func (m *Match) playMatchTieBreak() Score {
	const perPoint = 40 // seconds
	last := &m.spans[len(m.spans)-1]
	set := m.facts[len(m.facts)-1]
	m.facts = slices.DeleteFunc(m.facts, func(f Fact) bool { return f.Clock.Period == last.period })
	lost := int(Hash([]byte(m.ID)) / 5 % 9)
	at, points := last.begin, Score{}
	for n := range 10 + lost {
		side := set.Side
		if n%2 == 0 && points.of(otherSide(set.Side)) < lost {
			side = otherSide(set.Side)
		}
		at, points = at+perPoint, points.add(side, 1)
		m.facts = append(m.facts, Fact{Kind: "game", Side: side, Points: 1, At: at, Clock: set.Clock, Unlisted: true})
	}
	set.At, last.end, last.special = at+1, at+10, true
	m.facts = append(m.facts, set)
	return points
}

// gamesIn returns the games of both sides in a set, or the points of a match tie-break.
func (m *Match) gamesIn(p event.Period) (games Score) {
	for i := range m.facts {
		if f := &m.facts[i]; f.Clock.Period == p && f.Kind != "set" {
			games = games.add(f.Side, f.Points)
		}
	}
	return games
}

// gamesOfSet sets the score after each fact. After a set, the score counts sets. After any other
// fact, it counts the games of the current set. It returns the games of the set p, or of the latest
// set if p is "".
func gamesOfSet(facts []*Fact, p event.Period) Score {
	games, sets, latest := map[event.Period]Score{}, Score{}, p
	for _, f := range facts {
		if f.Kind == "set" {
			sets = sets.add(f.Side, 1)
			f.Score = sets
			continue
		}
		games[f.Clock.Period] = games[f.Clock.Period].add(f.Side, f.Points)
		f.Score = games[f.Clock.Period]
		if p == "" && event.Tennis.Index(f.Clock.Period) > event.Tennis.Index(latest) {
			latest = f.Clock.Period
		}
	}
	return games[latest]
}

// isSetWon reports whether the score on a page can also be the final score of a match. That is
// possible if the set is won, or if the score may count sets.
func isSetWon(p *Page) bool {
	most, least := max(p.Score.Home, p.Score.Away), min(p.Score.Home, p.Score.Away)
	begins := most == 0 // the page may show only the previous sets
	return begins || most > 5 && most > least+1 || most == 7 || most+least == event.Tennis.Index(p.period)+1
}

// addTennisRows counts the rare situations of the match. It may also add a game that the page first
// gives to the wrong player.
func (g *generator) addTennisRows() {
	if g.match.By == event.ByRetirement {
		g.strike(Retired, 0)
	}
	if g.match.EndsInTieBreak() {
		g.strike(MatchTieBreak, 0)
	}
	if !g.chance(3) {
		return
	}
	for _, i := range g.rand.Perm(len(g.rows) - 1) {
		s, next := &g.rows[i], &g.rows[i+1]
		later := 40 + g.rand.Float64()*140
		if s.Kind == "set" || s.Unlisted || s.first != nil || s.delay > 0 || s.until > 0 ||
			next.Clock.Period != s.Clock.Period || next.Kind == "set" || next.At < s.At+later+10 {
			continue
		}
		wrong := row{Fact: s.Fact, until: s.At + later, fault: WrongPlayer}
		wrong.Kind, wrong.Detail, wrong.Side = "game", "hold", otherSide(s.Side)
		wrong.Player = g.match.team(wrong.Side)
		s.At += later
		g.insert(wrong)
		return
	}
}

// sets returns the games of a side in each set, separated by spaces. It includes a set that has just begun.
func (v *view) sets(side string) string {
	var games []string
	for _, p := range v.line {
		games = append(games, fmt.Sprint(p.of(side)))
	}
	if n := len(v.line); n == 0 || v.period != "" && v.line[n-1].period != v.period {
		games = append(games, "0")
	}
	return strings.Join(games, " ")
}

// renderListOfSets returns a list that shows all sets.
func renderListOfSets(s *Style, v *view) []byte {
	body := string(renderList(s, v))
	for _, of := range [][2]string{{"hs", "home"}, {"as", "away"}} {
		begin := strings.Index(body, "<b class="+of[0]+">") + len("<b class=hs>")
		end := begin + strings.Index(body[begin:], "</b>")
		body = body[:begin] + v.sets(of[1]) + body[end:]
	}
	return []byte(body)
}

// renderSets returns a scoreboard with the games of all sets.
func renderSets(s *Style, v *view) []byte {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><html><body>\n")
	v.writeState(&b, s)
	b.WriteString("<table class=board>\n")
	for _, side := range []string{"home", "away"} {
		name := v.home
		if side == "away" {
			name = v.away
		}
		fmt.Fprintf(&b, "<tr class=%s><th class=team>%s</th><td class=total>%s</td></tr>\n", side, html.EscapeString(name),
			v.sets(side))
	}
	b.WriteString("</table></body></html>\n")
	return []byte(b.String())
}

// EndsInTieBreak reports whether the last set is a match tie-break, whose points are not games.
func (m *Match) EndsInTieBreak() bool { return m.spans[len(m.spans)-1].special }
