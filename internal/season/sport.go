package season

import (
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/profile"
)

// A sport defines how the matches of one sport are loaded, and how pages show them.
type sport struct {
	name event.Sport

	// load sets the timeline and the result of a match from the line of the match in a file.
	load func(line []byte, m *Match) error

	// clock returns the clock that pages show in a period. elapsed is the clock of the timeline:
	// seconds since the start of the period, or balls in cricket.
	clock func(p event.Period, elapsed float64) event.Clock

	// score is an ordinary fact that changes the score, with Kind, Detail and Points.
	score Fact

	styles  []*Style // at least one
	density int      // rough number of facts in a match, relative to a soccer match
	edits   []edit   // edits of rows that only this sport has

	// faults are the names of the faults that the matches of the sport have, without the names that
	// Faults adds.
	faults []string

	// The members below are optional.

	// addRows adds the rows of a match. The default is generator.addRows.
	addRows func(g *generator)

	// tally sets the score after each fact, and returns the score that a page shows. facts holds
	// the facts that have happened, in the order of play. p is the current period. The default adds
	// up the points.
	tally func(facts []*Fact, p event.Period) Score

	// matchClock returns the clock of the match, in sports in which it is more exact than the clock of
	// rows. The default is clock.
	matchClock func(p event.Period, elapsed float64) event.Clock

	// ownRows adds rows and faults that only this sport has.
	ownRows func(g *generator)

	// rare is an additional style for some of the matches. The choice of this style does not change
	// the other random choices.
	rare *Style
	// mayBeOver reports whether only the status on a page shows that the match is not over. The
	// default is false.
	mayBeOver func(p *Page) bool

	overtime    bool    // after a match with overtime, pages name its last period
	apart       float64 // shortest time between a score and the score that replaces it, in seconds; 0 means 240
	sidePlayers bool    // the sides are players, who score everything
	gameClock   bool    // pages show a clock that officials can put back
	rainIn      int     // rain stops one in this many matches for up to an hour; 0 means none
	suspendedIn int     // one in this many matches is suspended, and resumed on another day; 0 means none
}

// sports lists all sports that have pages.
var sports = []*sport{soccer, basketball, iceHockey, rugby, americanFootball, cricket, baseball, tennis}

// sportOf returns the sport with a name, or nil.
func sportOf(name event.Sport) *sport {
	for _, s := range sports {
		if s.name == name {
			return s
		}
	}
	return nil
}

// Sports returns the sports that have pages.
func Sports() []event.Sport {
	var names []event.Sport
	for _, s := range sports {
		names = append(names, s.name)
	}
	return names
}

// Styles returns the styles in which pages show the matches of a sport.
func Styles(name event.Sport) []*Style {
	s := sportOf(name)
	if s.rare != nil {
		return append(slices.Clone(s.styles), s.rare)
	}
	return s.styles
}

// RenderIn is like [Match.Render], but uses the given style of the sport.
func (m *Match) RenderIn(style *Style, seed uint64) *Rendering { return m.render(seed, style) }

// Faults returns the names of all faults that the pages of a sport can have.
func Faults(name event.Sport) []string {
	s := sportOf(name)
	all := append([]string{}, s.faults...)
	for _, e := range s.edits {
		all = append(all, e.name)
	}
	if s.gameClock {
		all = append(all, ClockPutBack)
	}
	if r := name.Rules(); !r.SetScore && !r.InningsScore {
		all = append(all, LineBehind)
	}
	if s.rainIn > 0 {
		all = append(all, RainStops)
	}
	if s.suspendedIn > 0 {
		all = append(all, Resumed)
	}
	return all
}

// An edit is a way in which a site edits a row later.
type edit struct {
	name   string
	rarity int // one in rarity × density rows is edited in this way

	// wrong changes a fact to what the row shows before the edit. It returns false if the fact cannot be
	// edited in this way.
	wrong func(r *rand.Rand, f *Fact) bool
}

// A Style is one way in which pages show the matches of a sport.
type Style struct {
	Name   string // such as "basketball list, remaining"
	Listed bool   // the page lists incidents; otherwise it shows only the score
	Tally  bool   // the page shows the tally of a shoot-out

	Winner bool // after the match, the page names the winner
	// Several means that the page shows several matches. Each match has an ID.
	Several bool

	render  func(s *Style, v *view) []byte
	score   func(v *view, side string) string // the score of a side as text; nil means the number of points
	clock   func(event.Clock) string          // formats a clock
	profile string                            // the profile of the pages, in YAML

	// line returns the line score that the pages show, as text. It is nil except in cricket.
	line       func([]periodScore) string
	allInnings bool // cricket: the pages show all innings of a side

	once   sync.Once
	loaded *profile.Profile
	err    error
}

// Profile returns the profile of the pages.
func (s *Style) Profile() (*profile.Profile, error) {
	s.once.Do(func() { s.loaded, s.err = profile.Load(s.Name+".yaml", []byte(s.profile)) })
	return s.loaded, s.err
}
