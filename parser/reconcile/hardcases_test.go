package reconcile_test

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// The score is the authority on how many goals there are, also where the rows
// do not add up to it: a list page without rows, a goal that was never listed.
func TestGoalTakenBackWithoutRows(t *testing.T) {
	s := begin(t, live(50, event.Score{}))
	s.expect(live(51, event.Score{Home: 2}), "goal 51' home 1-0 provisional", "goal 51' home 2-0 provisional")
	s.expect(live(52, event.Score{Home: 1}))
	s.expect(live(53, event.Score{Home: 1}), "goal_retracted 51' home 1-0 provisional")
	s.expect(observed(event.Final, "", event.Score{Home: 1}), "period_end 2h 1-0", "match_end 1-0")

	a, b := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(40, 0))
	s = begin(t, live(50, event.Score{Home: 3}, a, b))
	s.expect(live(51, event.Score{Home: 2}, a))
	s.expect(live(52, event.Score{Home: 2}, a), "goal_retracted 40' home B 2-0")
}

// A goal that changes sides is one taken back and another made, in one step:
// nobody hears of a score that no page showed.
func TestGoalChangesSides(t *testing.T) {
	s := begin(t, live(50, event.Score{}))
	s.expect(live(51, event.Score{Home: 1}, goalBy(event.Home, "A", at(50, 0))), "goal 50' home A 1-0")
	s.expect(live(52, event.Score{Away: 1}, goalBy(event.Away, "B", at(50, 0))))
	s.expect(live(53, event.Score{Away: 1}, goalBy(event.Away, "B", at(50, 0))), "goal_retracted 50' home A 0-0", "goal 50' away B 0-1")
}

// A page whose list and score are both empty is a skeleton, not the truth,
// unless it lasts.
func TestEmptySkeleton(t *testing.T) {
	card := observation.Incident{Kind: event.YellowCard, Side: event.Away, Player: "C", Clock: at(30, 0)}
	whole := func(m int) observation.Observation {
		return live(m, event.Score{Home: 1}, goalBy(event.Home, "A", at(20, 0)), card)
	}
	bare := func(m int) observation.Observation {
		o := live(m, event.Score{})
		o.Blind = true
		return o
	}
	s := begin(t, whole(50))
	for m := 51; m < 54; m++ {
		s.expect(bare(m))
	}
	s.expect(whole(54))
	for m := 55; m < 60; m++ {
		s.expect(bare(m))
	}
	s.expect(bare(60), "goal_retracted 20' home A 0-0")
}

// A clock that says more than the one before it is beyond it: the first page of
// a half has none, and some do not name the half.
func TestClockThatBeginsLate(t *testing.T) {
	first := func(m int, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "1h", score, in...)
		if m > 0 {
			o.Match.Clock = event.SoccerMinute("1h", m, 0)
		}
		return o
	}
	goal := goalBy(event.Home, "A", at(10, 0))
	s := begin(t, first(0, event.Score{}))
	s.expect(first(11, event.Score{Home: 1}, goal), "goal 10' home A 1-0")
	s.expect(first(12, event.Score{}))
	s.expect(first(13, event.Score{}), "goal_retracted 10' home A 0-0")
	// And an older clock is a stale copy's.
	edited := goalBy(event.Home, "B", at(14, 0))
	s.expect(first(20, event.Score{Home: 1}, edited), "goal 14' home B 1-0")
	s.expect(first(15, event.Score{Home: 1}, goalBy(event.Home, "C", at(14, 0))))
	s.expect(first(21, event.Score{Home: 1}, edited))

	unknown := observed(event.Live, "", event.Score{})
	unknown.Match.Clock = event.Clock{Minute: 47}
	s = begin(t, unknown)
	s.read(live(62, event.Score{Home: 1}, goalBy(event.Home, "A", at(61, 0))))
	s.expect(live(63, event.Score{}))
	s.expect(live(64, event.Score{}), "goal_retracted 61' home A 0-0")
}

