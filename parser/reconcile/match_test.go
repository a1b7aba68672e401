package reconcile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// A page is what one reading shows, for tests of reconciliation.
func observed(status event.Status, period event.Period, score event.Score, in ...observation.Incident) observation.Observation {
	return observation.Observation{
		Sport: event.Soccer, League: "MLS", Score: &score, Incidents: in,
		Match: event.Match{ID: "m1", Home: "New York City FC", Away: "Toronto FC", Status: status, Period: period},
	}
}

func at(minute, stoppage int) event.Clock { return event.SoccerMinute("", minute, stoppage) }

func goalBy(side event.Side, player string, c event.Clock) observation.Incident {
	return observation.Incident{Kind: event.Goal, Side: side, Player: player, Clock: c}
}

// A story reads pages one after the other.
type story struct {
	t     *testing.T
	state reconcile.State
	seq   int64
	now   time.Duration // since the first page

	source, snapshot string    // of the next pages; "" for those that do not matter
	modified         time.Time // their Last-Modified
	again            bool      // their bytes were replaced before
}

// from makes the next pages come from another source.
func (s *story) from(source string) *story {
	s.source = source
	return s
}

func begin(t *testing.T, first observation.Observation) *story {
	s := &story{t: t, state: reconcile.State{Epoch: "e1"}}
	s.read(first)
	return s
}

// read returns what the page adds, one line an event.
func (s *story) read(o observation.Observation) []string {
	s.t.Helper()
	before, _ := json.Marshal(s.state)
	s.now += 20 * time.Second
	r := reconcile.Provenance{TID: event.NewTID(), Source: "/parser/test" + s.source, Watcher: "w" + s.source, At: time.Unix(1478476221, 0).Add(s.now),
		Modified: s.modified, Again: s.again, Evidence: event.Evidence{Snapshot: s.snapshot}}
	next, events, err := reconcile.Match(s.state, o, r)
	if err != nil {
		s.t.Fatal(err)
	}
	if after, _ := json.Marshal(s.state); string(before) != string(after) {
		s.t.Errorf("Reconcile changed the state it was given:\n%s\n%s", before, after)
	}
	again, sameEvents, _ := reconcile.Match(s.state, o, r)
	if a, b := fmt.Sprint(next, events), fmt.Sprint(again, sameEvents); !parsertest.SameJSON(next, again) || !parsertest.SameJSON(events, sameEvents) {
		s.t.Errorf("Reconcile is not deterministic:\n%s\n%s", a, b)
	}
	if _, none, _ := reconcile.Match(next, o, r); len(none) > 0 {
		s.t.Errorf("the same page again says %d events", len(none))
	}
	var lines []string
	for _, e := range events {
		s.seq++
		if e.Data.Seq != s.seq || e.Data.Epoch != "e1" {
			s.t.Errorf("event %s has position %s %d, want e1 %d", e.Type, e.Data.Epoch, e.Data.Seq, s.seq)
		}
		lines = append(lines, parsertest.Line(e))
	}
	s.state = next
	return lines
}

