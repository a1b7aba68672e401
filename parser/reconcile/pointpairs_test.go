package reconcile_test

import (
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A game is the list of baskets in the third quarter of a basketball game.
type game []observation.Incident

// with returns the game with one more basket of the home side. home is the home score after the basket.
func (g game) with(player, detail string, second, home int) game {
	return append(g[:len(g):len(g)], observation.Incident{Kind: "basket", Detail: detail, Side: event.Home,
		Player: player, Score: &event.Score{Home: home}, Clock: event.Clock{Period: "q3", Elapsed: second}})
}

// at returns an observation of the game at a second of the third quarter.
func (g game) at(second, home int) observation.Observation {
	o := observed(event.Live, "q3", event.Score{Home: home}, g...)
	o.Sport, o.Match.Clock = event.Basketball, event.Clock{Period: "q3", Elapsed: second}
	return o
}

// inThird returns a story that has read a page of the third quarter.
func inThird(t *testing.T, g game, second, home int) *story {
	s := begin(t, game{}.at(1, 0))
	s.read(g.at(second, home))
	return s
}

// The officials cancel a basket, and its side scores again before the next poll. The cancelled basket
// is retracted and the next basket is new, although the score never falls and the baskets are seconds
// apart.
func TestCancelledBasketIsNotTheNextOne(t *testing.T) {
	t.Parallel()
	durant := game{}.with("Durant", "layup", 100, 2)
	s := inThird(t, durant.with("Irving", "layup", 160, 4), 170, 4)
	s.expect(durant.with("Harden", "layup", 200, 4).at(210, 4),
		"basket_retracted 02:40 home Irving layup 4-0", "basket 03:20 home Harden layup 4-0")
	// A page that edits only the player, or only the clock, corrects the basket.
	s.expect(durant.with("Green", "layup", 200, 4).at(220, 4),
		"basket_corrected 03:20 home Green layup 4-0 player:Harden→Green")
	s.expect(durant.with("Green", "layup", 198, 4).at(230, 4),
		"basket_corrected 03:18 home Green layup 4-0 time:03:20→03:18")
}

// The officials cancel a basket after the side has scored another basket. The cancelled basket is
// retracted, and the score after the other basket is corrected.
func TestCancelledBasketBeforeOthers(t *testing.T) {
	t.Parallel()
	durant := game{}.with("Durant", "layup", 100, 2)
	s := inThird(t, durant.with("Irving", "layup", 160, 4).with("Green", "dunk", 190, 6), 195, 6)
	// The next basket of the side replaces the points.
	s.expect(durant.with("Green", "dunk", 190, 4).with("Harden", "layup", 230, 6).at(240, 6),
		"basket_retracted 02:40 home Irving layup 6-0",
		"basket_corrected 03:10 home Green dunk 6-0 score:6-0→4-0", "basket 03:50 home Harden layup 6-0")
	// The next basket has three points, so that no basket has the score of the cancelled basket.
	s = inThird(t, durant.with("Irving", "layup", 160, 4).with("Green", "jump_shot", 190, 7), 195, 7)
	s.expect(durant.with("Green", "jump_shot", 190, 5).with("Harden", "layup", 230, 7).at(240, 7),
		"basket_retracted 02:40 home Irving layup 7-0",
		"basket_corrected 03:10 home Green jump_shot 7-0 score:7-0→5-0", "basket 03:50 home Harden layup 7-0")
}

// If the page may be a stale copy, because its clock has not advanced, the cancelled basket is retracted when
// enough pages agree.
func TestCancelledBasketAtAStoppedClock(t *testing.T) {
	t.Parallel()
	durant := game{}.with("Durant", "layup", 100, 2)
	s := inThird(t, durant.with("Irving", "layup", 160, 4).with("Green", "jump_shot", 190, 7), 230, 7)
	still := durant.with("Green", "jump_shot", 190, 5).with("Harden", "layup", 230, 7).at(230, 7)
	s.expect(still, "basket_corrected 03:10 home Green jump_shot 7-0 score:7-0→5-0", "basket 03:50 home Harden layup 7-0")
	var lines []string
	for n := 0; lines == nil && n < 50; n++ {
		lines = s.read(still)
	}
	if len(lines) != 1 || lines[0] != "basket_retracted 02:40 home Irving layup 7-0" {
		t.Errorf("events %v, want a retraction of the basket of Irving", lines)
	}
}

// If a row vanishes, its points are not retracted while later scores still include them.
func TestVanishedBasket(t *testing.T) {
	t.Parallel()
	durant := game{}.with("Durant", "layup", 100, 2)
	all := durant.with("Irving", "layup", 160, 4).with("Green", "dunk", 190, 6)
	without := durant.with("Green", "dunk", 190, 6)
	s := inThird(t, all, 195, 6)
	for n := range 30 {
		s.expect(without.at(200+10*n, 6))
	}
	s.expect(all.at(510, 6))
}

// The officials cancel a basket while the page lacks the row of another one. Only the cancelled basket is worth the
// points by which later scores fell, so only that basket is retracted.
func TestCancelledBasketWhileARowIsMissing(t *testing.T) {
	t.Parallel()
	durant := game{}.with("Durant", "layup", 100, 2)
	for name, tc := range map[string]struct {
		before, after game // the rows before the cancellation, and after the missing row has returned
		gone          string
	}{
		"free throw missing before it": {durant.with("Lee", "free_throw", 140, 3).with("Irving", "layup", 142, 5),
			durant.with("Lee", "free_throw", 140, 3), "basket_retracted 02:22 home Irving layup 7-0"},
		"free throw missing after it": {durant.with("Irving", "layup", 138, 4).with("Lee", "free_throw", 140, 5),
			durant.with("Lee", "free_throw", 140, 3), "basket_retracted 02:18 home Irving layup 7-0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := inThird(t, tc.before.with("Kelly", "jump_shot", 190, 7), 195, 7)
			later := func(g game) game { return g.with("Kelly", "jump_shot", 190, 5).with("Harden", "layup", 205, 7) }
			s.expect(later(durant).at(210, 7), tc.gone,
				"basket_corrected 03:10 home Kelly jump_shot 7-0 score:7-0→5-0", "basket 03:25 home Harden layup 7-0")
			all := later(tc.after)
			s.read(all.at(220, 7)) // can correct the score after the free throw
			for n := range 30 {
				s.expect(all.at(230+10*n, 7))
			}
		})
	}
}