// The bytes of a page that was replaced are a stale copy, though they list as
// much: nothing goes back and forth with them.
func TestReplacedPageComesBack(t *testing.T) {
	old, edited := observed(event.Live, "1h", event.Score{Home: 1}, goalBy(event.Home, "A", at(37, 0))), observed(event.Live, "1h", event.Score{Home: 1}, goalBy(event.Home, "A", at(38, 0)))
	s := begin(t, observed(event.Live, "1h", event.Score{}))
	s.snapshot = "old"
	s.expect(old, "goal 37' home A 1-0")
	s.snapshot = "new"
	s.expect(edited, "goal_corrected 38' home A 1-0 time:37'→38'")
	for range 5 {
		s.snapshot = "old"
		s.expect(old)
		s.snapshot = "new"
		s.expect(edited)
	}
	for range 5 { // what persists is the truth
		s.snapshot = "old"
		s.expect(old)
	}
	s.expect(old, "goal_corrected 37' home A 1-0 time:38'→37'")
}

// A hold counts the time in which somebody looked: a stale copy before an
// outage and one after it have not persisted.
func TestHoldAcrossAnOutage(t *testing.T) {
	goal := goalBy(event.Home, "A", at(50, 0))
	s := begin(t, live(49, event.Score{}))
	s.expect(live(51, event.Score{Home: 1}, goal), "goal 50' home A 1-0")
	s.expect(live(49, event.Score{}))
	s.now += 5 * time.Minute
	s.expect(live(49, event.Score{}))
	s.expect(live(49, event.Score{}))
	s.expect(live(57, event.Score{Home: 1}, goal))
}

func kick(side event.Side, player, how string) observation.Incident {
	return observation.Incident{Kind: event.ShootoutKick, Side: side, Player: player, Detail: how}
}

// In a shoot-out rows come late, vanish and are taken back like others, and the
// tally is that of the kicks.
func TestShootOutRows(t *testing.T) {
	so := func(tally *event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "so", event.Score{}, in...)
		o.Shootout = tally
		return o
	}
	a, b, c, d := kick("home", "A", "scored"), kick("home", "B", "missed"), kick("home", "C", "scored"), kick("home", "D", "scored")
	s := begin(t, so(nil))
	s.expect(so(&event.Score{Home: 1}), "score_change 0-0")
	s.expect(so(&event.Score{Home: 1}, a), "shootout_kick home A scored 0-0")
	s.expect(so(&event.Score{Home: 2}, a, b, c), "shootout_kick home B missed 0-0", "shootout_kick home C scored 0-0")
	s.expect(so(&event.Score{Home: 3}, a, c, d), "shootout_kick home D scored 0-0") // B's row is away
	s.expect(so(&event.Score{Home: 3}, a, b, c, d))
	b.Player = "Bee"
	s.expect(so(&event.Score{Home: 3}, a, b, c, d), "shootout_kick_corrected home Bee missed 0-0 player:B→Bee")
	if *s.state.Shootout != (event.Score{Home: 3}) {
		t.Errorf("tally %v", s.state.Shootout)
	}
	for range 6 {
		s.expect(so(&event.Score{Home: 2}, a, b, c))
	}
	s.expect(so(&event.Score{Home: 2}, a, b, c), "shootout_kick_retracted home D scored 0-0")
	if *s.state.Shootout != (event.Score{Home: 2}) {
		t.Errorf("tally %v after a kick was taken back", s.state.Shootout)
	}
}

// Where the score counts goals, only goals move it: the score that a row of another kind shows does
// not. A kick that shows one counts in the tally all the same.
func TestRowsThatShowAScore(t *testing.T) {
	t.Parallel()
	goal := goalBy(event.Home, "Villa", at(10, 0))
	card := observation.Incident{Kind: event.YellowCard, Side: event.Away, Player: "Moor", Clock: at(9, 0), Score: &event.Score{}}
	s := begin(t, observed(event.Live, "1h", event.Score{Home: 1}, goal))
	s.expect(observed(event.Live, "1h", event.Score{Home: 1}, goal, card), "yellow_card 9' away Moor 1-0")

	scored := kick(event.Home, "A", event.Scored)
	scored.Score = &event.Score{Home: 1}
	s = begin(t, observed(event.Live, "so", event.Score{}))
	s.expect(observed(event.Live, "so", event.Score{}, scored), "shootout_kick home A scored 0-0")
	if s.state.Shootout == nil || *s.state.Shootout != (event.Score{Home: 1}) || *s.state.Score != (event.Score{}) {
		t.Errorf("tally %v, score %v", s.state.Shootout, s.state.Score)
	}
}

