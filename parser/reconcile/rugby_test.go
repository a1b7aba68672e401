package reconcile_test

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// rugbyAt returns an observation of a rugby match in its first half.
func rugbyAt(minute int, score event.Score, in ...observation.Incident) observation.Observation {
	o := observed(event.Live, "1h", score, in...)
	o.Sport, o.League = event.Rugby, "Top 14"
	o.Match.Clock = event.Rugby.AtMinute("1h", minute, 0)
	return o
}

// scored returns a rugby incident of the home side. after is the score after the incident, or nil if
// the incident added no points.
func scored(k event.Kind, detail, player string, minute int, after *event.Score) observation.Incident {
	return observation.Incident{Kind: k, Detail: detail, Side: event.Home, Player: player, Score: after,
		Clock: event.Rugby.AtMinute("", minute, 0)}
}

// A missed conversion is an incident of its own. It does not change the score, and does not take the
// place of the try of the same player.
func TestMissedConversion(t *testing.T) {
	t.Parallel()
	five, ten := event.Score{Home: 5}, event.Score{Home: 10}
	try, missed := scored("try", "", "Nadolo", 20, &five), scored("conversion", event.Missed, "Nadolo", 21, nil)
	s := begin(t, rugbyAt(19, event.Score{}))
	s.expect(rugbyAt(20, five, try), "try 20' home Nadolo 5-0")
	s.expect(rugbyAt(21, five, try, missed), "conversion 21' home Nadolo missed 5-0")
	s.expect(rugbyAt(22, five, missed)) // the row of the try is missing
	s.expect(rugbyAt(23, five, try, missed))
	again := scored("try", "", "Nadolo", 30, &ten)
	s.expect(rugbyAt(31, ten, try, missed, again), "try 30' home Nadolo 10-0")
	for range 3 {
		s.expect(rugbyAt(40, ten, try, again))
	}
	for range 4 {
		s.read(rugbyAt(40, ten, try, again))
	}
	if n := len(s.state.Tracked); n != 4 { // with the starts of the match and of the half
		t.Errorf("%d incidents after the missed conversion has been removed, want 4", n)
	}
}

// A player scores a try and converts it in the same minute. The page corrects the name of the scorer, and
// moves the conversion to the next minute. Both stay what they are.
func TestTryAndConversionAreEdited(t *testing.T) {
	t.Parallel()
	try := scored("try", "", "Damian Willemse", 8, &event.Score{Home: 5})
	conversion := scored("conversion", "", "Willemse", 8, &event.Score{Home: 7})
	s := begin(t, rugbyAt(7, event.Score{}))
	s.expect(rugbyAt(8, event.Score{Home: 7}, try, conversion), "try 8' home Damian Willemse 5-0",
		"conversion 8' home Willemse 7-0")
	try.Player, conversion.Clock = "Willemse", event.Rugby.AtMinute("", 9, 0)
	s.expect(rugbyAt(10, event.Score{Home: 7}, try, conversion),
		"try_corrected 8' home Willemse 7-0 player:Damian Willemse→Willemse",
		"conversion_corrected 9' home Willemse 7-0 time:8'→9'")
}

// The TMO disallows the first of two tries in one minute. The page lists the second try with a lower score.
// Then the second try becomes a penalty try.
func TestDisallowedTryBeforeAPenaltyTry(t *testing.T) {
	t.Parallel()
	one := scored("try", "", "Nadolo", 18, &event.Score{Home: 5})
	two := scored("try", "", "Moefana", 18, &event.Score{Home: 10})
	s := begin(t, rugbyAt(17, event.Score{}))
	s.expect(rugbyAt(18, event.Score{Home: 5}, one), "try 18' home Nadolo 5-0")
	s.expect(rugbyAt(18, event.Score{Home: 10}, one, two), "try 18' home Moefana 10-0")
	two.Score = &event.Score{Home: 5}
	s.expect(rugbyAt(20, event.Score{Home: 5}, two))
	penaltyTry := scored("try", "penalty_try", "", 18, &event.Score{Home: 7})
	s.expect(rugbyAt(21, event.Score{Home: 7}, penaltyTry), "try_retracted 18' home Nadolo 7-0",
		"try_corrected 18' home penalty_try 7-0 detail:→penalty_try player:Moefana→ score:10-0→7-0")
}

