package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// tennisAt returns an observation of a tennis match in a set.
func tennisAt(set event.Period, games event.Score, in ...observation.Incident) observation.Observation {
	o := observed(event.Live, set, games, in...)
	o.Sport, o.League = event.Tennis, "Wimbledon"
	return o
}

// withSets returns o with the games of all sets. The score is that of the last set.
func withSets(o observation.Observation, sets ...event.Score) observation.Observation {
	o.LineScore = &event.LineScore{}
	for _, s := range sets {
		o.LineScore.Home = append(o.LineScore.Home, event.Innings{Runs: s.Home})
		o.LineScore.Away = append(o.LineScore.Away, event.Innings{Runs: s.Away})
		o.Score = new(s)
	}
	return o
}

// wins returns a game, or a set, that a side wins in a set. after is the score after the game or
// set.
func wins(k event.Kind, side event.Side, set event.Period, after event.Score) observation.Incident {
	player := map[event.Side]string{event.Home: "Murray", event.Away: "Ferrer"}[side]
	return observation.Incident{Kind: k, Side: side, Player: player, Score: &after, Clock: event.Clock{Period: set}}
}

// The event of a set follows the event of its last game, and has the score in games. The row of a
// set at 1-0 is not confused with the row of a game at 1-0.
func TestTennisSetAfterItsLastGame(t *testing.T) {
	t.Parallel()
	first := wins("game", event.Home, "s1", event.Score{Home: 1})
	last := wins("game", event.Home, "s1", event.Score{Home: 6})
	set := wins("set", event.Home, "s1", event.Score{Home: 1})
	s := begin(t, tennisAt("s1", event.Score{Home: 5}, first))
	s.expect(tennisAt("s1", event.Score{Home: 6}, first, last, set), "game home Murray 6-0", "set home Murray 6-0")
	s.expect(tennisAt("s1", event.Score{Home: 6}, last, set)) // the row of the first game vanishes for a while
	s.expect(tennisAt("s2", event.Score{}, first, last, set),
		"period_end s1 6-0", "period_start s2 6-0", "score_change 0-0")
}

// The umpire cancels a game, because a point has to be replayed.
func TestTennisGameCancelled(t *testing.T) {
	t.Parallel()
	one, two := wins("game", event.Home, "s2", event.Score{Home: 1}), wins("game", event.Home, "s2", event.Score{Home: 2})
	s := begin(t, tennisAt("s2", event.Score{Home: 1}, one))
	s.expect(tennisAt("s2", event.Score{Home: 2}, one, two), "game home Murray 2-0")
	var lines []string
	for range 8 {
		lines = append(lines, s.read(tennisAt("s2", event.Score{Home: 1}, one))...)
		s.now += 20 * time.Second
	}
	if len(lines) != 1 || lines[0] != "game_retracted home Murray 1-0" {
		t.Errorf("events %v, want only the retraction of the second game", lines)
	}
	// A lower score in the next set retracts no game.
	s.expect(tennisAt("s3", event.Score{}, one), "period_end s2 1-0", "period_start s3 1-0", "score_change 0-0")
}

// The page first gives a game to the wrong player. The game is retracted, and reported for the
// other player, when the corrected page has persisted.
func TestTennisGameOfOtherPlayer(t *testing.T) {
	t.Parallel()
	wrong := wins("game", event.Home, "s2", event.Score{Home: 1, Away: 2})
	three := wins("game", event.Away, "s2", event.Score{Away: 3})
	s := begin(t, tennisAt("s2", event.Score{Away: 2}))
	s.expect(tennisAt("s2", event.Score{Home: 1, Away: 2}, wrong), "game home Murray 1-2")
	var lines []string
	for range 10 {
		lines = append(lines, s.read(tennisAt("s2", event.Score{Away: 3}, three))...)
	}
	if want := []string{"game_retracted home Murray 0-3", "game away Ferrer 0-3"}; !slices.Equal(lines, want) {
		t.Errorf("events %v, want %v", lines, want)
	}
}