// Who wins an ice hockey shoot-out gets one goal for it, which nobody scored.
func TestHockeyShootOut(t *testing.T) {
	show := func(status event.Status, period event.Period, score event.Score, tally *event.Score) observation.Observation {
		o := observed(status, period, score)
		o.Sport, o.Shootout = event.IceHockey, tally
		return o
	}
	s := begin(t, show(event.Live, "ot1", event.Score{Home: 2, Away: 2}, nil))
	s.expect(show(event.Live, "so", event.Score{Home: 2, Away: 2}, &event.Score{Home: 1}), "period_end ot1 2-2", "period_start so 2-2", "score_change 2-2")
	s.expect(show(event.Final, "so", event.Score{Home: 3, Away: 2}, &event.Score{Home: 2, Away: 1}), "score_change 2-2", "period_end so 2-2", "match_end 2-2")
}

// A card is taken back only by pages that would list it: not by those whose
// list is empty or broken, nor by a site that lists no cards.
func TestCardThatAPageCannotList(t *testing.T) {
	card := observation.Incident{Kind: event.YellowCard, Side: event.Home, Player: "A", Clock: at(40, 0), List: 1}
	sub := observation.Incident{Kind: event.Substitution, Side: event.Home, Player: "B", Off: "C", Clock: at(41, 0)}
	show := func(m int, lists []int, in ...observation.Incident) observation.Observation {
		o := live(m, event.Score{}, in...)
		o.Lists, o.Blind = lists, len(in) == 0
		return o
	}
	for name, gone := range map[string]func(m int) observation.Observation{
		"no row at all":      func(m int) observation.Observation { return show(m, []int{0, 0}) },
		"its list is broken": func(m int) observation.Observation { return show(m, []int{1, 0}, sub) },
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, show(50, []int{1, 1}, sub, card))
			for m := 51; m < 65; m++ {
				for _, line := range s.read(gone(m)) {
					if line != "source_stale 0-0" {
						t.Errorf("minute %d: %s", m, line)
					}
				}
			}
		})
	}
	s := begin(t, show(50, []int{1, 1}, sub, card))
	for m := 51; m < 65; m++ {
		s.from("-other").expect(live(m, event.Score{}, observation.Incident{Kind: event.Substitution, Side: event.Home, Player: "B", Clock: at(41, 0)}))
	}
	s = begin(t, show(50, []int{1, 2}, sub, card))
	for m := 51; m < 57; m++ {
		s.expect(show(m, []int{1, 1}, sub))
	}
	s.expect(show(57, []int{1, 1}, sub), "yellow_card_retracted 40' home A 0-0")
}

// Two sites of one match: the slower takes nothing back and adds nothing anew,
// and they do not correct each other's spelling.
func TestTwoSites(t *testing.T) {
	goal := goalBy(event.Home, "David Villa", at(50, 0))
	short := goalBy(event.Home, "D. Villa", at(51, 0))
	s := begin(t, live(49, event.Score{}))
	s.from("-b").expect(live(48, event.Score{}))
	s.from("").expect(live(51, event.Score{Home: 1}, goal), "goal 50' home David Villa 1-0")
	for m := 51; m < 55; m++ { // its clock goes on, its score lags
		s.from("-b").expect(live(m, event.Score{}))
		s.from("").expect(live(m+1, event.Score{Home: 1}, goal))
	}
	s.from("-b").expect(live(56, event.Score{Home: 1}, short))
	s.from("").expect(live(57, event.Score{}))
	s.from("").expect(live(58, event.Score{}), "goal_retracted 50' home David Villa 0-0")
	s.from("-b").expect(live(59, event.Score{Home: 1}, short)) // still has it
	s.from("-b").expect(live(60, event.Score{}))
	s.from("-b").expect(live(61, event.Score{Home: 1}, goalBy(event.Home, "Pirlo", at(60, 0))), "goal 60' home Pirlo 1-0")
	s.from("").expect(live(61, event.Score{Home: 1}, goalBy(event.Home, "Andrea Pirlo", at(60, 0))))
	s.from("").expect(observed(event.Ended, "", event.Score{Home: 1}, goalBy(event.Home, "Andrea Pirlo", at(60, 0))), "period_end 2h 1-0", "match_end 1-0")
	s.from("-b").expect(live(90, event.Score{Home: 1}, goalBy(event.Home, "Pirlo", at(60, 0))))

	// A later Last-Modified of another site says nothing.
	s = begin(t, observed(event.Live, "2h", event.Score{}))
	s.modified = parsertest.Noon
	s.expect(observed(event.Live, "2h", event.Score{Home: 1}, goal), "goal 50' home David Villa 1-0")
	for range 3 {
		s.modified = s.modified.Add(time.Minute)
		s.from("-b").expect(observed(event.Live, "2h", event.Score{}))
		s.modified = parsertest.Noon
		s.from("").expect(observed(event.Live, "2h", event.Score{Home: 1}, goal))
	}
	// When the first site falls silent, what the other says for long is the truth.
	for n := range 14 {
		s.snapshot = "b" + string(rune('a'+n)) // it is alive
		s.from("-b").read(observed(event.Live, "2h", event.Score{}))
	}
	if *s.state.Score != (event.Score{}) {
		t.Errorf("score %v, the only source says 0-0", s.state.Score)
	}
}

