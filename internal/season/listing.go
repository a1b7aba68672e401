package season

import "time"

// The faults of the pages before a match.
const (
	Placeholders = "placeholder teams"
	MovedKickoff = "moved kick-off"
)

// A listing describes the page before a match: it shows placeholders until the teams are known, and
// the old kick-off time until it shows the new one. Times are seconds since kick-off.
type listing struct {
	home, away string    // placeholders; "" if the page always names the teams
	named      float64   // time from which the page names the teams
	start      time.Time // the old kick-off time; zero if the kick-off does not move
	moved      float64   // time from which the page shows the right kick-off time
}

// earliestListing is the time of the first poll of a match whose listing changes, in seconds since
// kick-off.
const earliestListing = -900

// newListing returns the listing of a match. For two of three matches, it is zero.
func (g *generator) newListing() listing {
	var l listing
	switch g.rand.IntN(6) {
	case 0:
		l.home, l.away = []string{"2A", "Winner of 74", "DEN/MKD/CZE", "TBD"}[g.rand.IntN(4)], "W75"
		l.named = earliestListing * (0.2 + 0.6*g.rand.Float64())
	case 1:
		minutes := 20 + g.rand.IntN(150)
		if g.chance(2) {
			minutes = -minutes
		}
		l.start = g.match.Kickoff.Add(time.Duration(minutes) * time.Minute)
		l.moved = earliestListing * (0.2 + 0.6*g.rand.Float64())
	}
	return l
}

// preview returns a page that shows the match as if it had not begun.
func (g *generator) preview(at time.Time) Page {
	p := Page{At: at, Start: g.match.Kickoff, phase: phase{Status: pre}}
	return Page{At: at, Fault: Preview, Body: g.render(0, &p)}
}

// afterwards returns the pages after the last page of the match: none, eight previews, or the start of
// another game of the teams.
func (g *generator) afterwards(last time.Time) (pages []Page) {
	switch g.rand.IntN(6) {
	case 0:
		for range 8 {
			last = last.Add(time.Minute)
			pages = append(pages, g.preview(last))
		}
	case 1:
		if g.style.Several {
			return g.otherGameBegins(last)
		}
		start := g.match.Kickoff.Add(4 * time.Hour)
		for !start.Add(-5 * time.Minute).After(last) {
			start = start.Add(4 * time.Hour)
		}
		pages = g.secondGame(start)
	}
	return pages
}

// secondGame returns the pages from five minutes before to ten minutes after the start of another
// game. The home side scores in the third minute.
func (g *generator) secondGame(start time.Time) (pages []Page) {
	period := g.line.spans[0].period
	score := g.match.sport.score
	score.Side, score.Player, score.Clock = "home", "Second Game", g.match.sport.clock(period, 120)
	score.Score = Score{}.add("home", score.Points)
	for n := range 16 {
		p := Page{Start: start, At: start.Add(time.Duration(n-5) * time.Minute), phase: phase{Status: pre}}
		if n >= 6 {
			p.phase = phase{live, period, g.match.sport.clock(period, float64(n-6)*60)}
		}
		if n >= 9 {
			p.Score, p.Rows = score.Score, []Fact{score}
			p.line = lineOf([]*Fact{&score})
		}
		pages = append(pages, Page{At: p.At, Fault: SecondGame, Body: g.render(0, &p)})
	}
	return pages
}