// A kicker can miss twice in one minute.
func TestTwoMissesInAMinute(t *testing.T) {
	t.Parallel()
	missed := scored("penalty_goal", event.Missed, "Du Preez", 12, nil)
	s := begin(t, rugbyAt(11, event.Score{}))
	s.expect(rugbyAt(12, event.Score{}, missed), "penalty_goal 12' home Du Preez missed 0-0")
	s.expect(rugbyAt(12, event.Score{}, missed, missed), "penalty_goal 12' home Du Preez missed 0-0")
}

// The referee awards a penalty try in place of the try of a player. No player scores a penalty try. Then
// the referee reverses the decision.
func TestTryBecomesPenaltyTry(t *testing.T) {
	t.Parallel()
	five, seven := event.Score{Home: 5}, event.Score{Home: 7}
	s := begin(t, rugbyAt(19, event.Score{}))
	s.expect(rugbyAt(20, five, scored("try", "", "Villiere", 20, &five)), "try 20' home Villiere 5-0")
	s.expect(rugbyAt(21, seven, scored("try", "penalty_try", "", 20, &seven)),
		"try_corrected 20' home penalty_try 7-0 detail:→penalty_try player:Villiere→ score:5-0→7-0")
	s.expect(rugbyAt(22, five, scored("try", "", "Villiere", 20, &five)))
	s.expect(rugbyAt(23, five, scored("try", "", "Villiere", 20, &five)),
		"try_corrected 20' home Villiere 5-0 detail:penalty_try→ player:→Villiere score:7-0→5-0")
}

// The television match official (TMO) disallows a try. The next try is another incident.
func TestTryDisallowed(t *testing.T) {
	t.Parallel()
	five := event.Score{Home: 5}
	review := observation.Incident{Kind: "tmo_review", Detail: "no_try", Clock: event.Rugby.AtMinute("1h", 20, 0)}
	s := begin(t, rugbyAt(19, event.Score{}))
	s.expect(rugbyAt(20, five, scored("try", "", "Penaud", 20, &five)), "try 20' home Penaud 5-0")
	s.expect(rugbyAt(21, event.Score{}, review), "tmo_review 20' no_try 5-0")
	s.expect(rugbyAt(22, event.Score{}, review), "try_retracted 20' home Penaud 0-0")
	s.expect(rugbyAt(25, five, review, scored("try", "", "Dupont", 24, &five)), "try 24' home Dupont 5-0")
}

// If the pages that lack a row all have the same bytes, they may be stale copies. Then the row must
// be missing for longer before its incident is retracted.
func TestCopiesWithoutRow(t *testing.T) {
	t.Parallel()
	sub := observation.Incident{Kind: event.Substitution, Side: event.Away, Player: "Sela", Off: "Du Toit",
		Clock: event.Rugby.AtMinute("1h", 30, 0)}
	card := scored(event.YellowCard, "", "Curry", 20, nil)
	s := begin(t, rugbyAt(29, event.Score{}, card))
	s.snapshot = "with the row"
	s.expect(rugbyAt(31, event.Score{}, card, sub), "substitution 30' away Sela 0-0")
	s.snapshot = "without the row"
	for range 8 { // two minutes and 20 seconds
		s.expect(rugbyAt(32, event.Score{}, card))
	}
	s.snapshot = "with the row again"
	s.expect(rugbyAt(34, event.Score{}, card, sub))
	var got []string
	s.snapshot = "without the row, for a long time"
	for range 20 {
		got = append(got, s.read(rugbyAt(35, event.Score{}, card))...)
	}
	if len(got) != 1 || got[0] != "substitution_retracted 30' away Sela 0-0" {
		t.Errorf("events %v, want only the retraction of the substitution", got)
	}
}

