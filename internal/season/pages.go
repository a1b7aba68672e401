package season

import (
	"fmt"
	"hash/fnv"
	"html"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A Page is the page that one poll fetches.
type Page struct {
	At    time.Time // time of the poll
	Body  []byte
	Fault string    // what is wrong with the page; "" for a current and complete page
	Start time.Time // the kick-off that the page shows, if its facts are current
	Rows  []Fact    // rows of a page whose facts are current
	Score Score     // score of a page whose facts are current

	kicks Score // score of the shoot-out
}

// The values of Page.Fault. The facts are current on a page with a stray end, and on no other page with
// a fault.
const (
	StaleCopy   = "stale copy"
	BlankPage   = "blank page"
	PartialPage = "partial page"
	StrayEnd    = "stray end"
	Preview     = "preview"
	SecondGame  = "second game"
)

// Current reports whether the facts on the page are current.
func (p *Page) Current() bool { return p.Fault == "" || p.Fault == StrayEnd }

// A generator generates the pages of a match. Times are seconds since kick-off.
type generator struct {
	match   *Match
	rand    *rand.Rand
	facts   []Fact
	rows    []row
	spans   []span
	missing map[int][2]float64 // times at which a row vanishes and returns, by the index of the row
	listing listing            // what the page shows before the match
}

// A row is a row of the page and its changes over time.
type row struct {
	Fact
	delay  float64 // time from the score change to the row
	until  float64 // time at which a disallowed goal is retracted; 0 if the row stays
	first  *Fact   // the facts that the row shows before the edit; nil if it is never edited
	edited float64 // time of the edit
}

// Pages returns the pages that polls at intervals of 5 to 90 seconds would fetch during a match,
// and the facts on the last page. The same seed results in the same pages. The pages and polls have
// these faults:
//
//   - A goal is retracted, or becomes an own goal.
//   - The minute or the player of a row is edited.
//   - A row appears after its score change, or vanishes for a while.
//   - The rows are in reverse order.
//   - Pages are blank, cut off, or stale copies of earlier pages.
//   - Polls are missed, or the first poll is in the middle of the match.
//   - A goal is cancelled, and another is scored between two polls.
//   - Before the match, the teams are placeholders, or the kick-off moves.
//   - A page says for one poll that the match has ended.
//   - After the match, pages show its preview, or the next game of the teams.
func (m *Match) Pages(seed uint64) ([]Page, []Fact) {
	r := rand.New(rand.NewPCG(seed, Hash([]byte(m.ID))))
	g := &generator{match: m, rand: r, facts: m.Facts(), spans: m.spans(), missing: map[int][2]float64{}}
	g.addRows()
	g.listing = g.newListing()
	end := g.spans[len(g.spans)-1].end
	at := -120.0
	if g.listing != (listing{}) {
		at = earliestListing
	} else if g.chance(6) {
		at = r.Float64() * end * 0.8 // the first poll is in the middle of the match
	}
	interval := 5 + r.Float64()*85
	var pages []Page
	var good []Page
	// Stale copies are served for at most a minute, then at least one good page.
	staleUntil, stale, mayStale := at, 0, false
	for at < end+600 {
		p := g.page(at)
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
		case g.mayEndEarly(at, good) && g.chance(40):
			p.Fault, p.Body = StrayEnd, g.render(at, p, "FT", "")
		case at > end+finalAfter && g.chance(4):
			p = g.preview(p.At)
		default:
			good, mayStale = append(good, p), true
		}
		pages = append(pages, p)
		at += max(5, min(90, interval*(0.7+0.6*r.Float64())))
		if g.chance(80) {
			at += 180 + r.Float64()*240 // missed polls
		}
	}
	// The last pages of the match have no faults.
	for range 6 {
		at += 60
		pages = append(pages, g.page(at))
	}
	return append(pages, g.afterwards(pages[len(pages)-1].At)...), g.facts
}