// A game is cancelled after its set is over. It is retracted when complete pages have not listed it
// for two minutes.
func TestTennisGameOfEarlierSetCancelled(t *testing.T) {
	t.Parallel()
	six := wins("game", event.Home, "s1", event.Score{Home: 6})
	seven := wins("game", event.Home, "s1", event.Score{Home: 7})
	next := wins("game", event.Away, "s2", event.Score{Away: 1})
	s := begin(t, tennisAt("s1", event.Score{Home: 7}, six, seven))
	s.read(tennisAt("s2", event.Score{Away: 1}, six, seven, next))
	s.expect(tennisAt("s2", event.Score{Away: 1}, six, next)) // the row may return
	s.expect(tennisAt("s2", event.Score{Away: 1}, six, seven, next))
	var lines []string
	for range 12 {
		lines = append(lines, s.read(tennisAt("s2", event.Score{Away: 1}, six, next))...)
	}
	if len(lines) != 1 || lines[0] != "game_retracted home Murray 0-1" {
		t.Errorf("events %v, want only the retraction of the seventh game", lines)
	}
}

// The row of the last game of a set is late. The event of the game has the score of the next set.
func TestTennisLateRow(t *testing.T) {
	t.Parallel()
	five, six := wins("game", event.Home, "s1", event.Score{Home: 5}), wins("game", event.Home, "s1", event.Score{Home: 6})
	one, two := wins("game", event.Away, "s2", event.Score{Away: 1}), wins("game", event.Away, "s2", event.Score{Away: 2})
	s := begin(t, tennisAt("s1", event.Score{Home: 5}, five))
	s.expect(tennisAt("s1", event.Score{Home: 6}, five), "score_change 6-0")
	s.expect(tennisAt("s2", event.Score{Away: 2}, five, two),
		"period_end s1 6-0", "period_start s2 6-0", "game away Ferrer 0-2")
	s.expect(tennisAt("s2", event.Score{Away: 2}, five, six, two), "game home Murray 0-2")
	s.expect(tennisAt("s2", event.Score{Away: 2}, five, six, one, two), "game away Ferrer 0-2")
}

// The first page shows that the second set has just begun.
func TestTennisFirstPageInSecondSet(t *testing.T) {
	t.Parallel()
	six := wins("game", event.Home, "s1", event.Score{Home: 6})
	s := &story{t: t}
	s.state.Epoch = "e1"
	s.expect(tennisAt("s2", event.Score{}, six), "match_start 0-0 backfill", "period_start s1 0-0 backfill",
		"game home Murray 6-0 backfill", "period_end s1 6-0 backfill", "period_start s2 6-0 backfill",
		"score_change 0-0 backfill")
}

// The page first shows a game as a hold, and then as a break.
func TestTennisHoldBecomesBreak(t *testing.T) {
	t.Parallel()
	hold := wins("game", event.Home, "s1", event.Score{Home: 1})
	hold.Detail = "hold"
	s := begin(t, tennisAt("s1", event.Score{}))
	s.expect(tennisAt("s1", event.Score{Home: 1}, hold), "game home Murray hold 1-0")
	s.expect(tennisAt("s1", event.Score{Home: 1}, wins("break", event.Home, "s1", event.Score{Home: 1})),
		"break_corrected home Murray 1-0 detail:hold→ kind:game→break")
}

// An old copy of the page with fewer games of the set changes nothing.
func TestTennisStaleCopy(t *testing.T) {
	t.Parallel()
	s := begin(t, tennisAt("s2", event.Score{Home: 2}))
	s.expect(tennisAt("s2", event.Score{Home: 3}), "score_change 3-0")
	s.expect(tennisAt("s2", event.Score{Home: 2}))
	s.expect(tennisAt("s2", event.Score{Home: 3}))
}

// If a set ends and the next set begins between two polls, the line score shows the final score of
// the first set.
func TestTennisSetEndsBetweenTwoPolls(t *testing.T) {
	t.Parallel()
	s := begin(t, withSets(tennisAt("s1", event.Score{}), event.Score{Home: 5, Away: 4}))
	s.expect(withSets(tennisAt("s2", event.Score{}), event.Score{Home: 7, Away: 5}, event.Score{Away: 1}),
		"score_change 7-5", "period_end s1 7-5", "period_start s2 7-5", "score_change 0-1")
	s.expect(withSets(tennisAt("s2", event.Score{}), event.Score{Home: 7, Away: 5}, event.Score{Away: 2}),
		"score_change 0-2")
	if sets := s.state.LineScore.String(); sets != "7 & 0 v 5 & 2" {
		t.Errorf("sets %s, want 7 & 0 v 5 & 2", sets)
	}
}

