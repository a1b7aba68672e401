package reconcile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

func TestAnotherMatchOnThePage(t *testing.T) {
	t.Parallel()
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	o := observed(event.Live, "1h", event.Score{Home: 3})
	o.Match.Home = "Saudi Arabia"
	state, events, err := reconcile.Match(s.state, o, reconcile.Provenance{})
	if !errors.Is(err, reconcile.ErrOtherMatch) || len(events) > 0 || !parsertest.SameJSON(state, s.state) || !strings.Contains(err.Error(), "Saudi Arabia") {
		t.Errorf("%v, %d events", err, len(events))
	}
}

// A page with another name of a team is refused unless the name is an alias. Events keep the name
// that was shown first.
func TestAliases(t *testing.T) {
	t.Parallel()
	aliases, err := observation.NewAliases(map[string][]string{"Manchester United": {"Man Utd", "Manchester Utd"}, "Sp\u00e9ranza": {"ES Tunis"}})
	if err != nil {
		t.Fatal(err)
	}
	first := observed(event.Live, "1h", event.Score{})
	first.Match.Home = "Man Utd"
	s, _, err := reconcile.Match(reconcile.State{Epoch: "e"}, first, parsertest.Provenance(parsertest.Noon))
	if err != nil {
		t.Fatal(err)
	}
	renamed := observed(event.Live, "1h", event.Score{Home: 1})
	renamed.Match.Home = "Manchester United"
	if _, _, err := reconcile.Match(s, renamed, parsertest.Provenance(parsertest.Noon)); !errors.Is(err, reconcile.ErrOtherMatch) {
		t.Errorf("a name that is no alias: %v", err)
	}
	r := parsertest.Provenance(parsertest.Noon)
	r.Aliases = aliases
	for _, name := range []string{"Manchester United", "MANCHESTER UTD", "Man Utd"} {
		renamed.Match.Home = name
		next, events, err := reconcile.Match(s, renamed, r)
		if err != nil || len(events) != 1 || events[0].Data.Team != "Man Utd" || next.Match.Home != "Man Utd" {
			t.Errorf("%s: %v, %d events", name, err, len(events))
		}
	}
}

// The second match of a doubleheader is refused by the page's own ID, or by its kick-off if that is
// on another day.
func TestAnotherMatchOfTheSameTeams(t *testing.T) {
	t.Parallel()
	first := observed(event.Live, "1h", event.Score{})
	first.Match.Start, first.PageID = parsertest.Noon, "g-1"
	s, _, err := reconcile.Match(reconcile.State{Epoch: "e"}, first, parsertest.Provenance(parsertest.Noon))
	if err != nil {
		t.Fatal(err)
	}
	other := observed(event.Live, "1h", event.Score{Home: 1})
	other.Match.Start, other.PageID = parsertest.Noon.Add(5*time.Hour), "g-2"
	if _, _, err := reconcile.Match(s, other, parsertest.Provenance(parsertest.Noon)); !errors.Is(err, reconcile.ErrOtherMatch) || !strings.Contains(err.Error(), `"g-2", not "g-1"`) {
		t.Errorf("another ID: %v", err)
	}
	// Another site has IDs of its own.
	r := parsertest.Provenance(parsertest.Noon)
	r.Site = "/parser/other-site"
	other.PageID, other.Match.Start = "xyz", parsertest.Noon
	if _, events, err := reconcile.Match(s, other, r); err != nil || len(events) != 1 {
		t.Errorf("another site: %v", err)
	}
	// Without an ID, the kick-off on another day.
	other.PageID, other.Match.Start = "", parsertest.Noon.Add(24*time.Hour)
	if _, _, err := reconcile.Match(s, other, r); !errors.Is(err, reconcile.ErrOtherMatch) {
		t.Errorf("another day: %v", err)
	}
	// The same ID with a new kick-off is a match that was resumed.
	resumed := observed(event.Live, "1h", event.Score{Home: 1})
	resumed.PageID, resumed.Match.Start = "g-1", parsertest.Noon.Add(24*time.Hour)
	if _, events, err := reconcile.Match(s, resumed, parsertest.Provenance(parsertest.Noon)); err != nil || len(events) != 1 {
		t.Errorf("a resumed match: %v", err)
	}
}

// A name that lost letters does not replace a good one, and does not make the page that of another
// match.
func TestDamagedNames(t *testing.T) {
	t.Parallel()
	rondon := goalBy(event.Home, "Salom\u00f3n Rond\u00f3n", at(10, 0))
	first := observed(event.Live, "1h", event.Score{Home: 1}, rondon)
	first.Match.Away = "Quer\u00e9taro"
	s := begin(t, first)
	rondon.Player = "Salom\ufffdn Rond?n"
	for _, name := range []string{"Quer\ufffdtaro", "Quer?taro", "Quer\ufffd\ufffdtaro"} {
		damaged := observed(event.Live, "1h", event.Score{Home: 1}, rondon)
		damaged.Match.Away = name
		s.expect(damaged)
	}
	other := observed(event.Live, "1h", event.Score{Home: 1}, rondon)
	other.Match.Away = "San ?uis"
	if _, _, err := reconcile.Match(s.state, other, parsertest.Provenance(parsertest.Noon)); !errors.Is(err, reconcile.ErrOtherMatch) {
		t.Errorf("another damaged name: %v", err)
	}
	if s.state.Match.Away != "Quer\u00e9taro" || s.state.Tracked[len(s.state.Tracked)-1].Player != "Salom\u00f3n Rond\u00f3n" {
		t.Errorf("%+v", s.state)
	}
}

// A league keeps its name, as a team does: the routing key does not change if a letter was lost, or
// if another site writes the name differently.
func TestLeagueKeepsItsName(t *testing.T) {
	t.Parallel()
	o := live(50, event.Score{})
	o.League = "S\u00fcper Lig"
	s := begin(t, o)
	for i, name := range []string{"S?per Lig", "Turkish League"} {
		o = live(51+i, event.Score{Home: i + 1})
		o.League = name
		s.read(o)
	}
	if s.state.League != "S\u00fcper Lig" {
		t.Errorf("league %q", s.state.League)
	}
}