// Points are taken back like goals, by two fresh pages, and what is scored then
// is another basket. One glitch is nothing.
func TestBasketTakenBack(t *testing.T) {
	show := func(sec int, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "q1", score, in...)
		o.Sport, o.Match.Clock = event.Basketball, event.Clock{Period: "q1", Elapsed: sec}
		return o
	}
	basket := func(player string, sec int, after event.Score) observation.Incident {
		return observation.Incident{Kind: "basket", Side: event.Home, Player: player, Clock: event.Clock{Period: "q1", Elapsed: sec}, Score: &after}
	}
	a, b := basket("A", 20, event.Score{Home: 2}), basket("B", 40, event.Score{Home: 4})
	s := begin(t, show(0, event.Score{}))
	s.expect(show(41, event.Score{Home: 4}, a, b), "basket 00:20 home A 2-0", "basket 00:40 home B 4-0")
	s.expect(show(45, event.Score{}, a))
	s.expect(show(50, event.Score{Home: 4}, a, b))
	s.expect(show(55, event.Score{Home: 2}, a))
	s.expect(show(60, event.Score{Home: 2}, a), "basket_retracted 00:40 home B 2-0")
	s.expect(show(70, event.Score{Home: 4}, a, basket("C", 69, event.Score{Home: 4})), "basket 01:09 home C 4-0")
}

// In tennis the score begins anew with each set.
func TestTennisGames(t *testing.T) {
	show := func(set event.Period, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, set, score, in...)
		o.Sport = event.Tennis
		return o
	}
	game := func(set event.Period, after event.Score) observation.Incident {
		return observation.Incident{Kind: "game", Side: event.Home, Player: "N", Clock: event.Clock{Period: set}, Score: &after}
	}
	s := begin(t, show("s1", event.Score{}))
	s.expect(show("s1", event.Score{}, game("s1", event.Score{Home: 1})), "game home N 1-0")
	s.expect(show("s2", event.Score{Home: 1}, game("s2", event.Score{Home: 1})), "period_end s1 0-0", "period_start s2 0-0", "game home N 1-0")
}

// A row that vanishes as another comes is away, not edited.
func TestRowVanishesAsAnotherComes(t *testing.T) {
	a, b, c := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(40, 0)), goalBy(event.Home, "C", at(41, 0))
	s := begin(t, live(50, event.Score{Home: 2}, a, b))
	s.expect(live(51, event.Score{Home: 3}, a, c), "goal 41' home C 3-0")
	s.expect(live(52, event.Score{Home: 3}, a, b, c))
}

// A page that gives no score takes a goal back as it does a card.
func TestGoalTakenBackWithoutAScore(t *testing.T) {
	show := func(m int, in ...observation.Incident) observation.Observation {
		o := live(m, event.Score{}, in...)
		o.Score = nil
		return o
	}
	card := observation.Incident{Kind: event.YellowCard, Side: event.Away, Player: "C", Clock: at(30, 0)}
	s := begin(t, show(49, card))
	s.expect(show(51, card, goalBy(event.Home, "A", at(50, 0))), "goal 50' home A 1-0")
	for m := 52; m < 58; m++ {
		s.expect(show(m, card))
	}
	s.expect(show(58, card), "goal_retracted 50' home A 0-0")
}