// If a row does not name the player who went off, the player is not copied from another
// substitution.
func TestSubstitutionWithoutPlayerOff(t *testing.T) {
	t.Parallel()
	sub := func(on, off string) observation.Incident {
		return observation.Incident{Kind: event.Substitution, Side: event.Home, Player: on, Off: off,
			Clock: event.Rugby.AtMinute("1h", 30, 0)}
	}
	s := begin(t, rugbyAt(29, event.Score{}))
	s.expect(rugbyAt(30, event.Score{}, sub("Lee-Lo", "Stanley")), "substitution 30' home Lee-Lo 0-0")
	s.read(rugbyAt(31, event.Score{}, sub("Johnston", ""))) // the row of Lee-Lo is missing
	s.read(rugbyAt(32, event.Score{}, sub("Lee-Lo", "Stanley"), sub("Johnston", "")))
	for _, tracked := range s.state.Tracked {
		if tracked.Player == "Johnston" && tracked.Off != "" {
			t.Errorf("Johnston replaces %q, want no name, because the page shows none", tracked.Off)
		}
	}
}

// The page first shows a drop goal as a penalty goal. It is the same kick.
func TestPenaltyGoalBecomesDropGoal(t *testing.T) {
	t.Parallel()
	three := event.Score{Home: 3}
	s := begin(t, rugbyAt(4, event.Score{}))
	s.expect(rugbyAt(5, three, scored("penalty_goal", "", "Segonds", 5, &three)), "penalty_goal 5' home Segonds 3-0")
	s.expect(rugbyAt(7, three, scored("drop_goal", "", "Segonds", 5, &three)),
		"drop_goal_corrected 5' home Segonds 3-0 kind:penalty_goal→drop_goal")
	s.expect(rugbyAt(8, three, scored("drop_goal", "", "Segonds", 5, &three)))
}

// A try is cancelled, and at the same time the next try becomes a penalty try, which counts two
// points more. The cancelled try is retracted, although the score after the next try falls by only
// three points.
func TestTryCancelledAsNextBecomesPenaltyTry(t *testing.T) {
	t.Parallel()
	after := func(points int) *event.Score { return &event.Score{Home: points} }
	cancelled, try := scored("try", "", "Ori", 21, after(5)), scored("try", "", "Le Roux", 25, after(10))
	s := begin(t, rugbyAt(20, event.Score{}))
	s.expect(rugbyAt(25, *after(10), cancelled, try), "try 21' home Ori 5-0", "try 25' home Le Roux 10-0")
	penalty, next := scored("try", event.PenaltyTry, "", 25, after(7)), scored("try", "", "Kok", 28, after(12))
	s.expect(rugbyAt(28, *after(12), penalty, next), "try_retracted 21' home Ori 12-0",
		"try_corrected 25' home penalty_try 12-0 detail:→penalty_try player:Le Roux→ score:10-0→7-0",
		"try 28' home Kok 12-0")
}

// A page that shows full time by mistake in the first half does not end the match, even if no page
// was read for 15 minutes. If pages show full time for twenty minutes, the match is over. It may be
// a rugby sevens match, which has shorter halves.
func TestRugbyEndInTheFirstHalf(t *testing.T) {
	t.Parallel()
	for _, minute := range []int{6, 25, 40} {
		s := begin(t, rugbyAt(minute, event.Score{}))
		s.now += 15 * time.Minute // no page can be read
		full := rugbyAt(minute, event.Score{})
		full.Match.Status, full.Match.Period, full.Match.Clock = event.Ended, "", event.Clock{}
		if s.expect(full); s.state.Match.Status.Over() {
			t.Errorf("an end 15 minutes after minute %d: status %s, want no end", minute, s.state.Match.Status)
		}
		for range 65 { // over twenty minutes
			s.read(full)
		}
		if !s.state.Match.Status.Over() {
			t.Errorf("an end after minute %d that persists: status %s, want an end", minute, s.state.Match.Status)
		}
	}
}