func (s *story) expect(o observation.Observation, want ...string) {
	s.t.Helper()
	if got := s.read(o); !slices.Equal(got, want) {
		s.t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestAMatchFromKickOffToFullTime(t *testing.T) {
	giovinco := goalBy(event.Away, "Giovinco", at(6, 0))
	late := goalBy(event.Away, "Osorio", at(90, 1))
	card := observation.Incident{Kind: event.YellowCard, Side: event.Home, Player: "Brillant", Clock: at(45, 2)}
	sub := observation.Incident{Kind: event.Substitution, Side: event.Home, Player: "Lampard", Off: "Villa", Clock: at(60, 0)}
	s := begin(t, observed(event.Scheduled, "", event.Score{}))
	s.expect(observed(event.Live, "1h", event.Score{}), "match_start 0-0", "period_start 1h 0-0")
	s.expect(observed(event.Live, "1h", event.Score{Away: 1}, giovinco), "goal 6' away Giovinco 0-1")
	s.expect(observed(event.Live, "1h", event.Score{Away: 1}, giovinco))
	s.expect(observed(event.Break, "ht", event.Score{Away: 1}, giovinco, card), "yellow_card 45+2' home Brillant 0-1", "period_end 1h 0-1")
	s.expect(observed(event.Live, "2h", event.Score{Away: 1}, giovinco, card, sub), "period_start 2h 0-1", "substitution 60' home Lampard 0-1")
	s.expect(observed(event.Ended, "", event.Score{Away: 2}, giovinco, card, sub, late),
		"goal 90+1' away Osorio 0-2", "period_end 2h 0-2", "match_end 0-2")
	s.expect(observed(event.Final, "", event.Score{Away: 2}, giovinco, card, sub, late), "status_change final 0-2")
}

func TestFirstSightIsBackfill(t *testing.T) {
	s := &story{t: t, state: reconcile.State{Epoch: "e1"}}
	one, two := goalBy(event.Away, "Giovinco", at(6, 0)), goalBy(event.Home, "Villa", at(50, 0))
	s.expect(observed(event.Live, "2h", event.Score{Home: 1, Away: 1}, two, one),
		"match_start 0-0 backfill", "period_start 1h 0-0 backfill", "goal 6' away Giovinco 0-1 backfill", "period_end 1h 0-1 backfill",
		"period_start 2h 0-1 backfill", "goal 50' home Villa 1-1 backfill")
	s.expect(observed(event.Live, "2h", event.Score{Home: 2, Away: 1}, goalBy(event.Home, "Lampard", at(70, 0)), two, one),
		"goal 70' home Lampard 2-1")
}

func TestIdentityOfGoals(t *testing.T) {
	first, second := goalBy(event.Away, "Mbappé", at(80, 0)), goalBy(event.Away, "Mbappé", at(81, 0))
	s := begin(t, observed(event.Live, "2h", event.Score{}))
	// A jump of two, by one player, a minute apart, with the latest first.
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, second, first), "goal 80' away Mbappé 0-1", "goal 81' away Mbappé 0-2")
	// The order on the page means nothing.
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first, second))
	// The minute is edited: 37' becomes 38'. So is the scorer, and what kind of goal it was.
	first.Clock = at(79, 0)
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first, second), "goal_corrected 79' away Mbappé 0-2 time:80'→79'")
	second.Player, second.Detail = "Behich", event.OwnGoal
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first, second),
		"goal_corrected 81' away Behich own_goal 0-2 detail:→own_goal player:Mbappé→Behich")
	// The row vanishes for a while; the score stands.
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first))
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first, second))
	// Diacritics lost are no correction.
	first.Player = "Mbappe"
	s.expect(observed(event.Live, "2h", event.Score{Away: 2}, first, second))
}

func TestScoreAheadOfTheRow(t *testing.T) {
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	o := observed(event.Live, "1h", event.Score{Home: 1})
	o.Match.Clock = at(12, 0)
	s.expect(o, "goal 12' home 1-0 provisional")
	s.expect(observed(event.Live, "1h", event.Score{Home: 1}, goalBy(event.Home, "Villa", at(11, 0))),
		"goal_corrected 11' home Villa 1-0 player:→Villa time:12'→11'")
	// And the row ahead of the score waits for it.
	two := []observation.Incident{goalBy(event.Home, "Villa", at(11, 0)), goalBy(event.Home, "Villa", at(20, 0))}
	s.expect(observed(event.Live, "1h", event.Score{Home: 1}, two...))
	s.expect(observed(event.Live, "1h", event.Score{Home: 2}, two...), "goal 20' home Villa 2-0")
}

