package reconcile_test

import (
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A card stays the same incident when the page changes its player or minute.
func TestIdentityOfCards(t *testing.T) {
	t.Parallel()
	card := func(player string, minute int) observation.Incident {
		return observation.Incident{Kind: event.YellowCard, Side: event.Home, Player: player, Clock: at(minute, 0)}
	}
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(observed(event.Live, "1h", event.Score{}, card("Allen", 10)), "yellow_card 10' home Allen 0-0")
	// A row with a different name within two minutes shows the same card.
	s.expect(observed(event.Live, "1h", event.Score{}, card("Brillant", 11)),
		"yellow_card_corrected 11' home Brillant 0-0 player:Allen→Brillant time:10'→11'")
	// A later card for Allen is another card, although the first card had Allen's name.
	s.expect(observed(event.Live, "1h", event.Score{}, card("Brillant", 11), card("Allen", 30)),
		"yellow_card 30' home Allen 0-0")
	// A second card for one player is another card.
	s.expect(observed(event.Live, "1h", event.Score{}, card("Brillant", 11), card("Allen", 30), card("Allen", 40)),
		"yellow_card 40' home Allen 0-0")
	ids := map[string]bool{}
	for _, tracked := range s.state.Tracked {
		ids[tracked.ID] = true
	}
	if len(ids) != len(s.state.Tracked) {
		t.Errorf("%d different IDs, want one for each of the %d incidents", len(ids), len(s.state.Tracked))
	}
}

// A card without a player is the same card when the page adds the player. An incident can have no
// side.
func TestIncidentsWithoutAPlayerOrSide(t *testing.T) {
	t.Parallel()
	card := observation.Incident{Kind: event.YellowCard, Side: event.Home, Clock: at(30, 0)}
	added := observation.Incident{Kind: "added_time", Detail: "3", Clock: at(45, 0)}
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(observed(event.Live, "1h", event.Score{}, card), "yellow_card 30' home 0-0")
	s.expect(observed(event.Live, "1h", event.Score{}, card, added), "added_time 45' 3 0-0")
	card.Player, card.Clock = "Brillant", at(31, 0)
	s.expect(observed(event.Live, "1h", event.Score{}, card, added),
		"yellow_card_corrected 31' home Brillant 0-0 player:→Brillant time:30'→31'")
	card.Player = "" // the name is temporarily missing
	s.expect(observed(event.Live, "1h", event.Score{}, card, added))
	late := observation.Incident{Kind: "added_time", Detail: "6", Clock: at(90, 0)}
	s.expect(observed(event.Live, "2h", event.Score{}, card, late),
		"period_end 1h 0-0", "period_start 2h 0-0", "added_time 90' 6 0-0")
}

// Each row without a player or a clock, such as the image of a red card, is one incident. It stays the
// same incident when another site adds the player.
func TestRowsWithoutDetails(t *testing.T) {
	t.Parallel()
	bare := observation.Incident{Kind: event.RedCard, Side: event.Home}
	named := observation.Incident{Kind: event.RedCard, Side: event.Home, Player: "A", Clock: at(70, 0)}
	s := begin(t, live(60, event.Score{}))
	s.expect(live(61, event.Score{}, bare), "red_card home 0-0")
	s.expect(live(62, event.Score{}, bare, bare), "red_card home 0-0")
	s.expect(live(63, event.Score{}, bare, bare))
	s.from("-detail").expect(live(64, event.Score{}, named), "red_card_corrected 70' home A 0-0 player:→A time:→70'")
	s.from("").expect(live(65, event.Score{}, bare, bare))
}

// If the row of a player's first penalty is temporarily missing, the row of the second penalty does
// not replace the first penalty.
func TestTwoPenaltiesForOnePlayer(t *testing.T) {
	t.Parallel()
	foul := func(seconds int) observation.Incident {
		return observation.Incident{Kind: event.Penalty, Detail: "Hooking", Side: event.Home, Player: "Cole",
			Clock: event.Clock{Period: "p1", Elapsed: seconds}}
	}
	show := func(rows ...observation.Incident) observation.Observation {
		o := observed(event.Live, "p1", event.Score{}, rows...)
		o.Sport = event.IceHockey
		return o
	}
	s := begin(t, show())
	s.expect(show(foul(60), foul(600)),
		"penalty 01:00 home Cole Hooking 0-0", "penalty 10:00 home Cole Hooking 0-0")
	s.expect(show(foul(600)))
	s.expect(show(foul(600), foul(60)))
}

// A card is retracted only after it has been missing for two minutes on at least four pages.
func TestCardRetracted(t *testing.T) {
	t.Parallel()
	card := observation.Incident{Kind: event.YellowCard, Side: event.Home, Player: "Allen", Clock: at(50, 0)}
	s := begin(t, live(51, event.Score{}, card))
	for m := 52; m < 55; m++ {
		s.expect(live(m, event.Score{}))
	}
	s.expect(live(55, event.Score{}, card)) // the card is listed again
	for m := 56; m < 62; m++ {
		s.expect(live(m, event.Score{}))
	}
	s.expect(live(62, event.Score{}), "yellow_card_retracted 50' home Allen 0-0")
}

// A card is not retracted by pages whose list is empty, nor by a site that lists no cards.
func TestPagesWithoutCardsRetractNoCard(t *testing.T) {
	t.Parallel()
	card := observation.Incident{Kind: event.YellowCard, Side: event.Home, Player: "A", Clock: at(40, 0), List: 1}
	sub := observation.Incident{Kind: event.Substitution, Side: event.Home, Player: "B", Off: "C", Clock: at(41, 0)}
	show := func(m int, lists []int, in ...observation.Incident) observation.Observation {
		o := live(m, event.Score{}, in...)
		o.Lists, o.NoRows = lists, len(in) == 0
		return o
	}
	for name, gone := range map[string]func(m int) observation.Observation{
		"no row at all":     func(m int) observation.Observation { return show(m, []int{0, 0}) },
		"its list is empty": func(m int) observation.Observation { return show(m, []int{1, 0}, sub) },
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, show(50, []int{1, 1}, sub, card))
			for m := 51; m < 65; m++ {
				for _, line := range s.read(gone(m)) {
					if line != "source_stale 0-0" {
						t.Errorf("minute %d: event %s, want only source_stale", m, line)
					}
				}
			}
		})
	}
	s := begin(t, show(50, []int{1, 1}, sub, card))
	for m := 51; m < 65; m++ {
		s.from("-other").expect(live(m, event.Score{},
			observation.Incident{Kind: event.Substitution, Side: event.Home, Player: "B", Clock: at(41, 0)}))
	}
	s = begin(t, show(50, []int{1, 2}, sub, card))
	for m := 51; m < 57; m++ {
		s.expect(show(m, []int{1, 1}, sub))
	}
	s.expect(show(57, []int{1, 1}, sub), "yellow_card_retracted 40' home A 0-0")
}

// The row of a substitution is missing on the page of the final whistle, and a cache serves copies of this page for
// more than two minutes. The copies do not confirm that the row is gone, so the substitution stays.
func TestCopiesOfThePageOfTheFinalWhistle(t *testing.T) {
	t.Parallel()
	sub := observation.Incident{Kind: event.Substitution, Side: event.Home, Player: "Slimani", Clock: at(83, 0)}
	card := observation.Incident{Kind: event.YellowCard, Side: event.Home, Player: "Maguire", Clock: at(82, 0)}
	s := begin(t, observed(event.Live, "2h", event.Score{}))
	s.read(observed(event.Live, "2h", event.Score{}, card, sub))
	s.snapshot = "whistle"
	var all []string
	for range 9 { // three minutes
		all = append(all, s.read(observed(event.Ended, "", event.Score{}, card))...)
	}
	for _, line := range all {
		if strings.HasPrefix(line, "substitution_retracted") {
			t.Errorf("copies of one page cause %q, want no retraction", line)
		}
	}
}