// A rugby sevens match ends at the first page that shows its end, if a page has shown the second half.
func TestSevensEnd(t *testing.T) {
	t.Parallel()
	s := begin(t, rugbyAt(6, event.Score{}))
	s.now += 6 * time.Minute
	second := rugbyAt(14, event.Score{})
	second.Match.Period, second.Match.Clock = event.SecondHalf, event.Rugby.AtMinute(event.SecondHalf, 14, 0)
	s.read(second)
	full := second
	full.Match.Status, full.Match.Period, full.Match.Clock = event.Ended, "", event.Clock{}
	if s.read(full); !s.state.Match.Status.Over() {
		t.Errorf("status %s, want an end", s.state.Match.Status)
	}
}

// A kicker can miss a conversion and make the next one in the same minute.
func TestConversionAfterMiss(t *testing.T) {
	t.Parallel()
	five, ten, twelve := event.Score{Home: 5}, event.Score{Home: 10}, event.Score{Home: 12}
	first, second := scored("try", "", "Liebenberg", 10, &five), scored("try", "", "Liebenberg", 11, &ten)
	missed := scored("conversion", event.Missed, "Pollard", 12, nil)
	kicked := scored("conversion", "", "Pollard", 12, &twelve)
	s := begin(t, rugbyAt(11, ten, first, second))
	s.expect(rugbyAt(12, twelve, first, second, missed, kicked),
		"conversion 12' home Pollard 12-0", "conversion 12' home Pollard missed 12-0")
}

// A try whose row was missing while an earlier try was cancelled is still the same try.
func TestTryReturnsWithAnotherScore(t *testing.T) {
	t.Parallel()
	after := func(points int) *event.Score { return &event.Score{Home: points} }
	cancelled, try, kick := scored("try", "", "Ori", 5, after(5)), scored("try", "", "Le Roux", 18, after(10)),
		scored("conversion", "", "Le Roux", 19, after(12))
	s := begin(t, rugbyAt(4, event.Score{}))
	s.expect(rugbyAt(20, *after(12), cancelled, try, kick), "try 5' home Ori 5-0", "try 18' home Le Roux 10-0",
		"conversion 19' home Le Roux 12-0")
	kick.Score = after(7)
	next := scored("try", "", "Van Staden", 23, after(12))
	s.read(rugbyAt(23, *after(12), kick, next)) // the row of the try of Le Roux is missing
	try.Score = after(5)
	for _, line := range s.read(rugbyAt(24, *after(12), try, kick, next)) {
		if line == "try 18' home Le Roux 12-0" {
			t.Errorf("the try of Le Roux is reported again")
		}
	}
	tries := 0
	for i := range s.state.Tracked {
		if tracked := &s.state.Tracked[i]; tracked.Player == "Le Roux" && tracked.Kind == "try" {
			tries++
		}
	}
	if tries != 1 {
		t.Errorf("%d tries of Le Roux, want 1", tries)
	}
}

// A try and a penalty try are in one minute. The TMO disallows the try, and the page lists the penalty try with a lower
// score. The penalty try stays the same incident: the other one has not become a penalty try.
func TestDisallowedTryInTheMinuteOfAPenaltyTry(t *testing.T) {
	t.Parallel()
	penaltyTry := func(home int) observation.Incident {
		return scored("try", "penalty_try", "", 10, &event.Score{Home: home})
	}
	try := scored("try", "", "Nadolo", 10, &event.Score{Home: 5})
	s := begin(t, rugbyAt(9, event.Score{}))
	s.expect(rugbyAt(10, event.Score{Home: 12}, try, penaltyTry(12)),
		"try 10' home Nadolo 5-0", "try 10' home penalty_try 12-0")
	later := scored("try", "", "Radwan", 23, &event.Score{Home: 12})
	s.expect(rugbyAt(24, event.Score{Home: 12}, penaltyTry(7), later), "try_retracted 10' home Nadolo 12-0",
		"try_corrected 10' home penalty_try 12-0 score:12-0→7-0", "try 23' home Radwan 12-0")
}
