package parser_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser"
)

// A page is what one reading shows, for tests of reconciliation.
func page(status event.Status, period event.Period, score event.Score, in ...parser.Incident) parser.Observation {
	return parser.Observation{
		Sport: event.Soccer, League: "MLS", Period: period, Score: &score, Incidents: in,
		Match: event.Match{ID: "m1", Home: "New York City FC", Away: "Toronto FC", Status: status},
	}
}

func at(minute, stoppage int) event.Clock { return event.SoccerMinute("", minute, stoppage) }

func goalBy(side event.Side, player string, c event.Clock) parser.Incident {
	return parser.Incident{Kind: event.Goal, Side: side, Player: player, Clock: c}
}

// A story reads pages one after the other.
type story struct {
	t     *testing.T
	state parser.State
	seq   int64
}

func begin(t *testing.T, first parser.Observation) *story {
	s := &story{t: t, state: parser.State{Epoch: "e1"}}
	s.read(first)
	return s
}

// read returns what the page adds, one line an event.
func (s *story) read(o parser.Observation) []string {
	s.t.Helper()
	before, _ := json.Marshal(s.state)
	r := parser.Reading{TID: event.NewTID(), Source: "/parser/test", At: time.Unix(1478476221, 0)}
	next, events, err := parser.Reconcile(s.state, o, r)
	if err != nil {
		s.t.Fatal(err)
	}
	if after, _ := json.Marshal(s.state); string(before) != string(after) {
		s.t.Errorf("Reconcile changed the state it was given:\n%s\n%s", before, after)
	}
	again, sameEvents, _ := parser.Reconcile(s.state, o, r)
	if a, b := fmt.Sprint(next, events), fmt.Sprint(again, sameEvents); !sameJSON(next, again) || !sameJSON(events, sameEvents) {
		s.t.Errorf("Reconcile is not deterministic:\n%s\n%s", a, b)
	}
	if quiet, none, _ := parser.Reconcile(next, o, r); len(none) > 0 || !sameJSON(next, quiet) {
		s.t.Errorf("the same page again says %d events", len(none))
	}
	var lines []string
	for _, e := range events {
		s.seq++
		if e.Data.Seq != s.seq || e.Data.Epoch != "e1" {
			s.t.Errorf("event %s has position %s %d, want e1 %d", e.Type, e.Data.Epoch, e.Data.Seq, s.seq)
		}
		lines = append(lines, line(e))
	}
	s.state = next
	return lines
}

func sameJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func line(e event.Event) string {
	d := e.Data
	parts := []string{d.Kind.Word(d.Action)}
	for _, p := range []string{d.Time, string(d.Side), d.Player, d.Detail} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if d.Kind == event.PeriodStart || d.Kind == event.PeriodEnd {
		parts = append(parts, string(d.Clock.Period))
	}
	if d.Kind == event.StatusChange {
		parts = append(parts, string(d.Match.Status))
	}
	if d.Score != nil {
		parts = append(parts, fmt.Sprintf("%d-%d", d.Score.Home, d.Score.Away))
	}
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range d.Changes {
			if !yield(k) {
				return
			}
		}
	}) {
		parts = append(parts, fmt.Sprintf("%s:%s→%s", k, d.Changes[k].Old, d.Changes[k].New))
	}
	if d.Provisional {
		parts = append(parts, "provisional")
	}
	if d.Backfill {
		parts = append(parts, "backfill")
	}
	return strings.Join(parts, " ")
}