// If a basket vanishes as its side scores again, its points may be part of the new score. The
// basket is retracted only after several complete pages without it.
func TestVanishedBasketInDoubt(t *testing.T) {
	t.Parallel()
	durant := game{}.with("Durant", "layup", 100, 2)
	s := inThird(t, durant.with("Irving", "layup", 160, 4), 170, 4)
	next := durant.with("Harden", "jump_shot", 200, 5)
	s.expect(next.at(201, 5), "basket 03:20 home Harden jump_shot 5-0")
	var lines []string
	for n := 1; lines == nil && n < 50; n++ {
		lines = s.read(next.at(201+5*n, 5))
	}
	if len(lines) != 1 || lines[0] != "basket_retracted 02:40 home Irving layup 5-0" {
		t.Errorf("events %v, want a retraction of the basket of Irving", lines)
	}
}

// If earlier points change, a basket and the free throw at the same match time do not change places.
func TestBasketAndFreeThrowKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	show := func(first int) game {
		return game{}.with("Green", "jump_shot", 90, first).with("Durant", "layup", 100, first+2).
			with("Durant", "free_throw", 100, first+3)
	}
	s := inThird(t, show(3), 110, 6)
	s.read(show(2).at(120, 5))
	s.expect(show(2).at(130, 5),
		"basket_corrected 01:30 home Green jump_shot 5-0 score:3-0→2-0",
		"basket_corrected 01:40 home Durant layup 5-0 score:5-0→4-0",
		"basket_corrected 01:40 home Durant free_throw 5-0 score:6-0→5-0")
}

// The event of a basket that a page lists late has the current score, not the score after the basket.
func TestScoreOfLateBasket(t *testing.T) {
	t.Parallel()
	durant := game{}.with("Durant", "layup", 100, 2)
	s := inThird(t, game{}.with("Green", "layup", 120, 4), 130, 4)
	s.expect(durant.with("Green", "layup", 120, 4).at(140, 4), "basket 01:40 home Durant layup 4-0")
}

// The officials cancel a basket, and so lower the score after two free throws. On the same page, the row of the
// second free throw is missing, and new baskets bring the score to that of the missing row. They do not replace the
// free throw, whose score is now lower. The free throw is not retracted, and its row returns later.
func TestRowMissingWhileAnEarlierBasketIsCancelled(t *testing.T) {
	t.Parallel()
	hunter := game{}.with("Hunter", "layup", 100, 2)
	throws := func(g game, before int) game {
		return g.with("Lee", "free_throw", 160, before+1).with("Lee", "free_throw", 160, before+2)
	}
	s := inThird(t, throws(hunter.with("Crowder", "layup", 140, 4), 4), 170, 6)
	next := func(g game) game {
		return g.with("Olynyk", "free_throw", 190, 5).with("Sullinger", "free_throw", 200, 6)
	}
	s.expect(next(hunter.with("Lee", "free_throw", 160, 3)).at(210, 6),
		"basket_retracted 02:20 home Crowder layup 6-0",
		"basket_corrected 02:40 home Lee free_throw 6-0 score:5-0→3-0",
		"basket 03:10 home Olynyk free_throw 6-0", "basket 03:20 home Sullinger free_throw 6-0")
	s.expect(next(throws(hunter, 2)).at(220, 6),
		"basket_corrected 02:40 home Lee free_throw 6-0 score:6-0→4-0")
}