func TestIdentityOfCards(t *testing.T) {
	card := func(player string, minute int) observation.Incident {
		return observation.Incident{Kind: event.YellowCard, Side: event.Home, Player: player, Clock: at(minute, 0)}
	}
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(observed(event.Live, "1h", event.Score{}, card("Allen", 10)), "yellow_card 10' home Allen 0-0")
	// The name is edited within two minutes: the same card.
	s.expect(observed(event.Live, "1h", event.Score{}, card("Brillant", 11)), "yellow_card_corrected 11' home Brillant 0-0 player:Allen→Brillant time:10'→11'")
	// Allen's own card later is another one, though the first bore his name.
	s.expect(observed(event.Live, "1h", event.Score{}, card("Brillant", 11), card("Allen", 30)), "yellow_card 30' home Allen 0-0")
	// A second one of the same player, too.
	s.expect(observed(event.Live, "1h", event.Score{}, card("Brillant", 11), card("Allen", 30), card("Allen", 40)), "yellow_card 40' home Allen 0-0")
	ids := map[string]bool{}
	for _, st := range s.state.Tracked {
		ids[st.ID] = true
	}
	if len(ids) != len(s.state.Tracked) {
		t.Errorf("%d incidents share %d identities", len(s.state.Tracked), len(ids))
	}
}

