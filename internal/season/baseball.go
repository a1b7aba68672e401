package season

import (
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// baseball shows games as lists of plays and as scoreboards. Its clock is the half of an inning.
// One list style shows two games of the same teams on one page.
var baseball = &sport{
	name:  event.Baseball,
	load:  loadBaseball,
	clock: halfInning,
	score: Fact{Kind: "run", Detail: "single", Points: 1},
	styles: []*Style{
		withHalves(listStyle(event.Baseball, "words", halfInWords)),
		withHalves(listStyle(event.Baseball, "letters", halfInLetters)),
		doubleHeaderStyle(),
		withHalves(boardStyle(event.Baseball, "words", halfInWords)),
		withHalves(boardStyle(event.Baseball, "letters", halfInLetters)),
	},
	density: 1,
	edits: []edit{
		{"hit becomes an error, or an error a hit", 8, otherHitAtFirst},
		{"two runs become one", 8, func(_ *rand.Rand, f *Fact) bool { return runsAtFirst(f, 1, 2) }},
		{"one run becomes two", 3, func(_ *rand.Rand, f *Fact) bool { return runsAtFirst(f, 2, 1) }},
		{"double was a home run at first", 8, homeRunAtFirst},
		{EditedClock, 12, inningBeforeAtFirst},
	},
	faults:      append([]string{RunTakenBack, Rescored, DoubleHeader}, commonFaults...),
	matchClock:  halfInning,
	ownRows:     (*generator).addBaseballRows,
	apart:       1200, // so that the two scores are in different innings
	overtime:    true,
	suspendedIn: 20,
}

// The faults of baseball.
const (
	RunTakenBack = "run taken back after a challenge"
	Rescored     = "hit or error, decided hours later"
	DoubleHeader = "two games on one page"
)

// middle is the break between the halves of an inning. It exists only on pages.
const middle event.Half = "middle"

// The elapsed time of an inning counts seconds from 0 in the top half, and from bottomFrom in the
// bottom half. Between the halves, the elapsed time is middleAt.
const (
	middleAt   = 10000
	bottomFrom = 20000
)

// halfInning returns the half of an inning at an elapsed time of the inning.
func halfInning(p event.Period, elapsed float64) event.Clock {
	switch {
	case elapsed >= bottomFrom:
		return event.Clock{Period: p, Half: event.Bottom}
	case elapsed >= middleAt:
		return event.Clock{Period: p, Half: middle}
	}
	return event.Clock{Period: p, Half: event.Top}
}

// battingHalf returns the half of an inning in which a side bats.
func battingHalf(side string) event.Half {
	if side == "home" {
		return event.Bottom
	}
	return event.Top
}

// halfInWords formats the half of an inning in words, such as Top 5th.
func halfInWords(c event.Clock) string {
	if c.Half == "" {
		return ""
	}
	word := map[event.Half]string{event.Top: "Top", middle: "Mid", event.Bottom: "Bot"}[c.Half]
	n := event.Baseball.Index(c.Period) + 1
	suffix := "th"
	if n%100/10 != 1 && n%10 >= 1 && n%10 <= 3 {
		suffix = []string{"st", "nd", "rd"}[n%10-1]
	}
	return fmt.Sprintf("%s %d%s", word, n, suffix)
}

// halfInLetters formats the half of an inning in letters, such as T5. Between the halves, it
// returns the letter of the top half.
func halfInLetters(c event.Clock) string {
	if c.Half == "" {
		return ""
	}
	letter := "T"
	if c.Half == event.Bottom {
		letter = "B"
	}
	return fmt.Sprintf("%s%d", letter, event.Baseball.Index(c.Period)+1)
}

// withHalves removes the notation of clocks from the profile of a style, because the parser
// recognizes halves of innings in both notations.
func withHalves(s *Style) *Style {
	for _, as := range []string{"words", "letters"} {
		s.profile = strings.ReplaceAll(s.profile, ", as: "+as, "")
	}
	return s
}

// loadBaseball sets the timeline of a baseball game. It spreads the plays over the length of the game.
func loadBaseball(line []byte, m *Match) error {
	var in struct {
		Game      int                    `json:"game"`
		Minutes   float64                `json:"minutes"`
		Periods   map[event.Period][]int `json:"periods"` // numbers of the last plays of the top and the bottom
		Incidents []struct {
			Period event.Period `json:"period"`
			Half   event.Half   `json:"half"`
			Play   int          `json:"play"` // number of plays so far in the game
			Kind   string       `json:"kind"`
			Detail string       `json:"detail"`
			Side   string       `json:"side"` // "" for a review by the umpires
			Player string       `json:"player"`
			Runs   int          `json:"runs"`
		} `json:"incidents"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return err
	}
	m.game = in.Game
	const pause, least = 120, 180.0 // seconds between two halves, and the length of the shortest half
	plays, halves := 1, 0
	for _, last := range in.Periods {
		plays, halves = max(plays, slices.Max(last)), halves+len(last)
	}
	perPlay := max(20, (in.Minutes*60-float64(pause*halves))/float64(plays))
	at, played := 0.0, 0
	for _, p := range event.Baseball.Rules().Periods[:len(in.Periods)] {
		s := span{period: p, begin: at}
		for n, last := range in.Periods[p] {
			half, from := []event.Half{event.Top, event.Bottom}[n], float64(n*bottomFrom)
			if n > 0 {
				s.anchors = append(s.anchors, anchor{at, middleAt}, anchor{at + pause, middleAt})
				at += pause
			}
			begin, latest := at, at
			for _, i := range in.Incidents {
				if i.Period != p || i.Half != half || i.Side == "" {
					continue // matchwire does not report reviews by the umpires
				}
				latest = max(latest+1, begin+perPlay*float64(i.Play-played))
				m.facts = append(m.facts, Fact{Kind: i.Kind, Detail: i.Detail, Side: i.Side, Player: i.Player,
					Points: i.Runs, Clock: halfInning(p, from), At: latest})
			}
			at = max(latest+10, begin+perPlay*float64(last-played), begin+least)
			s.anchors = append(s.anchors, anchor{begin, from}, anchor{at, from + at - begin})
			played = last
		}
		s.end = at
		m.spans = append(m.spans, s)
		at += pause
	}
	if now := m.addUp(); now != m.Final || len(m.spans) == 0 {
		return fmt.Errorf("%d innings and %v runs, want at least 1 inning and %v runs", len(m.spans), now, m.Final)
	}
	m.strayUntil = m.spans[min(8, len(m.spans)-1)].begin
	m.Winner, m.By = m.Final.leader(""), event.ByRegulation
	if len(m.spans) > 9 {
		m.By = event.ByExtraTime
	}
	return nil
}

// otherHitAtFirst changes a single to an error, or an error to a single, as the official scorer first
// decided.
func otherHitAtFirst(_ *rand.Rand, f *Fact) bool {
	other := map[string]string{"single": "error", "error": "single"}[f.Detail]
	if other != "" {
		f.Detail = other
	}
	return other != ""
}

// runsAtFirst changes the runs of a play from right to wrong.
func runsAtFirst(f *Fact, right, wrong int) bool {
	ok := f.Kind == "run" && f.Points == right
	if ok {
		f.Points = wrong
	}
	return ok
}

// homeRunAtFirst changes a double to a home run, as the umpires first called it.
func homeRunAtFirst(_ *rand.Rand, f *Fact) bool {
	ok := f.Kind == "run" && f.Detail == "double"
	if ok {
		f.Kind, f.Detail = "home_run", ""
	}
	return ok
}

// inningBeforeAtFirst changes the inning of a play to the previous inning.
func inningBeforeAtFirst(_ *rand.Rand, f *Fact) bool {
	i := event.Baseball.Index(f.Clock.Period)
	ok := i > 0 && f.Player != ""
	if ok {
		f.Clock.Period = event.Baseball.Rules().Periods[i-1]
	}
	return ok
}

// addBaseballRows may add a run that a challenge reverses. It may also make the official scorer change
// a hit to an error, or an error to a hit, hours after the game.
func (g *generator) addBaseballRows() {
	if g.chance(3) {
		g.addReviewed(Fact{Kind: "review", Detail: "overturned"}, RunTakenBack)
	}
	if g.corrected > 0 || !g.chance(4) {
		return
	}
	for _, i := range g.rand.Perm(len(g.rows)) {
		s := &g.rows[i]
		wrong := s.Fact
		if s.first != nil || s.until > 0 || !otherHitAtFirst(g.rand, &wrong) {
			continue
		}
		s.first, s.fault, s.edited = &wrong, Rescored, g.line.end()+3600*(1.5+g.rand.Float64())
		g.corrected = s.edited
		return
	}
}

// doubleHeaderStyle returns a list style that shows two games of the same teams on one page. Each
// game has an ID.
func doubleHeaderStyle() *Style {
	s := withHalves(listStyle(event.Baseball, "words", halfInWords))
	s.Name, s.render, s.Several = "baseball list, two games", renderTwoGames, true
	s.profile = strings.Replace(s.profile, "match:\n", "matches: .game\nmatch:\n  id: {attr: data-game}\n", 1)
	return s
}

// renderTwoGames returns a page with both games that the teams play on one day.
func renderTwoGames(s *Style, v *view) []byte {
	other := v.otherGame()
	games := []*view{v, other}
	if other.Start.Before(v.Start) {
		slices.Reverse(games)
	}
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><html><body>\n")
	for _, game := range games {
		fmt.Fprintf(&b, "<div class=game data-game=\"%s\">\n", html.EscapeString(game.match.ID))
		game.writeList(&b, s)
		b.WriteString("</div>\n")
	}
	b.WriteString("</body></html>\n")
	return []byte(b.String())
}

// otherGame returns the view of an invented game of the same teams. The game begins five hours earlier
// or later, lasts three hours, and has a home run in the bottom of its first inning.
func (v *view) otherGame() *view {
	other := *v.match
	other.ID += "-other"
	start := v.match.Kickoff.Add(5 * time.Hour)
	if v.match.game == 2 {
		start = v.match.Kickoff.Add(-5 * time.Hour)
	}
	p := Page{At: v.At, Start: start, phase: phase{Status: pre}}
	switch played := p.At.Sub(start); {
	case played >= 3*time.Hour:
		p.phase = phase{Status: final}
	case played >= 0:
		inning := event.Baseball.Rules().Periods[played/(20*time.Minute)]
		p.phase = phase{live, inning, event.Clock{Period: inning, Half: event.Top}}
	}
	if p.At.Sub(start) >= 20*time.Minute {
		p.Score = Score{Home: 1}
		p.Rows = []Fact{{Kind: "home_run", Side: "home", Player: "Other Game", Points: 1, Score: p.Score,
			Clock: event.Clock{Period: "i1", Half: event.Bottom}}}
	}
	return &view{Page: &p, match: &other, home: v.home, away: v.away, total: p.Score}
}

// otherGameBegins returns the pages around the start of the other game, after the last page of the
// match. It returns no pages if the other game is the earlier game of the day.
func (g *generator) otherGameBegins(last time.Time) (pages []Page) {
	if g.match.game == 2 {
		return nil
	}
	for n := range 40 {
		if at := 5*3600 + float64(n-5)*60; g.match.at(at).After(last) {
			pages = append(pages, g.page(at))
		}
	}
	return pages
}
