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

// A Page is what one poll read.
type Page struct {
	At    time.Time
	Body  []byte
	Fault string // what is wrong with it; "" for a good and fresh one
	Rows  []Fact // what it lists, if good
	Score Score
}

// Faults lists what can go wrong, for a test to say so.
var Faults = []string{
	"goal taken back", "goal to own goal", "minute edited", "player edited", "stale copies", "blank page", "partial page",
	"score ahead of the row", "rows vanish", "rows reordered", "polls missed", "cold start mid-match",
}

// A drawing is a match with its faults drawn.
type drawing struct {
	match   *Match
	rand    *rand.Rand
	facts   []Fact
	shown   []shown
	spans   []span
	missing map[int][2]float64 // row: from, until
}

// A shown is a row as the page has it over time.
type shown struct {
	Fact
	rowDelay float64 // seconds by which the row comes after the score
	until    float64 // a phantom is taken back then; 0 for what stays
	first    *Fact   // what the row says until edited; nil if it is never edited
	edited   float64
}

// Pages draws the pages of a match as polls of 5 to 90 seconds would have read
// them, with faults mixed in, and the facts as they stand on the last.
func (m *Match) Pages(seed uint64) ([]Page, []Fact) {
	r := rand.New(rand.NewPCG(seed, Hash([]byte(m.ID))))
	d := &drawing{match: m, rand: r, facts: m.Facts(), spans: m.spans(), missing: map[int][2]float64{}}
	d.draw()
	end := d.spans[len(d.spans)-1].end
	at := -120.0
	if d.chance(6) {
		at = r.Float64() * end * 0.8 // a cold start
	}
	rhythm := 5 + r.Float64()*85
	var pages []Page
	var good []Page
	// A run of stale copies lasts at most a minute, and then the newer page is
	// back at least once.
	staleUntil, stale, mayStale := 0.0, 0, false
	for at < end+600 {
		p := d.page(at)
		switch {
		case at < staleUntil && stale < len(good):
			p = Page{At: p.At, Body: good[stale].Body, Fault: "stale copies"}
		case mayStale && d.chance(60) && len(good) > 3:
			mayStale = false
			stale, staleUntil = max(0, len(good)-2-r.IntN(6)), at+10+r.Float64()*50
			p = Page{At: p.At, Body: good[stale].Body, Fault: "stale copies"}
		case d.chance(60):
			p = Page{At: p.At, Fault: "blank page"}
		case d.chance(60):
			p = Page{At: p.At, Body: p.Body[:len(p.Body)*(5+r.IntN(4))/10], Fault: "partial page"}
		default:
			good, mayStale = append(good, p), true
		}
		pages = append(pages, p)
		at += max(5, min(90, rhythm*(0.7+0.6*r.Float64())))
		if d.chance(80) {
			at += 180 + r.Float64()*240 // polls missed
		}
	}
	// The last pages are good: what a site shows for hours.
	for range 6 {
		at += 60
		pages = append(pages, d.page(at))
	}
	return pages, d.facts
}