// A league's name is kept like a team's: a routing key does not change because
// a letter was lost, or another site writes it in another way.
func TestLeagueKeepsItsName(t *testing.T) {
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

// The state of a match does not grow with every point of it.
func TestStateIsBounded(t *testing.T) {
	o := observed(event.Live, "q1", event.Score{})
	o.Sport = event.Basketball
	s := begin(t, o)
	for n := range 500 {
		o.Score = &event.Score{Home: n}
		s.read(o)
	}
	if len(s.state.Tracked) > 10 {
		t.Errorf("%d stand", len(s.state.Tracked))
	}
}

// A page that shows only its minute names no period; after half time it is the
// second half, from the first minute on.
func TestHalfTimeEndsWithoutAPeriod(t *testing.T) {
	minute := func(m int) observation.Observation {
		o := observed(event.Live, "", event.Score{})
		o.Match.Clock = event.Clock{Minute: m}
		return o
	}
	first := observed(event.Live, "1h", event.Score{})
	first.Match.Clock = at(44, 0)
	s := begin(t, first)
	s.expect(minute(46))
	s.expect(observed(event.Break, "ht", event.Score{}), "period_end 1h 0-0")
	s.expect(minute(46), "period_start 2h 0-0")
	if m := s.state.Match; m.Period != "2h" || m.Status != event.Live {
		t.Errorf("%s %s", m.Status, m.Period)
	}
	s.expect(minute(50))
	s.expect(observed(event.Break, "ht", event.Score{})) // a stale copy
	s.expect(observed(event.Ended, "", event.Score{}), "period_end 2h 0-0", "match_end 0-0")
}

// An old copy of the list from before half time does not begin the second half.
func TestOldListAfterHalfTime(t *testing.T) {
	show := func(status event.Status, period event.Period, minute int) observation.Observation {
		o := observed(status, period, event.Score{})
		o.Shared, o.Match.Clock = true, event.Clock{Minute: minute}
		return o
	}
	s := begin(t, show(event.Live, "1h", 44))
	s.expect(show(event.Break, "ht", 0), "period_end 1h 0-0")
	s.again = true
	s.expect(show(event.Live, "", 46))
	s.again = false
	s.expect(show(event.Live, "", 46), "period_start 2h 0-0")
}

// A correction that changes the score carries it.
func TestCorrectedPointsCarryTheScore(t *testing.T) {
	show := func(sec int, score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Live, "q1", score, in...)
		o.Sport, o.Match.Clock = event.Basketball, event.Clock{Period: "q1", Elapsed: sec}
		return o
	}
	three := observation.Incident{Kind: "basket", Side: event.Away, Player: "A", Clock: event.Clock{Period: "q1", Elapsed: 20}, Score: &event.Score{Away: 3}}
	s := begin(t, show(0, event.Score{}))
	s.expect(show(21, event.Score{Away: 3}, three), "basket 00:20 away A 0-3")
	two := three
	two.Score = &event.Score{Away: 2}
	s.expect(show(30, event.Score{Away: 2}, two))
	s.expect(show(40, event.Score{Away: 2}, two), "basket_corrected 00:20 away A 0-2 score:0-3→0-2")
}

// Red cards that a list shows as images alone are as many as there are images,
// and none of them another when somebody names it.
func TestBareRows(t *testing.T) {
	bare := observation.Incident{Kind: event.RedCard, Side: event.Home}
	named := observation.Incident{Kind: event.RedCard, Side: event.Home, Player: "A", Clock: at(70, 0)}
	s := begin(t, live(60, event.Score{}))
	s.expect(live(61, event.Score{}, bare), "red_card home 0-0")
	s.expect(live(62, event.Score{}, bare, bare), "red_card home 0-0")
	s.expect(live(63, event.Score{}, bare, bare))
	s.from("-detail").expect(live(64, event.Score{}, named), "red_card_corrected 70' home A 0-0 player:→A time:→70'")
	s.from("").expect(live(65, event.Score{}, bare, bare))
}