// Identity and event IDs come from the facts alone: two parsers that never
// heard of each other say the same.
func TestTwoParsersAgreeOnIDs(t *testing.T) {
	o := observed(event.Live, "1h", event.Score{Away: 1}, goalBy(event.Away, "Giovinco", at(6, 0)))
	read := func(epoch string) []string {
		_, events, err := reconcile.Match(reconcile.State{Epoch: epoch}, o, reconcile.Provenance{TID: event.NewTID(), Source: "/parser/" + epoch, At: time.Now()})
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
	s := reconcile.State{Epoch: "e1"}
	r := reconcile.Provenance{TID: event.NewTID(), At: time.Now()}
	s, first, err := reconcile.Match(s, observed(event.Live, "1h", event.Score{Away: 1}, goalBy(event.Away, "Giovinco", at(6, 0))), r)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := reconcile.Match(s, observed(event.Live, "1h", event.Score{Away: 1}, goalBy(event.Away, "Altidore", at(6, 0))), r)
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
	s := begin(t, observed(event.Live, "2h", event.Score{}))
	kick := func(side event.Side, player, how string) observation.Incident {
		return observation.Incident{Kind: event.ShootoutKick, Side: side, Player: player, Detail: how}
	}
	// Straight to kicks: no extra time is invented.
	o := observed(event.Live, "so", event.Score{}, kick("home", "Altidore", "scored"), kick("away", "Evans", "missed"))
	s.expect(o, "period_end 2h 0-0", "period_start so 0-0", "shootout_kick home Altidore scored 0-0", "shootout_kick away Evans missed 0-0")
	if *s.state.Score != (event.Score{}) || *s.state.Shootout != (event.Score{Home: 1}) {
		t.Errorf("score %v, shoot-out %v: a kick is never a goal", s.state.Score, s.state.Shootout)
	}
	// Extra time that no page showed in play, told by a goal in it.
	s = begin(t, observed(event.Live, "2h", event.Score{}))
	s.expect(observed(event.Final, "", event.Score{Home: 1}, goalBy(event.Home, "Vida", at(101, 0))),
		"period_end 2h 0-0", "period_start et1 0-0", "goal 101' home Vida 1-0", "period_end et1 1-0", "match_end 1-0")
}

func TestStatusThatNoOtherEventTells(t *testing.T) {
	s := begin(t, observed(event.Scheduled, "", event.Score{}))
	s.expect(observed(event.Postponed, "", event.Score{}), "status_change postponed 0-0")
	s.expect(observed(event.Live, "1h", event.Score{}), "match_start 0-0", "period_start 1h 0-0")
	s.expect(observed(event.Suspended, "1h", event.Score{}), "status_change suspended 0-0")
	s.expect(observed(event.Live, "1h", event.Score{}), "status_change live 0-0")
	s.expect(observed(event.Scheduled, "", event.Score{})) // a match that has begun does not un-begin
	s.expect(observed(event.Abandoned, "", event.Score{}), "status_change abandoned 0-0")
}

func TestAnotherMatchOnThePage(t *testing.T) {
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	o := observed(event.Live, "1h", event.Score{Home: 3})
	o.Match.Home = "Saudi Arabia"
	state, events, err := reconcile.Match(s.state, o, reconcile.Provenance{})
	if !errors.Is(err, reconcile.ErrOtherMatch) || len(events) > 0 || !parsertest.SameJSON(state, s.state) || !strings.Contains(err.Error(), "Saudi Arabia") {
		t.Errorf("%v, %d events", err, len(events))
	}
}

func TestSportWhoseIncidentsAreNotCounted(t *testing.T) {
	o := observed(event.Live, "q1", event.Score{})
	o.Sport, o.League = event.Basketball, "NBA"
	s := begin(t, o)
	o.Score = &event.Score{Home: 3}
	s.expect(o, "score_change 3-0")
	o.Score = &event.Score{Home: 3, Away: 2}
	s.expect(o, "score_change 3-2")
}

// live is a page in the second half with a clock.
func live(minute int, score event.Score, in ...observation.Incident) observation.Observation {
	o := observed(event.Live, "2h", score, in...)
	o.Match.Clock = event.SoccerMinute("2h", minute, 0)
	return o
}

func TestGoalTakenBack(t *testing.T) {
	one, two := goalBy(event.Home, "Villa", at(50, 0)), goalBy(event.Home, "Lampard", at(60, 0))
	s := begin(t, live(61, event.Score{Home: 2}, one, two))
	// One fresh page without the goal is not enough, the second is.
	s.expect(live(62, event.Score{Home: 1}, one))
	s.expect(live(63, event.Score{Home: 1}, one), "goal_retracted 60' home Lampard 1-0")
	if st := s.state.Score; *st != (event.Score{Home: 1}) {
		t.Errorf("score %v", st)
	}
	// The next goal of that side is another incident, though it is the second again.
	old := two
	s.expect(live(70, event.Score{Home: 2}, one, old), "goal 60' home Lampard 2-0")
	ids := map[string]bool{}
	for _, st := range s.state.Tracked {
		if ids[st.ID] {
			t.Errorf("identity %s twice", st.ID)
		}
		ids[st.ID] = true
	}
}

func TestFirstGoalTakenBackLeavesTheSecond(t *testing.T) {
	one, two := goalBy(event.Home, "Villa", at(50, 0)), goalBy(event.Home, "Lampard", at(60, 0))
	s := begin(t, live(61, event.Score{Home: 2}, one, two))
	s.expect(live(62, event.Score{Home: 1}, two))
	s.expect(live(63, event.Score{Home: 1}, two), "goal_retracted 50' home Villa 1-0")
}

func TestStaleCopiesTakeNothingBack(t *testing.T) {
	one := goalBy(event.Away, "Giovinco", at(50, 0))
	old, now := live(49, event.Score{}), live(51, event.Score{Away: 1}, one)
	s := begin(t, old)
	s.expect(now, "goal 50' away Giovinco 0-1")
	// 2-0, 2-1, 2-0, 2-1 with every poll, for ever.
	for range 10 {
		s.expect(old)
		s.expect(now)
	}
	// A run of stale copies of a minute.
	for range 3 {
		s.expect(old)
	}
	s.expect(live(53, event.Score{Away: 1}, one))
	// What persists for 90 seconds is the truth.
	for range 5 {
		s.expect(old)
	}
	s.expect(old, "goal_retracted 50' away Giovinco 0-0")
}

func TestMatchReopened(t *testing.T) {
	one := goalBy(event.Away, "Griezmann", at(90, 8))
	s := begin(t, live(90, event.Score{}))
	s.expect(observed(event.Ended, "", event.Score{Away: 1}, one), "goal 90+8' away Griezmann 0-1", "period_end 2h 0-1", "match_end 0-1")
	again := observed(event.Live, "2h", event.Score{Away: 1}, one)
	again.Match.Clock = event.SoccerMinute("2h", 90, 11)
	s.expect(again, "period_end_retracted 2h 0-1", "match_end_retracted 0-1", "status_change live 0-1")
	again.Match.Clock, again.Score, again.Incidents = event.SoccerMinute("2h", 90, 12), &event.Score{}, nil
	s.expect(again)
	end := observed(event.Ended, "", event.Score{})
	s.expect(end, "goal_retracted 90+8' away Griezmann 0-0", "period_end 2h 0-0", "match_end 0-0")
}

func TestFullTimeShownAtHalfTime(t *testing.T) {
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(observed(event.Ended, "", event.Score{}), "period_end 1h 0-0", "period_start 2h 0-0", "period_end 2h 0-0", "match_end 0-0")
	o := observed(event.Live, "2h", event.Score{})
	o.Match.Clock = at(46, 0)
	s.expect(o, "period_end_retracted 2h 0-0", "match_end_retracted 0-0", "status_change live 0-0")
}

func TestRowThatVanishesTakesNothingWithIt(t *testing.T) {
	a, b, c := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(40, 0)), goalBy(event.Home, "C", at(80, 0))
	s := begin(t, live(81, event.Score{Home: 3}, a, b, c))
	s.expect(live(82, event.Score{Home: 3}, a, c))
	s.expect(live(83, event.Score{Home: 3}, a, b, c))
	// A row without its minute yet is no other goal.
	bare := goalBy(event.Home, "D", event.Clock{})
	s.expect(live(84, event.Score{Home: 4}, a, b, c, bare), "goal home D 4-0")
	d := goalBy(event.Home, "D", at(84, 0))
	s.expect(live(85, event.Score{Home: 4}, a, b, c, d), "goal_corrected 84' home D 4-0 time:→84'")
	// Nor is a detail that is left out for once.
	d.Detail = event.PenaltyGoal
	s.expect(live(86, event.Score{Home: 4}, a, b, c, d), "goal_corrected 84' home D penalty 4-0 detail:→penalty")
	d.Detail = ""
	s.expect(live(87, event.Score{Home: 4}, a, b, c, d))
}

