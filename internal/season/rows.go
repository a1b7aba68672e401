package season

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// The faults of rows.
const (
	LateRow       = "late row"         // the row appears after its score change
	VanishedRow   = "vanished row"     // the row vanishes for a while
	EditedPlayer  = "edited player"    // the row shows the wrong player at first
	EditedClock   = "edited clock"     // the row shows an earlier clock at first
	RemovedScore  = "score taken back" // the row and its points are removed
	ReplacedScore = "score replaced"   // another score replaces the score between two polls
	Corrected     = "late correction"  // the row of a score is edited hours after the match
	Reversed      = "rows reversed"    // the latest row is the first
	ClockPutBack  = "clock put back"   // the clock is ahead for a while
	RainStops     = "rain stops play"
	Resumed       = "match resumed" // the match is suspended, and resumed on another day
)

// commonFaults are the faults that the pages of every sport can have, except for two faults that tennis
// lacks.
var commonFaults = []string{
	StaleCopy, BlankPage, PartialPage, StrayEnd, Preview, SecondGame, MissedPolls, FirstPollLate, Placeholders,
	MovedKickoff, LateRow, VanishedRow, EditedPlayer, EditedClock, RemovedScore, ReplacedScore, Reversed,
}

// CancelledScorer is the player of each score that another score replaces between two polls.
// DisallowedScorer is the player of each score that is cancelled.
const (
	CancelledScorer  = "Cancelled Scorer"
	DisallowedScorer = "Nearly Scorer"
)

// A row is a row of the page and its changes over time.
type row struct {
	Fact
	delay  float64 // seconds from the score change to the row
	until  float64 // time at which the row and its points are removed; 0 if the row stays
	first  *Fact   // the fact that the row shows before the edit; nil if it is never edited
	edited float64 // time of the edit
	fault  string  // name of the edit, or of the fault that removes the row
}

// shown returns the fact that the row shows at a given time.
func (s *row) shown(at float64) *Fact {
	if s.first != nil && at < s.edited {
		return s.first
	}
	return &s.Fact
}

// chance returns true with probability 1/n.
func (g *generator) chance(n int) bool { return g.rand.IntN(n) == 0 }

// addRows adds the rows of a sport other than soccer, and decides which rows are late, edited, removed or
// missing for a while.
func (g *generator) addRows() {
	rare := func(n int) bool { return g.chance(n * g.match.sport.density) }
	edits := slices.Concat(g.match.sport.edits, commonEdits)
	for _, f := range g.line.facts {
		s := row{Fact: f}
		if f.ShowsScore() && !f.Unlisted && rare(5) {
			s.delay = 20 + g.rand.Float64()*100
		}
		for _, e := range edits {
			wrong := f
			if s.first == nil && !f.Unlisted && rare(e.rarity) && e.wrong(g.rand, &wrong) {
				s.first, s.fault, s.edited = &wrong, e.name, f.At+s.delay+30+g.rand.Float64()*240
			}
		}
		g.rows = append(g.rows, s)
	}
	if g.chance(4) {
		g.correctLate()
	}
	if g.chance(3) {
		g.addRemovedScore()
	}
	if g.chance(2) {
		g.addReplaced(cmp.Or(g.match.sport.apart, 240))
	}
	if g.match.sport.ownRows != nil {
		g.match.sport.ownRows(g)
	}
	g.addMissing(20 * g.match.sport.density)
	if g.match.sport.gameClock && g.ahead == (ahead{}) && g.chance(3) {
		s := g.line.spans[g.rand.IntN(len(g.line.spans))]
		begin := s.begin + g.rand.Float64()*(s.end-s.begin)
		g.ahead = ahead{begin, begin + 20 + g.rand.Float64()*100, 3 + float64(g.rand.IntN(25))}
	}
}

// commonEdits are the edits of rows that addRows makes in every sport.
var commonEdits = []edit{
	{EditedPlayer, 15, func(_ *rand.Rand, f *Fact) bool {
		if f.Player != "" {
			f.Player = "Mistaken " + f.Player
		}
		return f.Player != ""
	}},
	{EditedClock, 12, earlierAtFirst},
}

// earlierAtFirst changes the clock of a fact to a clock that is up to 15 seconds earlier. If the
// clock has only minutes or balls, the new clock is a minute or a ball earlier.
func earlierAtFirst(r *rand.Rand, f *Fact) bool {
	c := &f.Clock
	switch {
	case c.Elapsed > 20:
		c.Elapsed -= 1 + r.IntN(15)
	case c.Balls%6 > 1: // in the same over
		c.Balls--
	case c.Stoppage > 1:
		c.Stoppage--
	case c.Stoppage == 0 && c.Minute%10 > 1: // not in the first minute of a period
		c.Minute--
	default:
		return false
	}
	return true
}