func (s *story) expect(o parser.Observation, want ...string) {
	s.t.Helper()
	if got := s.read(o); !slices.Equal(got, want) {
		s.t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestAMatchFromKickOffToFullTime(t *testing.T) {
	giovinco := goalBy(event.Away, "Giovinco", at(6, 0))
	late := goalBy(event.Away, "Osorio", at(90, 1))
	card := parser.Incident{Kind: event.YellowCard, Side: event.Home, Player: "Brillant", Clock: at(45, 2)}
	sub := parser.Incident{Kind: event.Substitution, Side: event.Home, Player: "Lampard", Off: "Villa", Clock: at(60, 0)}
	s := begin(t, page(event.Scheduled, "", event.Score{}))
	s.expect(page(event.Live, "1h", event.Score{}), "match_start 0-0", "period_start 1h 0-0")
	s.expect(page(event.Live, "1h", event.Score{Away: 1}, giovinco), "goal 6' away Giovinco 0-1")
	s.expect(page(event.Live, "1h", event.Score{Away: 1}, giovinco))
	s.expect(page(event.Break, "ht", event.Score{Away: 1}, giovinco, card), "yellow_card 45+2' home Brillant 0-1", "period_end 1h 0-1")
	s.expect(page(event.Live, "2h", event.Score{Away: 1}, giovinco, card, sub), "period_start 2h 0-1", "substitution 60' home Lampard 0-1")
	s.expect(page(event.Ended, "", event.Score{Away: 2}, giovinco, card, sub, late),
		"goal 90+1' away Osorio 0-2", "period_end 2h 0-2", "match_end 0-2")
	s.expect(page(event.Final, "", event.Score{Away: 2}, giovinco, card, sub, late), "status_change final 0-2")
}

func TestFirstSightIsBackfill(t *testing.T) {
	s := &story{t: t, state: parser.State{Epoch: "e1"}}
	one, two := goalBy(event.Away, "Giovinco", at(6, 0)), goalBy(event.Home, "Villa", at(50, 0))
	s.expect(page(event.Live, "2h", event.Score{Home: 1, Away: 1}, two, one),
		"match_start 0-0 backfill", "period_start 1h 0-0 backfill", "goal 6' away Giovinco 0-1 backfill", "period_end 1h 0-1 backfill",
		"period_start 2h 0-1 backfill", "goal 50' home Villa 1-1 backfill")
	s.expect(page(event.Live, "2h", event.Score{Home: 2, Away: 1}, goalBy(event.Home, "Lampard", at(70, 0)), two, one),
		"goal 70' home Lampard 2-1")
}

func TestIdentityOfGoals(t *testing.T) {
	first, second := goalBy(event.Away, "Mbappé", at(80, 0)), goalBy(event.Away, "Mbappé", at(81, 0))
	s := begin(t, page(event.Live, "2h", event.Score{}))
	// A jump of two, by one player, a minute apart, with the latest first.
	s.expect(page(event.Live, "2h", event.Score{Away: 2}, second, first), "goal 80' away Mbappé 0-1", "goal 81' away Mbappé 0-2")
	// The order on the page means nothing.
	s.expect(page(event.Live, "2h", event.Score{Away: 2}, first, second))
	// The minute is edited: 37' becomes 38'. So is the scorer, and what kind of goal it was.
	first.Clock = at(79, 0)
	s.expect(page(event.Live, "2h", event.Score{Away: 2}, first, second), "goal_corrected 79' away Mbappé 0-2 time:80'→79'")
	second.Player, second.Detail = "Behich", event.OwnGoal
	s.expect(page(event.Live, "2h", event.Score{Away: 2}, first, second),
		"goal_corrected 81' away Behich own_goal 0-2 detail:→own_goal player:Mbappé→Behich")
	// The row vanishes for a while; the score stands.
	s.expect(page(event.Live, "2h", event.Score{Away: 2}, first))
	s.expect(page(event.Live, "2h", event.Score{Away: 2}, first, second))
	// Diacritics lost are no correction.
	first.Player = "Mbappe"
	s.expect(page(event.Live, "2h", event.Score{Away: 2}, first, second))
}

func TestScoreAheadOfTheRow(t *testing.T) {
	s := begin(t, page(event.Live, "1h", event.Score{}))
	o := page(event.Live, "1h", event.Score{Home: 1})
	o.Clock = at(12, 0)
	s.expect(o, "goal 12' home 1-0 provisional")
	s.expect(page(event.Live, "1h", event.Score{Home: 1}, goalBy(event.Home, "Villa", at(11, 0))),
		"goal_corrected 11' home Villa 1-0 player:→Villa time:12'→11'")
	// And the row ahead of the score waits for it.
	two := []parser.Incident{goalBy(event.Home, "Villa", at(11, 0)), goalBy(event.Home, "Villa", at(20, 0))}
	s.expect(page(event.Live, "1h", event.Score{Home: 1}, two...))
	s.expect(page(event.Live, "1h", event.Score{Home: 2}, two...), "goal 20' home Villa 2-0")
}

func TestIdentityOfCards(t *testing.T) {
	card := func(player string, minute int) parser.Incident {
		return parser.Incident{Kind: event.YellowCard, Side: event.Home, Player: player, Clock: at(minute, 0)}
	}
	s := begin(t, page(event.Live, "1h", event.Score{}))
	s.expect(page(event.Live, "1h", event.Score{}, card("Allen", 10)), "yellow_card 10' home Allen 0-0")
	// The name is edited within two minutes: the same card.
	s.expect(page(event.Live, "1h", event.Score{}, card("Brillant", 11)), "yellow_card_corrected 11' home Brillant 0-0 player:Allen→Brillant time:10'→11'")
	// Allen's own card later is another one, though the first bore his name.
	s.expect(page(event.Live, "1h", event.Score{}, card("Brillant", 11), card("Allen", 30)), "yellow_card 30' home Allen 0-0")
	// A second one of the same player, too.
	s.expect(page(event.Live, "1h", event.Score{}, card("Brillant", 11), card("Allen", 30), card("Allen", 40)), "yellow_card 40' home Allen 0-0")
	ids := map[string]bool{}
	for _, st := range s.state.Standing {
		ids[st.ID] = true
	}
	if len(ids) != len(s.state.Standing) {
		t.Errorf("%d incidents share %d identities", len(s.state.Standing), len(ids))
	}
}

// Identity and event IDs come from the facts alone: two parsers that never
// heard of each other say the same.
func TestTwoParsersAgreeOnIDs(t *testing.T) {
	o := page(event.Live, "1h", event.Score{Away: 1}, goalBy(event.Away, "Giovinco", at(6, 0)))
	read := func(epoch string) []string {
		_, events, err := parser.Reconcile(parser.State{Epoch: epoch}, o, parser.Reading{TID: event.NewTID(), Source: "/parser/" + epoch, At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range events {
			ids = append(ids, e.ID+e.Data.Incident)
		}
		return ids
	}
	if a, b := read("a"), read("b"); !slices.Equal(a, b) || len(a) != 3 {
		t.Errorf("%v\n%v", a, b)
	}
}

func TestCorrectionSupersedes(t *testing.T) {
	s := parser.State{Epoch: "e1"}
	r := parser.Reading{TID: event.NewTID(), At: time.Now()}
	s, first, err := parser.Reconcile(s, page(event.Live, "1h", event.Score{Away: 1}, goalBy(event.Away, "Giovinco", at(6, 0))), r)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := parser.Reconcile(s, page(event.Live, "1h", event.Score{Away: 1}, goalBy(event.Away, "Altidore", at(6, 0))), r)
	if err != nil || len(second) != 1 {
		t.Fatal(second, err)
	}
	goal, fix := first[len(first)-1], second[0]
	if fix.Data.Supersedes != goal.ID || fix.Data.Incident != goal.Data.Incident || fix.Data.Rev != 2 || goal.Data.Rev != 1 ||
		fix.Data.Reason == "" || fix.Type != "soccer.mls.goal_corrected" || fix.ID == goal.ID {
		t.Errorf("%+v\n%+v", goal.Data, fix.Data)
	}
}

func TestExtraTimeAndShootOut(t *testing.T) {
	s := begin(t, page(event.Live, "2h", event.Score{}))
	kick := func(side event.Side, player, how string) parser.Incident {
		return parser.Incident{Kind: event.ShootoutKick, Side: side, Player: player, Detail: how}
	}
	// Straight to kicks: no extra time is invented.
	o := page(event.Live, "so", event.Score{}, kick("home", "Altidore", "scored"), kick("away", "Evans", "missed"))
	s.expect(o, "period_end 2h 0-0", "period_start so 0-0", "shootout_kick home Altidore scored 0-0", "shootout_kick away Evans missed 0-0")
	if *s.state.Score != (event.Score{}) || *s.state.Shootout != (event.Score{Home: 1}) {
		t.Errorf("score %v, shoot-out %v: a kick is never a goal", s.state.Score, s.state.Shootout)
	}
	// Extra time that no page showed in play, told by a goal in it.
	s = begin(t, page(event.Live, "2h", event.Score{}))
	s.expect(page(event.Final, "", event.Score{Home: 1}, goalBy(event.Home, "Vida", at(101, 0))),
		"period_end 2h 0-0", "period_start et1 0-0", "goal 101' home Vida 1-0", "period_end et1 1-0", "match_end 1-0")
}

func TestStatusThatNoOtherEventTells(t *testing.T) {
	s := begin(t, page(event.Scheduled, "", event.Score{}))
	s.expect(page(event.Postponed, "", event.Score{}), "status_change postponed 0-0")
	s.expect(page(event.Live, "1h", event.Score{}), "match_start 0-0", "period_start 1h 0-0")
	s.expect(page(event.Suspended, "1h", event.Score{}), "status_change suspended 0-0")
	s.expect(page(event.Live, "1h", event.Score{}), "status_change live 0-0")
	s.expect(page(event.Scheduled, "", event.Score{})) // a match that has begun does not un-begin
	s.expect(page(event.Abandoned, "", event.Score{}), "status_change abandoned 0-0")
}

func TestAnotherMatchOnThePage(t *testing.T) {
	s := begin(t, page(event.Live, "1h", event.Score{}))
	o := page(event.Live, "1h", event.Score{Home: 3})
	o.Match.Home = "Saudi Arabia"
	state, events, err := parser.Reconcile(s.state, o, parser.Reading{})
	if !errors.Is(err, parser.ErrOtherMatch) || len(events) > 0 || !sameJSON(state, s.state) || !strings.Contains(err.Error(), "Saudi Arabia") {
		t.Errorf("%v, %d events", err, len(events))
	}
}

func TestSportWhoseIncidentsAreNotCounted(t *testing.T) {
	o := page(event.Live, "q1", event.Score{})
	o.Sport, o.League = event.Basketball, "NBA"
	s := begin(t, o)
	o.Score = &event.Score{Home: 3}
	s.expect(o, "score_change 3-0")
	o.Score = &event.Score{Home: 3, Away: 2}
	s.expect(o, "score_change 3-2")
}
