package season

import (
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A Page is the page that one poll fetches.
type Page struct {
	At       time.Time // time of the poll
	Body     []byte
	Fault    string    // the fault of the page; "" for a current and complete page
	Start    time.Time // the kick-off time that the page shows, if its facts are current
	Rows     []Fact    // rows of a page whose facts are current; scoreboards do not show them
	Score    Score     // score of a page whose facts are current, without a shoot-out
	Kicks    Score     // tally of the shoot-out
	Complete bool      // the page has a row for each fact: none is late, vanished or unlisted

	phase  phase
	period event.Period  // the latest period that has begun; "" before and after the match
	line   []periodScore // the points of each period
}

// The faults of pages. Among the pages with a fault, only a page with a stray end has current
// facts.
const (
	StaleCopy   = "stale copy"
	BlankPage   = "blank page"
	PartialPage = "partial page"
	StrayEnd    = "stray end"
	Preview     = "preview"
	SecondGame  = "second game"
)

// The faults of polls.
const (
	MissedPolls   = "missed polls"
	FirstPollLate = "first poll in the middle"
)

// Current reports whether the facts on the page are current.
func (p *Page) Current() bool { return p.Fault == "" || p.Fault == StrayEnd }

// Line returns the points of both sides in a period, as on a page without late rows.
func (p *Page) Line(period event.Period) Score {
	for _, s := range p.line {
		if s.period == period {
			return s.Score
		}
	}
	return Score{}
}

// LineScore returns the line score of a scoreboard whose facts are current, or nil if the page shows no line score.
func (p *Page) LineScore() *event.LineScore {
	if p.line == nil {
		return nil
	}
	line := &event.LineScore{}
	for _, s := range p.line {
		line.Home = append(line.Home, event.Innings{Runs: s.Home})
		line.Away = append(line.Away, event.Innings{Runs: s.Away})
	}
	return line
}

// A Rendering is a match as polls see it.
type Rendering struct {
	Style  *Style
	Pages  []Page
	Facts  []Fact         // on the last page of the match
	Line   string         // cricket: the innings, in the format of event.LineScore; "" if the pages do not show all
	Silent bool           // cricket: the pages do not show whether the last innings was a super over
	Spans  []string       // the periods that were played
	Faults map[string]int // how often each fault struck
}

// A generator generates the pages of a match. Times are seconds since kick-off.
type generator struct {
	match    *Match
	rand     *rand.Rand
	separate *rand.Rand // for choices that must not change the other random choices
	style    *Style
	line     timeline
	rows     []row
	missing  map[int][2]float64 // times at which a row vanishes and returns, by the index of the row
	listing  listing            // what the page shows before the match
	ahead    ahead              // when the clock is ahead

	corrected float64 // time of the correction after the match; 0 if there is none
	struck    map[strike]bool
}

// An ahead is a time span in which a clock is ahead by a number of seconds.
type ahead struct{ begin, end, by float64 }

// A strike is a fault and the place where it occurred, such as a row or a page.
type strike struct {
	fault string
	where int
}

// strike counts a fault once for each value of where.
func (g *generator) strike(fault string, where int) { g.struck[strike{fault, where}] = true }

// Render returns the match as polls at intervals of 5 to 90 seconds would see it. The same seed
// results in the same pages. The constants for faults list the possible faults of the pages.
func (m *Match) Render(seed uint64) *Rendering {
	const rarely = 4 // one in this many matches has the rare style
	separate := rand.New(rand.NewPCG(seed, ^Hash([]byte(m.ID))))
	if m.sport.rare != nil && separate.IntN(rarely) == 0 {
		return m.render(seed, m.sport.rare)
	}
	return m.render(seed, nil)
}

// render is like Render, but uses the given style. If style is nil, the seed selects one of the
// usual styles.
func (m *Match) render(seed uint64, style *Style) *Rendering {
	r := rand.New(rand.NewPCG(seed, Hash([]byte(m.ID))))
	g := &generator{
		match: m, rand: r, separate: rand.New(rand.NewPCG(^seed, Hash([]byte(m.ID)))), style: m.sport.styles[0],
		line: m.timeline, missing: map[int][2]float64{},
		struck: map[strike]bool{}}
	if n := len(m.sport.styles); n > 1 {
		g.style = m.sport.styles[r.IntN(n)]
	}
	if style != nil {
		g.style = style
	}
	if n := m.sport.suspendedIn; n > 0 && g.chance(n) {
		g.stop(3600*(16+6*r.Float64()), stopped)
	}
	if n := m.sport.rainIn; n > 0 && g.chance(n) {
		g.stop(60*(10+50*r.Float64()), rain)
	}
	if m.sport.addRows != nil {
		m.sport.addRows(g)
	} else {
		g.addRows()
	}
	g.listing = g.newListing()
	out := &Rendering{Style: g.style, Pages: g.pages(), Facts: g.facts(), Faults: map[string]int{}}
	if g.style.line != nil {
		if line := g.inningsShown(out.Pages); line != nil {
			out.Line = g.style.line(line)
		}
		out.Silent = out.Line == "" && !g.style.Listed && !showsLongInnings(out.Pages)
	}
	for _, s := range g.line.spans {
		out.Spans = append(out.Spans, string(s.period))
	}
	for s := range g.struck {
		out.Faults[s.fault]++
	}
	return out
}

// stop stops the match for a number of seconds, at a random time of a random period. During the
// stop, pages show the given status.
func (g *generator) stop(seconds float64, status string) {
	s := g.line.spans[g.rand.IntN(len(g.line.spans))]
	g.line = g.line.suspended(s.begin+g.rand.Float64()*(s.end-s.begin), seconds, status)
}

// pages returns the pages of all polls.
func (g *generator) pages() []Page {
	r, end := g.rand, g.line.end()
	at := -120.0
	if g.listing != (listing{}) {
		at = earliestListing
	} else if g.chance(6) {
		at = r.Float64() * end * 0.8
		g.strike(FirstPollLate, 0)
	}
	interval := 5 + r.Float64()*85
	var pages []Page
	var good []Page
	// After at most a minute of stale copies, at least one good page follows.
	staleUntil, stale, mayStale := at, 0, false
	for at < end+600 {
		p, pause := g.page(at), g.pauseAt(at)
		switch {
		case at < staleUntil && stale < len(good):
			p = Page{At: p.At, Body: good[stale].Body, Fault: StaleCopy}
		case mayStale && g.chance(60) && len(good) > 3:
			mayStale = false
			stale, staleUntil = max(0, len(good)-2-r.IntN(6)), at+10+r.Float64()*50
			p = Page{At: p.At, Body: good[stale].Body, Fault: StaleCopy}
		case g.chance(60):
			p = Page{At: p.At, Fault: BlankPage}
		case g.chance(60):
			p = Page{At: p.At, Body: p.Body[:len(p.Body)*(5+r.IntN(4))/10], Fault: PartialPage}
		case g.mayEndEarly(at, &p, good) && g.chance(40):
			p.Fault, p.phase, p.period = StrayEnd, phase{Status: fullTime}, ""
			p.Body = g.render(at, &p)
		case at > end+finalAfter && len(good) > 0 && good[len(good)-1].phase.over() && g.chance(4):
			p = g.preview(p.At)
		default:
			good, mayStale = append(good, p), true
		}
		pages = append(pages, p)
		at += max(5, min(90, interval*(0.7+0.6*r.Float64())))
		if g.chance(80) {
			at += 180 + r.Float64()*240
			g.strike(MissedPolls, len(pages))
		}
		switch p.phase.Status {
		case stopped:
			g.strike(Resumed, 0)
		case rain:
			g.strike(RainStops, 0)
		}
		if pause != nil && pause.long() { // during a long pause, a match is polled only once or twice an hour
			at += 1800 + r.Float64()*1800
		}
	}
	// The last pages of the match have no faults.
	for range 6 {
		at += 60
		pages = append(pages, g.page(at))
	}
	if g.corrected > 0 {
		at = g.corrected - 300
		for range 10 {
			at += 60
			pages = append(pages, g.page(at))
		}
	}
	pages = append(pages, g.afterwards(pages[len(pages)-1].At)...)
	for i := range pages {
		if pages[i].Fault != "" {
			g.strike(pages[i].Fault, i)
		}
	}
	return pages
}

// mayEndEarly reports whether a page can show a stray end, which is full time during the match.
// That is possible if a good page was fetched since kick-off, and if the match is far from its end.
func (g *generator) mayEndEarly(at float64, p *Page, good []Page) bool {
	if over := g.match.sport.mayBeOver; over != nil && over(p) {
		return false
	}
	return len(good) > 0 && good[len(good)-1].At.After(g.match.Kickoff) && at < g.line.strayUntil
}

// Hash returns a hash of b.
func Hash(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}