// anySide returns a random side.
func (g *generator) anySide() string { return []string{"home", "away"}[g.rand.IntN(2)] }

// otherSide returns the opponent of a side.
func otherSide(side string) string {
	if side == "home" {
		return "away"
	}
	return "home"
}

// addMissing decides which rows vanish for a while: one in n.
func (g *generator) addMissing(n int) {
	for i, s := range g.rows {
		if g.chance(n) {
			from := s.At + s.delay + 60 + g.rand.Float64()*600
			g.missing[i] = [2]float64{from, from + 20 + g.rand.Float64()*60}
		}
	}
}

// insert adds a row before the first row that happened later.
func (g *generator) insert(s row) {
	i, _ := slices.BinarySearchFunc(g.rows, s.At, func(r row, at float64) int {
		return cmp.Or(cmp.Compare(r.At, at), -1)
	})
	g.rows = slices.Insert(g.rows, i, s)
}

// invented returns an ordinary score of a side at a given time, and whether the side can score at
// that time. In cricket, the score belongs to the side that bats.
func (g *generator) invented(side, player string, at float64) (Fact, bool) {
	f := g.match.sport.score
	f.Side, f.Player, f.At = side, player, at
	if g.match.sport.sidePlayers {
		f.Player = g.match.team(side)
	}
	for i := range g.line.spans {
		s := &g.line.spans[i]
		if s.begin+30 < at && at < s.end && s.period != event.ShootOut && !s.special && g.pauseAt(at) == nil {
			f.Side = cmp.Or(g.batting(s.period), side)
			f.Clock = g.match.sport.clock(s.period, s.elapsed(at))
			return f, f.Clock.Half == "" || f.Clock.Half == battingHalf(side)
		}
	}
	return f, false
}

// addRemovedScore adds a score that is cancelled one to four minutes later.
func (g *generator) addRemovedScore() {
	at := 120 + g.rand.Float64()*(g.line.end()-1200)
	f, ok := g.invented([]string{"home", "away"}[g.rand.IntN(2)], DisallowedScorer, at)
	if ok {
		g.insert(row{Fact: f, until: at + 60 + g.rand.Float64()*180, fault: RemovedScore})
	}
}

// addReplaced adds a score that is cancelled when its side scores again, so that no page shows a
// lower score. The scores are at least apart seconds from each other.
func (g *generator) addReplaced(apart float64) {
	for _, i := range g.rand.Perm(len(g.line.facts)) {
		next := g.line.facts[i]
		if next.Points < g.match.sport.score.Points || next.Unlisted {
			continue
		}
		f, ok := g.invented(next.Side, CancelledScorer, next.At-apart-g.rand.Float64()*600)
		// With the same clock, the rows of both scores could look the same.
		if ok && f.Side == next.Side && !g.showsClock(next.At, f.Clock) {
			g.insert(row{Fact: f, until: next.At, fault: ReplacedScore})
			return
		}
	}
}

// showsClock reports whether the row of a fact that happened at the given time shows the clock c,
// before or after an edit.
func (g *generator) showsClock(at float64, c event.Clock) bool {
	return slices.ContainsFunc(g.rows, func(s row) bool {
		return s.At == at && (s.Clock == c || s.first != nil && s.first.Clock == c)
	})
}

// correctLate edits the player of a score hours after the match.
func (g *generator) correctLate() {
	for _, i := range g.rand.Perm(len(g.rows)) {
		s := &g.rows[i]
		if s.Points == 0 || s.Player == "" || s.Unlisted || s.first != nil {
			continue
		}
		wrong := s.Fact
		wrong.Player = "Credited " + wrong.Player
		s.first, s.fault, s.edited = &wrong, Corrected, g.line.end()+3600*(1.5+g.rand.Float64())
		g.corrected = s.edited
		return
	}
}