// Hash is a digest of a page, or of anything.
func Hash(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// chance is true once in n times.
func (d *drawing) chance(n int) bool { return d.rand.IntN(n) == 0 }

// draw decides which rows are edited, late, phantoms or away for a while.
func (d *drawing) draw() {
	r := d.rand
	for _, f := range d.facts {
		s := shown{Fact: f}
		if f.Kind == "goal" && d.chance(5) {
			s.rowDelay = 20 + r.Float64()*100
		}
		edited := f
		switch {
		case f.Kind == "goal" && f.Detail == "own_goal" && d.chance(2):
			edited.Detail, edited.Player = "", "First Thought"
		case f.Kind != "shootout_kick" && f.Stoppage == 0 && f.Minute > firstMinute[f.Period]+1 && d.chance(12):
			edited.Minute--
		case (f.Kind == "goal" || f.Kind == "yellow_card") && d.chance(15):
			edited.Player = "Mistaken " + f.Player
		}
		if edited != f {
			s.first, s.edited = &edited, f.At+s.rowDelay+30+r.Float64()*240
		}
		d.shown = append(d.shown, s)
	}
	if d.chance(3) { // a goal that VAR takes back
		s := d.spans[r.IntN(min(2, len(d.spans)))]
		if length := s.end - s.begin; length > 1200 {
			second := 120 + r.Float64()*(length-900)
			f := Fact{Kind: "goal", Side: []string{"home", "away"}[r.IntN(2)], Player: "Nearly Scorer", Period: s.period, At: s.begin + second}
			f.Minute, f.Stoppage = minute(s.period, second)
			d.shown = append(d.shown, shown{Fact: f, until: f.At + 60 + r.Float64()*180})
		}
	}
	for i, s := range d.shown {
		if d.chance(20) {
			from := s.At + s.rowDelay + 60 + r.Float64()*600
			d.missing[i] = [2]float64{from, from + 20 + r.Float64()*60}
		}
	}
}

// page renders the good page of a moment, in seconds since kick-off.
func (d *drawing) page(at float64) Page {
	p := Page{At: d.match.Kickoff.Add(time.Duration(at * float64(time.Second)))}
	var kicks Score
	for i, s := range d.shown {
		if at < s.At || s.until > 0 && at >= s.until {
			continue
		}
		if s.Kind == "goal" {
			p.Score = p.Score.add(s.Side)
		}
		if s.Kind == "shootout_kick" && s.Detail == "scored" {
			kicks = kicks.add(s.Side)
		}
		if away, ok := d.missing[i]; at < s.At+s.rowDelay || ok && at >= away[0] && at < away[1] {
			continue
		}
		row := s.Fact
		if s.first != nil && at < s.edited {
			row = *s.first
		}
		p.Rows = append(p.Rows, row)
	}
	if d.chance(20) {
		slices.Reverse(p.Rows)
	}
	p.Body = d.render(at, p, kicks)
	return p
}

func (s Score) add(side string) Score {
	if side == "home" {
		s.Home++
	} else {
		s.Away++
	}
	return s
}

// phase is what the page's status line says, and its clock.
func (d *drawing) phase(at float64) (status, clock string) {
	if at < 0 {
		return "PRE", ""
	}
	for i, s := range d.spans {
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
			before := d.spans[i-1].period
			return "BREAK " + map[string]string{"1h": "ht", "et1": "et_ht"}[before] + map[string]string{"2h": "2h", "et2": "et2"}[before], ""
		}
	}
	last := d.spans[len(d.spans)-1]
	if at < last.end+300 {
		return "FT", ""
	}
	return "FINAL", ""
}

func (d *drawing) render(at float64, p Page, kicks Score) []byte {
	var b strings.Builder
	status, clock := d.phase(at)
	m := d.match
	fmt.Fprintf(&b, "<!DOCTYPE html><html><body><h1><span class=home>%s</span> <b class=hs>%d</b>:<b class=as>%d</b> <span class=away>%s</span></h1>\n",
		html.EscapeString(m.Home), p.Score.Home, p.Score.Away, html.EscapeString(m.Away))
	fmt.Fprintf(&b, "<p class=league>%s</p><p class=status>%s</p><p class=clock>%s</p>\n", m.Competition, status, clock)
	if strings.HasSuffix(status, "so") || m.Shootout != nil && (status == "FT" || status == "FINAL") {
		fmt.Fprintf(&b, "<p class=pens><i class=hp>%d</i>-<i class=ap>%d</i></p>\n", kicks.Home, kicks.Away)
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

// Profile reads the pages.
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
  status: {css: .status, map: {PRE: scheduled, LIVE 1h: live 1h, BREAK ht: break ht, LIVE 2h: live 2h, BREAK 2h: break 2h, LIVE et1: live et1,
    BREAK et_ht: break et_ht, LIVE et2: live et2, BREAK et2: break et2, LIVE so: live so, FT: ended, FINAL: final}}
  clock: .clock
incidents:
  - rows: ol.events > li
    kind: {when: {goal: li.goal, yellow_card: li.yellow_card, red_card: li.red_card, substitution: li.substitution, shootout_kick: li.shootout_kick}}
    detail: {attr: data-detail}
    side: {when: {home: li.home, away: li.away}}
    clock: time
    player: b
    off: i
`
