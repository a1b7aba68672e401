package season

import "time"

// A listing is what a page shows before a match: placeholders until the teams are known, and another
// kick-off until it moves. Times are seconds since kick-off.
type listing struct {
	home, away string    // placeholders; "" if the page always names the teams
	named      float64   // time at which the page names the teams
	start      time.Time // the kick-off at first; zero if it does not move
	moved      float64   // time at which the page shows the right kick-off
}

// earliestListing is the time of the first poll of a match whose listing changes.
const earliestListing = -900

// newListing returns the listing of a match. In two of three matches it is zero.
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

// CancelledScorer is the player of each goal that another goal replaces between two polls, and
// DisallowedScorer the player of each goal that is taken back.
const (
	CancelledScorer  = "Cancelled Scorer"
	DisallowedScorer = "Nearly Scorer"
)

// addCancelled adds a goal that is cancelled at the moment at which its side scores another goal, so
// that no page shows a lower score. The goals are at least five minutes apart.
func (g *generator) addCancelled() {
	for _, at := range g.rand.Perm(len(g.facts)) {
		next := g.facts[at]
		if next.Kind != "goal" {
			continue
		}
		f := Fact{Kind: "goal", Side: next.Side, Player: CancelledScorer, At: next.At - 360 - g.rand.Float64()*3600}
		for _, s := range g.spans {
			if f.At > s.begin+60 && f.At < s.end && s.period != "so" {
				f.Period = s.period
				f.Minute, f.Stoppage = minute(s.period, f.At-s.begin)
				g.rows = append(g.rows, row{Fact: f, until: next.At})
				return
			}
		}
	}
}

// mayEndEarly reports whether a page can show a stray end: a good page has shown that the match is
// played, and it is far from its end.
func (g *generator) mayEndEarly(at float64, good []Page) bool {
	return len(good) > 0 && good[len(good)-1].At.After(g.match.Kickoff) && at < g.spans[1].begin+strayUntil
}

// strayUntil is the time in the second half until which stray ends are shown, in seconds.
const strayUntil = 2000

// EarliestEnd returns the time before which no page can end the match.
func (m *Match) EarliestEnd() time.Time {
	return m.Kickoff.Add(time.Duration(m.spans()[1].begin+strayUntil) * time.Second)
}

// preview returns a page that shows the match as if it had not begun.
func (g *generator) preview(at time.Time) Page {
	p := Page{At: at, Start: g.match.Kickoff}
	return Page{At: at, Fault: Preview, Body: g.render(0, p, "PRE", "")}
}

// afterwards returns the pages after the last page of the match: nothing, many previews, or the next
// game of the teams on the same day.
func (g *generator) afterwards(last time.Time) (pages []Page) {
	switch g.rand.IntN(6) {
	case 0:
		for range 8 {
			last = last.Add(time.Minute)
			pages = append(pages, g.preview(last))
		}
	case 1:
		second := Page{Start: g.match.Kickoff.Add(4 * time.Hour)}
		for n := range 16 {
			status, clock := "PRE", ""
			second.At = second.Start.Add(time.Duration(n-5) * time.Minute)
			if n >= 6 {
				status, clock = "LIVE 1h", []string{"1'", "2'", "3'", "4'", "5'", "6'", "7'", "8'", "9'", "10'"}[n-6]
			}
			if n >= 9 {
				second.Score = Score{Home: 1}
				second.Rows = []Fact{{Kind: "goal", Side: "home", Player: "Second Game", Period: "1h", Minute: 3}}
			}
			pages = append(pages, Page{At: second.At, Fault: SecondGame, Body: g.render(0, second, status, clock)})
		}
	}
	return pages
}