// Two fresh pages that agree on what is gone are enough, though the second has
// a goal more of the other side.
func TestDoubtIsAboutOneSide(t *testing.T) {
	a, b := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(40, 0))
	c := goalBy(event.Away, "C", at(53, 0))
	s := begin(t, live(50, event.Score{Home: 2}, a, b))
	s.expect(live(52, event.Score{Home: 1}, a))
	s.expect(live(54, event.Score{Home: 1, Away: 1}, a, c), "goal_retracted 40' home B 1-0", "goal 53' away C 1-1")
}

// A cache that answers with Last-Modified: now does not make old bytes new.
func TestStaleCopyWithANewDate(t *testing.T) {
	a, b := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(55, 0))
	s := begin(t, live(50, event.Score{Home: 1}, a))
	s.modified = parsertest.Noon
	read := func(snapshot string, o observation.Observation, want ...string) {
		t.Helper()
		s.modified, s.snapshot = s.modified.Add(20*time.Second), snapshot
		s.expect(o, want...)
	}
	read("old", live(51, event.Score{Home: 1}, a))
	read("new", live(56, event.Score{Home: 2}, a, b), "goal 55' home B 2-0")
	for range 5 {
		read("old", live(51, event.Score{Home: 1}, a))
		read("old", live(51, event.Score{Home: 1}, a))
		read("new", live(56, event.Score{Home: 2}, a, b))
	}
}

// Where no clock runs, a goal that was taken back does not come again with a
// copy of the page that still had it.
func TestStaleCopyAfterAGoalWasTakenBack(t *testing.T) {
	a := goalBy(event.Home, "A", at(20, 0))
	half := func(score event.Score, in ...observation.Incident) observation.Observation {
		return observed(event.Break, "ht", score, in...)
	}
	s := begin(t, observed(event.Live, "1h", event.Score{Home: 1}, a))
	s.snapshot = "with"
	s.expect(half(event.Score{Home: 1}, a), "period_end 1h 1-0")
	s.snapshot = "without"
	for range 5 {
		s.expect(half(event.Score{}))
	}
	s.expect(half(event.Score{}), "goal_retracted 20' home A 0-0")
	s.snapshot = "with"
	s.expect(half(event.Score{Home: 1}, a))
	s.snapshot = "without"
	s.expect(half(event.Score{}))
}

// A page at full time or half time may print less than the last clock.
func TestClockAtTheWhistle(t *testing.T) {
	a := goalBy(event.Home, "A", at(20, 0))
	late := goalBy(event.Home, "Late", event.SoccerMinute("2h", 90, 5))
	o := live(90, event.Score{Home: 1}, a)
	o.Match.Clock = event.SoccerMinute("2h", 90, 5)
	s := begin(t, o)
	ft := func(score event.Score, in ...observation.Incident) observation.Observation {
		o := observed(event.Ended, "", score, in...)
		o.Match.Clock = at(90, 0)
		return o
	}
	s.expect(ft(event.Score{Home: 1}, a), "period_end 2h 1-0", "match_end 1-0")
	s.expect(ft(event.Score{Home: 2}, a, late), "goal 90+5' home Late 2-0")

	o = observed(event.Live, "1h", event.Score{})
	o.Match.Clock = event.SoccerMinute("1h", 45, 2)
	s = begin(t, o)
	o = observed(event.Break, "", event.Score{})
	o.Match.Clock = at(45, 0)
	s.expect(o, "period_end 1h 0-0")
}

// On a list page a match that looks as it did before half time is no old copy.
func TestListPageSaysTheSameAgain(t *testing.T) {
	show := func(status event.Status, score event.Score) observation.Observation {
		o := observed(status, "", score)
		o.Shared = true
		return o
	}
	s := begin(t, show(event.Live, event.Score{}))
	s.snapshot = "1"
	s.expect(show(event.Break, event.Score{}), "status_change break 0-0")
	s.snapshot = "2"
	s.expect(show(event.Live, event.Score{}), "status_change live 0-0")
}