func TestCardTakenBackOnlyAfterLong(t *testing.T) {
	card := observation.Incident{Kind: event.YellowCard, Side: event.Home, Player: "Allen", Clock: at(50, 0)}
	s := begin(t, live(51, event.Score{}, card))
	for m := 52; m < 55; m++ {
		s.expect(live(m, event.Score{}))
	}
	s.expect(live(55, event.Score{}, card)) // it was only away
	for m := 56; m < 62; m++ {
		s.expect(live(m, event.Score{}))
	}
	s.expect(live(62, event.Score{}), "yellow_card_retracted 50' home Allen 0-0")
}

func TestNamesInAnyScript(t *testing.T) {
	o := live(51, event.Score{Home: 1}, goalBy(event.Home, "Иванов", at(50, 0)))
	o.Match.Home, o.Match.Away = "Спартак", "Зенит"
	s := begin(t, o)
	o = live(52, event.Score{Home: 1}, goalBy(event.Home, "Петров", at(50, 0)))
	o.Match.Home, o.Match.Away = "Спартак", "Зенит"
	s.expect(o, "goal_corrected 50' home Петров 1-0 player:Иванов→Петров")
	o.Match.Home = "Динамо"
	if _, _, err := reconcile.Match(s.state, o, reconcile.Provenance{}); !errors.Is(err, reconcile.ErrOtherMatch) {
		t.Errorf("another team: %v", err)
	}
}

func TestShootOutTally(t *testing.T) {
	s := begin(t, observed(event.Live, "2h", event.Score{}))
	o := observed(event.Live, "so", event.Score{})
	o.Shootout = &event.Score{Home: 5, Away: 4} // the page lists no kicks
	s.expect(o, "period_end 2h 0-0", "period_start so 0-0", "score_change 0-0")
	if *s.state.Shootout != (event.Score{Home: 5, Away: 4}) {
		t.Errorf("shoot-out %v", s.state.Shootout)
	}
	kick := observation.Incident{Kind: event.ShootoutKick, Side: event.Home, Player: "A", Detail: event.Missed}
	s = begin(t, observed(event.Live, "so", event.Score{}, kick))
	kick.Detail = event.Scored
	s.expect(observed(event.Live, "so", event.Score{}, kick), "shootout_kick_corrected home A scored 0-0 detail:missed→scored")
	if *s.state.Shootout != (event.Score{Home: 1}) {
		t.Errorf("shoot-out %v after the correction", s.state.Shootout)
	}
}

func TestGoalShownAtHalfTime(t *testing.T) {
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	s.expect(observed(event.Break, "ht", event.Score{Home: 1}), "goal home 1-0 provisional", "period_end 1h 1-0")
}