// Hash returns a hash of b.
func Hash(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// chance reports whether a random event with probability 1/n occurs.
func (g *generator) chance(n int) bool { return g.rand.IntN(n) == 0 }

// addRows adds the rows, and decides which rows are late, edited, retracted or missing for a while.
func (g *generator) addRows() {
	r := g.rand
	for _, f := range g.facts {
		s := row{Fact: f}
		if f.Kind == "goal" && g.chance(5) {
			s.delay = 20 + r.Float64()*100
		}
		edited := f
		switch {
		case f.Kind == "goal" && f.Detail == "own_goal" && g.chance(2):
			edited.Detail, edited.Player = "", "First Thought"
		case f.Kind != "shootout_kick" && f.Stoppage == 0 && f.Minute > startMinute[f.Period]+1 && g.chance(12):
			edited.Minute--
		case (f.Kind == "goal" || f.Kind == "yellow_card") && g.chance(15):
			edited.Player = "Mistaken " + f.Player
		}
		if edited != f {
			s.first, s.edited = &edited, f.At+s.delay+30+r.Float64()*240
		}
		g.rows = append(g.rows, s)
	}
	if g.chance(3) { // a goal that the video assistant referee disallows
		s := g.spans[r.IntN(min(2, len(g.spans)))]
		if length := s.end - s.begin; length > 1200 {
			second := 120 + r.Float64()*(length-900)
			f := Fact{Kind: "goal", Side: []string{"home", "away"}[r.IntN(2)], Player: DisallowedScorer,
				Period: s.period, At: s.begin + second}
			f.Minute, f.Stoppage = minute(s.period, second)
			g.rows = append(g.rows, row{Fact: f, until: f.At + 60 + r.Float64()*180})
		}
	}
	if g.chance(2) {
		g.addCancelled()
	}
	for i, s := range g.rows {
		if g.chance(20) {
			from := s.At + s.delay + 60 + r.Float64()*600
			g.missing[i] = [2]float64{from, from + 20 + r.Float64()*60}
		}
	}
}

// page returns the page without Fault at a time.
func (g *generator) page(at float64) Page {
	p := Page{At: g.time(at), Start: g.match.Kickoff}
	if !g.listing.start.IsZero() && at < g.listing.moved {
		p.Start = g.listing.start
	}
	for i, s := range g.rows {
		if at < s.At || s.until > 0 && at >= s.until {
			continue
		}
		if s.Kind == "goal" {
			p.Score = p.Score.add(s.Side)
		}
		if s.Kind == "shootout_kick" && s.Detail == "scored" {
			p.kicks = p.kicks.add(s.Side)
		}
		if missing, ok := g.missing[i]; at < s.At+s.delay || ok && at >= missing[0] && at < missing[1] {
			continue
		}
		f := s.Fact
		if s.first != nil && at < s.edited {
			f = *s.first
		}
		p.Rows = append(p.Rows, f)
	}
	if g.chance(20) {
		slices.Reverse(p.Rows)
	}
	status, clock := g.phase(at)
	p.Body = g.render(at, p, status, clock)
	return p
}

// time returns the time of the second at.
func (g *generator) time(at float64) time.Time {
	return g.match.Kickoff.Add(time.Duration(at * float64(time.Second)))
}

// add returns the score after another goal by a side.
func (s Score) add(side string) Score {
	if side == "home" {
		s.Home++
	} else {
		s.Away++
	}
	return s
}

// phase returns the status and the clock that the page shows.
func (g *generator) phase(at float64) (status, clock string) {
	if at < 0 {
		return "PRE", ""
	}
	for i, s := range g.spans {
		if at < s.end {
			if at >= s.begin {
				if s.period == "so" {
					return "LIVE so", ""
				}
				minute, stoppage := minute(s.period, at-s.begin)
				clock = fmt.Sprintf("%d'", minute)
				if stoppage > 0 {
					clock = fmt.Sprintf("%d+%d'", minute, stoppage)
				}
				return "LIVE " + s.period, clock
			}
			switch before := g.spans[i-1].period; before {
			case "1h":
				return "BREAK ht", ""
			case "et1":
				return "BREAK et_ht", ""
			default:
				return "BREAK " + before, ""
			}
		}
	}
	last := g.spans[len(g.spans)-1]
	if at < last.end+finalAfter {
		return "FT", ""
	}
	return "FINAL", ""
}

// finalAfter is the time from the end of a match until its page says that the end is final, in seconds.
const finalAfter = 300

// render returns the HTML of a page with a status and a clock.
func (g *generator) render(at float64, p Page, status, clock string) []byte {
	var b strings.Builder
	m := g.match
	home, away := m.Home, m.Away
	if g.listing.home != "" && at < g.listing.named {
		home, away = g.listing.home, g.listing.away
	}
	fmt.Fprintf(&b, "<!DOCTYPE html><html><body>"+
		"<h1><span class=home>%s</span> <b class=hs>%d</b>:<b class=as>%d</b> <span class=away>%s</span></h1>\n",
		html.EscapeString(home), p.Score.Home, p.Score.Away, html.EscapeString(away))
	fmt.Fprintf(&b, "<p class=league>%s</p><p class=status>%s</p><p class=clock>%s</p><p class=start>%s</p>\n",
		m.Competition, status, clock, p.Start.Format(time.RFC3339))
	if strings.HasSuffix(status, "so") || m.Shootout != nil && (status == "FT" || status == "FINAL") {
		fmt.Fprintf(&b, "<p class=pens><i class=hp>%d</i>-<i class=ap>%d</i></p>\n", p.kicks.Home, p.kicks.Away)
	}
	b.WriteString("<ol class=events>\n")
	for _, f := range p.Rows {
		when := ""
		if f.Minute > 0 {
			when = fmt.Sprintf("%d'", f.Minute)
		}
		if f.Stoppage > 0 {
			when = fmt.Sprintf("%d+%d'", f.Minute, f.Stoppage)
		}
		fmt.Fprintf(&b, "<li class=\"%s %s\" data-detail=\"%s\"><time>%s</time> <b>%s</b> <i>%s</i></li>\n",
			f.Kind, f.Side, f.Detail, when, html.EscapeString(f.Player), html.EscapeString(f.Off))
	}
	b.WriteString("</ol></body></html>\n")
	return []byte(b.String())
}

// Profile is the profile of the pages, in YAML.
const Profile = `profile: season
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