// A shoot-out listed twice has as many kicks as its tally says, and a tally
// whose rows are missing stands all the same.
func TestShootOutListedTwice(t *testing.T) {
	a, b := kick("home", "A", "scored"), kick("away", "B", "scored")
	o := observed(event.Live, "so", event.Score{}, a, b, a, b)
	o.Shootout = &event.Score{Home: 1, Away: 1}
	s := begin(t, observed(event.Live, "so", event.Score{}))
	s.expect(o, "shootout_kick home A scored 0-0", "shootout_kick away B scored 0-0")
	final := observed(event.Final, "", event.Score{}, a, b)
	final.Shootout = &event.Score{Home: 5, Away: 4}
	s.expect(final, "period_end so 0-0", "match_end 0-0")
	if *s.state.Shootout != *final.Shootout {
		t.Errorf("tally %v", s.state.Shootout)
	}
}

// A score that leaps must be said twice; a minute may have been taken for it.
func TestScoreThatLeaps(t *testing.T) {
	s := begin(t, live(44, event.Score{Home: 1}))
	s.expect(live(45, event.Score{Home: 45}))
	s.expect(live(46, event.Score{Home: 1}))
	s.expect(live(47, event.Score{Home: 8}))
	if got := s.read(live(48, event.Score{Home: 8})); len(got) != 7 {
		t.Errorf("%d goals, want the 7 that two pages say", len(got))
	}
}

// An awarded result moves no score, also when the page calls it final.
func TestAwardedThenFinal(t *testing.T) {
	a := goalBy(event.Home, "A", at(20, 0))
	s := begin(t, live(50, event.Score{Home: 1}, a))
	s.expect(observed(event.Awarded, "", event.Score{Away: 3}, a), "status_change awarded 1-0")
	s.expect(observed(event.Final, "", event.Score{Away: 3}, a), "period_end 2h 1-0", "match_end 1-0")
}

// A source that stands still undoes nothing, whatever becomes of the others.
func TestFrozenSource(t *testing.T) {
	a, b, c := goalBy(event.Home, "A", at(20, 0)), goalBy(event.Home, "B", at(55, 0)), goalBy(event.Away, "C", at(70, 0))
	frozen := live(60, event.Score{Home: 2}, a, b)
	s := begin(t, live(50, event.Score{Home: 1}, a))
	s.from("-b").expect(live(50, event.Score{Home: 1}, a))
	s.from("").read(live(60, event.Score{Home: 2}, a, b))
	stuck := func() {
		s.t.Helper()
		s.snapshot = "frozen"
		s.from("-b").expect(frozen)
		s.snapshot = ""
	}
	stuck()
	s.from("").expect(live(71, event.Score{Home: 2, Away: 1}, a, b, c), "goal 70' away C 2-1")
	for m := 72; m <= 90; m++ {
		stuck()
		s.from("").expect(live(m, event.Score{Home: 2, Away: 1}, a, b, c))
	}
	s.from("").read(observed(event.Ended, "", event.Score{Home: 2, Away: 1}, a, b, c))
	for range 20 {
		stuck()
		s.from("").expect(observed(event.Ended, "", event.Score{Home: 2, Away: 1}, a, b, c))
	}
	for range 20 {
		stuck()
	}
	if *s.state.Score != (event.Score{Home: 2, Away: 1}) || s.state.Match.Status != event.Ended {
		t.Errorf("%v %s", s.state.Score, s.state.Match.Status)
	}
}

// In tennis a set begins with a lower score, which takes nothing back.
func TestTennisSets(t *testing.T) {
	show := func(set event.Period, score event.Score) observation.Observation {
		o := observed(event.Live, set, score)
		o.Sport = event.Tennis
		return o
	}
	s := begin(t, show("s1", event.Score{}))
	s.expect(show("s1", event.Score{Home: 6, Away: 4}), "score_change 6-4")
	s.expect(show("s2", event.Score{}), "period_end s1 6-4", "period_start s2 6-4", "score_change 0-0")
	s.expect(show("s2", event.Score{Home: 1}), "score_change 1-0")
}

// Ten thousand rows are read in no time to speak of: a test that takes minutes
// has lost that.
func TestManyRows(t *testing.T) {
	o := live(80, event.Score{})
	for n := range 10_000 {
		o.Incidents = append(o.Incidents, observation.Incident{Kind: event.YellowCard, Side: event.Home, Player: "Jos\u00e9 " + string(rune('A'+n%26)), Clock: at(1+n%90, n/90%10)})
	}
	if _, _, err := reconcile.Match(reconcile.State{Epoch: "e"}, o, parsertest.Reading(parsertest.Noon)); err != nil {
		t.Fatal(err)
	}
}