// A single page that shows the end in the middle of a set does not end the match. If a player
// retires, a single page ends the match.
func TestTennisEndInTheMiddleOfASet(t *testing.T) {
	t.Parallel()
	for _, score := range []event.Score{{Home: 3, Away: 2}, {Home: 6, Away: 6}, {Home: 5, Away: 6}, {}} {
		s := begin(t, tennisAt("s3", score))
		over := tennisAt("", score)
		over.Match.Status = event.Final
		if lines := s.read(over); hasEnded(lines) {
			t.Errorf("one page shows the end at %v: events %v, want no end", score, lines)
		}
		s.expect(tennisAt("s3", score))
		over.Match.Status, over.Winner = event.Retired, "away"
		if lines := s.read(over); !hasEnded(lines) {
			t.Errorf("a player retires at %v: events %v, want the end", score, lines)
		}
	}
	won := map[event.Period]event.Score{"s3": {Home: 7, Away: 6}, "s5": {Home: 70, Away: 68}, "s2": {Home: 2}}
	for set, score := range won {
		s := begin(t, tennisAt(set, score))
		over := tennisAt("", score)
		over.Match.Status = event.Final
		if lines := s.read(over); !hasEnded(lines) {
			t.Errorf("the end at %v in %s: events %v, want the end", score, set, lines)
		}
	}
}

// In a match tie-break to ten points, the score counts points. Its winner has won the match.
func TestTennisMatchTieBreak(t *testing.T) {
	t.Parallel()
	six, one, tie := event.Score{Home: 6, Away: 1}, event.Score{Home: 3, Away: 6}, event.Score{Home: 8, Away: 10}
	s := begin(t, withSets(tennisAt("s2", event.Score{}), six, one))
	s.expect(withSets(tennisAt("s3", event.Score{}), six, one, event.Score{Home: 4, Away: 3}),
		"period_end s2 3-6", "period_start s3 3-6", "score_change 4-3")
	over := tennisAt("", event.Score{})
	over.Match.Status = event.Final
	s.expect(withSets(over, six, one, tie), "score_change 8-10", "period_end s3 8-10", "match_end 8-10 away by regulation")
}

// If a page shows all sets, and the last set is won, the end is accepted at once.
func TestTennisEndWithAllSets(t *testing.T) {
	t.Parallel()
	first, second := event.Score{Home: 4, Away: 6}, event.Score{Home: 1, Away: 5}
	s := begin(t, withSets(tennisAt("s2", event.Score{}), first, second))
	s.now += time.Hour
	over := tennisAt("", event.Score{})
	over.Match.Status = event.Final
	if lines := s.read(withSets(over, first, event.Score{Home: 1, Away: 6})); !hasEnded(lines) {
		t.Errorf("events %v, want the end", lines)
	}
}

// The page of a match that has ended lists no games. A game of an earlier set with the same score
// does not explain the score of the last set.
func TestTennisLastGameWithoutARow(t *testing.T) {
	t.Parallel()
	rows := []observation.Incident{wins("game", event.Home, "s1", event.Score{Home: 6, Away: 4}),
		wins("game", event.Home, "s2", event.Score{Home: 5, Away: 4})}
	s := begin(t, tennisAt("s2", event.Score{Home: 5, Away: 4}, rows...))
	s.now += time.Hour
	over := tennisAt("", event.Score{Home: 6, Away: 4})
	over.Match.Status = event.Final
	if lines := s.read(over); !slices.Contains(lines, "score_change 6-4") {
		t.Errorf("events %v, want score_change 6-4", lines)
	}
}

// The page corrects the winner of a game after the end of the match, when it no longer names the
// set.
func TestTennisGameGoesToTheOtherPlayerAtTheEnd(t *testing.T) {
	t.Parallel()
	var rows []observation.Incident
	for n := range 4 {
		rows = append(rows, wins("game", event.Away, "s2", event.Score{Away: n + 1}))
	}
	wrong := wins("game", event.Home, "s2", event.Score{Home: 1, Away: 4})
	s := begin(t, tennisAt("s2", event.Score{Home: 1, Away: 4}, append(slices.Clone(rows), wrong)...))
	s.now += time.Hour
	over := tennisAt("", event.Score{Away: 6}, append(rows, wins("game", event.Away, "s2", event.Score{Away: 5}),
		wins("game", event.Away, "s2", event.Score{Away: 6}))...)
	over.Match.Status = event.Final
	var lines []string
	for range 12 {
		lines = append(lines, s.read(over)...)
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "game_retracted home Murray") }) {
		t.Errorf("events %v, want a retraction of the game of Murray", lines)
	}
}