// page returns the page at a given time. Its rows can have faults, but the page as a whole has none.
func (g *generator) page(at float64) Page {
	p := Page{At: g.match.at(at), Start: g.match.Kickoff, Complete: true}
	if !g.listing.start.IsZero() && at < g.listing.moved {
		p.Start = g.listing.start
		g.strike(MovedKickoff, 0)
	}
	p.phase = g.phase(at)
	for _, s := range g.line.spans {
		if s.begin <= at && at < g.line.end() {
			p.period = s.period
		}
	}
	var happened []*Fact
	var listed []bool
	for i := range g.rows {
		s := &g.rows[i]
		if at < s.At || s.until > 0 && at >= s.until {
			continue
		}
		f := *s.shown(at)
		missing, vanishes := g.missing[i]
		late, vanished := at < s.At+s.delay, vanishes && at >= missing[0] && at < missing[1]
		switch {
		case f.Unlisted && s.until == 0:
		case late:
			g.strike(LateRow, i)
		case vanished:
			g.strike(VanishedRow, i)
		case s.until > 0 || s.first != nil && at < s.edited:
			g.strike(s.fault, i)
		}
		p.Complete = p.Complete && !late && !vanished && !f.Unlisted
		happened, listed = append(happened, &f), append(listed, !f.Unlisted && !late && !vanished)
		p.Kicks = p.Kicks.add(f.Side, f.Kicks)
	}
	p.Score = g.tally(happened, p.period)
	p.line = g.shownLine(happened, &p, at)
	for i, f := range happened {
		if listed[i] {
			p.Rows = append(p.Rows, *f)
		}
	}
	if g.chance(20) {
		slices.Reverse(p.Rows)
		if len(p.Rows) > 1 {
			g.strike(Reversed, len(p.Rows))
		}
	}
	p.Body = g.render(at, &p)
	return p
}

// tally sets the score after each fact, and returns the score of the page.
func (g *generator) tally(facts []*Fact, p event.Period) (now Score) {
	if g.match.sport.tally != nil {
		return g.match.sport.tally(facts, p)
	}
	for _, f := range facts {
		now = now.add(f.Side, f.Points)
		f.Score = now
	}
	return now
}

// A periodScore holds the points of both sides in a period.
type periodScore struct {
	period event.Period
	Score
	innings // cricket only
}

// lineOf returns the points of each period in which something happened. In tennis, the points are
// games.
func lineOf(facts []*Fact) (line []periodScore) {
	for _, f := range facts {
		if n := len(line); n == 0 || line[n-1].period != f.Clock.Period {
			line = append(line, periodScore{period: f.Clock.Period})
		}
		last := &line[len(line)-1]
		if f.Kind != "set" {
			last.Score = last.add(f.Side, f.Points)
		}
		last.apply(f)
	}
	return line
}

// LineBehind means that the line score does not include the latest points.
const LineBehind = "line score behind"

// shownLine returns the points of each period as a page shows them at a given time. In sports whose
// line score adds up to the score, the result contains all periods so far. During play, the line score
// of a scoreboard sometimes lacks the points of the last lineBehind seconds.
func (g *generator) shownLine(happened []*Fact, p *Page, at float64) []periodScore {
	rules := g.match.Sport.Rules()
	if rules.SetScore || rules.InningsScore {
		return lineOf(happened)
	}
	if !p.phase.over() && !g.style.Listed && g.separate.IntN(30) == 0 {
		before := slices.DeleteFunc(slices.Clone(happened), func(f *Fact) bool { return f.At > at-lineBehind })
		if len(before) < len(happened) {
			g.strike(LineBehind, int(at))
		}
		happened = before
	}
	var line []periodScore
	for _, s := range g.line.spans {
		if s.begin > at || s.period == event.ShootOut {
			break
		}
		part := periodScore{period: s.period}
		for _, f := range happened {
			if f.Clock.Period == s.period {
				part.Score = part.add(f.Side, f.Points)
			}
		}
		line = append(line, part)
	}
	return line
}

// lineBehind is how far a line score can be behind, in seconds.
const lineBehind = 60

// remaining returns the facts that no fault removes, including the facts that no page lists.
func (g *generator) remaining() (happened []*Fact) {
	for i := range g.rows {
		if g.rows[i].until == 0 {
			happened = append(happened, new(g.rows[i].Fact))
		}
	}
	return happened
}

// facts returns the facts on the last page.
func (g *generator) facts() []Fact {
	happened := g.remaining()
	g.tally(happened, g.line.spans[len(g.line.spans)-1].period)
	var all []Fact
	for _, f := range happened {
		if !f.Unlisted {
			all = append(all, *f)
		}
	}
	return all
}

// Moved reports whether a fault invented the player. The scores of such a player are removed later.
func Moved(player string) bool {
	return strings.HasPrefix(player, CancelledScorer) || strings.HasPrefix(player, DisallowedScorer)
}
