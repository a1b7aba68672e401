package parser_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/season"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// twins maps each sport of a pair to the other. The pages of both sports show periods and clocks in
// the same way. Only some scores show which of the two sports a page is about. Until a page has such a
// score, the parser accepts the pages.
var twins = map[event.Sport]event.Sport{
	event.Soccer: event.Rugby, event.Rugby: event.Soccer,
	event.Basketball: event.AmericanFootball, event.AmericanFootball: event.Basketball,
}

// If a profile reads pages about another sport, some pages are refused, and the others cause no
// events about the match. Only source_stale, source_fresh and kickoff_changed are allowed. The test
// covers all pairs of sports except twins. Under -short or with the race detector, it covers a fifth
// of these pairs.
func TestPagesOfAnotherSport(t *testing.T) {
	all, err := season.Load(testenv.Needs(t, testenv.Season(".."), "MATCHWIRE_SEASON"))
	if err != nil {
		t.Fatal(err)
	}
	matches := map[event.Sport][]season.Match{}
	for _, m := range all {
		matches[m.Sport] = append(matches[m.Sport], m)
	}
	for i, of := range season.Sports() {
		for j, by := range season.Sports() {
			few := testing.Short() || testenv.Race
			if of == by || twins[of] == by || len(matches[of]) == 0 || few && (i+j)%5 > 0 {
				continue
			}
			t.Run(string(of)+" by "+string(by), func(t *testing.T) {
				t.Parallel()
				m := &matches[of][len(matches[of])/2]
				for _, listed := range []bool{true, false} {
					readByAnother(t, m, styleOf(of, listed), styleOf(by, listed))
				}
			})
		}
	}
}

// styleOf returns the first style of a sport that lists incidents if listed is true. Otherwise it
// returns the first style that does not.
func styleOf(s event.Sport, listed bool) *season.Style {
	all := season.Styles(s)
	return all[slices.IndexFunc(all, func(s *season.Style) bool { return s.Listed == listed })]
}

// readByAnother renders the pages of a match in style, and reads them with the profile of
// other, a style of another sport.
func readByAnother(t *testing.T, m *season.Match, style, other *season.Style) {
	t.Helper()
	prof, err := other.Profile()
	if err != nil {
		t.Fatal(err)
	}
	tracker := parsertest.Ingester(t).Track(prof, m.ID)
	refused, kinds := 0, map[string]int{}
	rendered := m.RenderIn(style, 1)
	for _, p := range rendered.Pages {
		events, err := tracker.Ingest(event.WithTID(t.Context(), event.NewTID()), page.Page{Body: p.Body, At: p.At})
		if err != nil && strings.Contains(err.Error(), profile.ErrOtherSport.Error()) {
			refused++
		}
		for _, e := range events {
			if k := e.Data.Kind; k != event.SourceStale && k != event.SourceFresh && k != event.KickoffChanged {
				kinds[e.Type]++
			}
		}
	}
	if refused == 0 || len(kinds) > 0 {
		t.Errorf("%s, read as %s: %d of %d pages refused, events %v; want 1 or more refused and no events",
			style.Name, other.Name, refused, len(rendered.Pages), kinds)
	}
}