// The pages remove the last game of a set. When the lower score is confirmed, the page lacks the
// rows of the set, so the game is not retracted. Then the score includes the game again.
func TestTennisGameIsBackInTheScore(t *testing.T) {
	t.Parallel()
	earlier := wins("game", event.Home, "s1", score(1, 0))
	five, six := wins("game", event.Home, "s2", score(5, 2)), wins("game", event.Home, "s2", score(6, 2))
	s := begin(t, tennisAt("s2", score(5, 2), earlier, five))
	s.expect(tennisAt("s2", score(6, 2), earlier, five, six), "game home Murray 6-2")
	for range 3 {
		s.now += 20 * time.Second
		s.expect(tennisAt("s2", score(5, 2), earlier, five))
	}
	s.now += 20 * time.Second
	s.read(tennisAt("s2", score(5, 2), earlier))
	if *s.state.Score != score(5, 2) {
		t.Fatalf("the saved score is %v, want 5-2: the lower score is confirmed", s.state.Score)
	}
	s.now += 20 * time.Second
	s.expect(tennisAt("s2", score(6, 2), earlier, five), "score_change 6-2")
}

// The umpire cancels a game, so the page has the bytes of an older page again. After it was confirmed, it
// is the latest page. A stale copy with the cancelled game then changes nothing, however often the page was
// read before.
func TestTennisStaleCopyAfterAGameWasCancelled(t *testing.T) {
	t.Parallel()
	before, with := tennisAt("s2", score(6, 5)), tennisAt("s2", score(6, 6))
	s := begin(t, tennisAt("s2", score(5, 5)))
	s.snapshot = "before"
	s.expect(before, "score_change 6-5")
	s.snapshot = "with"
	s.expect(with, "score_change 6-6")
	s.snapshot, s.superseded = "before", true
	s.now += time.Minute
	s.expect(before)
	s.now += time.Minute
	s.expect(before)
	s.now += time.Minute
	s.expect(before, "score_change 6-5")
	for range 2 {
		s.now += time.Minute
		s.expect(before)
	}
	s.snapshot = "with"
	s.now += time.Minute
	s.expect(with)
}

// Rain stops a match before its first game. When the next page is read, the second set has begun. The last event
// of the page has the score of the second set.
func TestFirstSetBetweenTwoPages(t *testing.T) {
	t.Parallel()
	first := tennisAt("", score(0, 0))
	first.Match.Status = event.Scheduled
	s := begin(t, first)
	stopped := tennisAt("", score(0, 0))
	stopped.Match.Status = event.Suspended
	s.expect(stopped, "status_change suspended 0-0")
	s.now += 18 * time.Hour
	five, six := wins("game", event.Away, "s1", score(0, 5)), wins("game", event.Away, "s1", score(0, 6))
	s.expect(withSets(tennisAt("s2", score(0, 0), five, six), score(0, 6), score(0, 0)),
		"match_start 0-0", "period_start s1 0-0", "game away Ferrer 0-5", "game away Ferrer 0-6",
		"period_end s1 0-6", "period_start s2 0-6", "score_change 0-0")
}

// Rain stops a match before the first game of its third set. When the next page is read, the third set is over, and
// no game of the fourth set has been played. The last event of the page has the score of the fourth set.
func TestWholeSetBetweenTwoPages(t *testing.T) {
	t.Parallel()
	second := wins("game", event.Home, "s2", score(6, 3))
	s := begin(t, tennisAt("s2", score(6, 3), second))
	s.expect(tennisAt("s3", score(0, 0), second), "period_end s2 6-3", "period_start s3 6-3", "score_change 0-0")
	s.now += 18 * time.Hour
	five, six := wins("game", event.Away, "s3", score(0, 5)), wins("game", event.Away, "s3", score(0, 6))
	s.expect(tennisAt("s4", score(0, 0), second, five, six),
		"game away Ferrer 0-5", "game away Ferrer 0-6", "period_end s3 0-6", "period_start s4 0-6", "score_change 0-0")
}
