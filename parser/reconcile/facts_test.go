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

// A page with other teams causes an error, and does not change the state.
func TestAnotherMatchOnThePage(t *testing.T) {
	t.Parallel()
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	o := observed(event.Live, "1h", event.Score{Home: 3})
	o.Match.Home = "Saudi Arabia"
	state, events, err := reconcile.Match(s.state, o, reconcile.Provenance{})
	if !errors.Is(err, reconcile.ErrOtherMatch) || len(events) > 0 || !parsertest.SameJSON(state, s.state) ||
		!strings.Contains(err.Error(), "Saudi Arabia") {
		t.Errorf("error %v, %d events, want ErrOtherMatch with the team's name, no events and the same state", err,
			len(events))
	}
}

// A page with a different name for a team is rejected, unless the name is an alias. Events use the
// name that was shown first.
func TestAliases(t *testing.T) {
	t.Parallel()
	aliases, err := observation.NewAliases(map[string][]string{"Manchester United": {"Man Utd", "Manchester Utd"},
		"Sp\u00e9ranza": {"ES Tunis"}})
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
	if _, _, err := reconcile.Match(s, renamed, parsertest.Provenance(parsertest.Noon)); !errors.Is(err,
		reconcile.ErrOtherMatch) {
		t.Errorf("a name that is not an alias: error %v, want ErrOtherMatch", err)
	}
	from := parsertest.Provenance(parsertest.Noon)
	from.Aliases = aliases
	for _, name := range []string{"Manchester United", "MANCHESTER UTD", "Man Utd"} {
		renamed.Match.Home = name
		next, events, err := reconcile.Match(s, renamed, from)
		if err != nil || len(events) != 1 || events[0].Data.Team != "Man Utd" || next.Match.Home != "Man Utd" {
			t.Errorf("%s: error %v, %d events, team %q, want one event of Man Utd", name, err, len(events), next.Match.Home)
		}
	}
}

// A second match of the same teams is rejected if its page has a different ID, or if the match starts
// on a different day.
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
	_, _, err = reconcile.Match(s, other, parsertest.Provenance(parsertest.Noon))
	if !errors.Is(err, reconcile.ErrOtherMatch) || !strings.Contains(err.Error(), `"g-2", not "g-1"`) {
		t.Errorf("another ID: error %v, want ErrOtherMatch with both IDs", err)
	}
	// Another site has its own IDs.
	elsewhere := parsertest.Provenance(parsertest.Noon)
	elsewhere.Site = "/parser/other-site"
	other.PageID, other.Match.Start = "xyz", parsertest.Noon
	if _, events, err := reconcile.Match(s, other, elsewhere); err != nil || len(events) != 1 {
		t.Errorf("another site: error %v, %d events, want one event", err, len(events))
	}
	// Without an ID, a kick-off on a different day means a different match.
	other.PageID, other.Match.Start = "", parsertest.Noon.Add(24*time.Hour)
	if _, _, err := reconcile.Match(s, other, elsewhere); !errors.Is(err, reconcile.ErrOtherMatch) {
		t.Errorf("another day: error %v, want ErrOtherMatch", err)
	}
	// The same ID with a new kick-off means that the match was resumed.
	resumed := observed(event.Live, "1h", event.Score{Home: 1})
	resumed.PageID, resumed.Match.Start = "g-1", parsertest.Noon.Add(24*time.Hour)
	if _, events, err := reconcile.Match(s, resumed, parsertest.Provenance(parsertest.Noon)); err != nil ||
		len(events) != 1 {
		t.Errorf("a resumed match: error %v, %d events, want one event", err, len(events))
	}
}

// A damaged name does not replace an intact name. A page is accepted if its damaged name fits the
// intact name.
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
	if _, _, err := reconcile.Match(s.state, other, parsertest.Provenance(parsertest.Noon)); !errors.Is(err,
		reconcile.ErrOtherMatch) {
		t.Errorf("a damaged name that does not fit: error %v, want ErrOtherMatch", err)
	}
	player := s.state.Tracked[len(s.state.Tracked)-1].Player
	if s.state.Match.Away != "Quer\u00e9taro" || player != "Salom\u00f3n Rond\u00f3n" {
		t.Errorf("team %q, player %q, want the names without damage", s.state.Match.Away, player)
	}
}

// The league keeps the name that was shown first. So the routing key does not change if the name on a
// page is damaged or another site spells the name differently.
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
		t.Errorf("league %q, want S\u00fcper Lig, the first name", s.state.League)
	}
}
