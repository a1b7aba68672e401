package scoreboard_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/season"
	"github.com/matchwire/matchwire/internal/testenv"
)

// The events of a whole season arrive in random order, some of them twice. Afterwards, each board
// agrees with the facts of its match.
func TestSeason(t *testing.T) {
	matches, err := season.Load(testenv.Needs(t, testenv.Season("../.."), "MATCHWIRE_SEASON"), event.Soccer)
	if err != nil || len(matches) == 0 {
		t.Fatalf("loaded %d matches, error %v; want one or more", len(matches), err)
	}
	step := 1
	if testing.Short() || testenv.Race {
		step = 20
	}
	type match struct {
		*season.Match
		events []event.Event
		facts  []season.Fact
	}
	var all []match
	for i := 0; i < len(matches); i += step {
		all = append(all, match{Match: &matches[i]})
	}
	var reading errgroup.Group
	reading.SetLimit(4)
	for i := range all {
		reading.Go(func() (err error) {
			all[i].events, all[i].facts, err = all[i].Events(t.Context(), 1)
			for n := range all[i].events {
				all[i].events[n].Time = time.Now() // the matches are years old, and boards are kept for days
			}
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		t.Fatal(err)
	}
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		boards, correct, events := scoreboard.NewBoards(r, "mw:"), 0, 0
		for n, m := range all {
			delivered := shuffled(m.events, uint64(n))
			events += len(delivered)
			deliver(t, c, delivered)
			board, ok, err := boards.Get(t.Context(), m.ID)
			if err != nil || !ok {
				t.Fatalf("match %s: found board %v, error %v, want a board", m.ID, ok, err)
			}
			if wrong := differences(board, m.Match, m.facts); len(wrong) > 0 {
				t.Errorf("board of match %s, %s v %s: %v", m.ID, m.Home, m.Away, wrong)
				continue
			}
			correct++
		}
		t.Logf("%d of %d boards agree with the facts, after %d events", correct, len(all), events)
		live, err := boards.List(t.Context(), true, 1000)
		if err != nil || len(live) > 0 {
			t.Errorf("%d matches are in the live list, error %v; want none, because all are over", len(live), err)
		}
	})
}

// shuffled returns the events in random order. It returns about a third of them twice.
func shuffled(events []event.Event, seed uint64) []event.Event {
	r := rand.New(rand.NewPCG(seed, 7))
	all := slices.Clone(events)
	for _, e := range events {
		if r.IntN(3) == 0 {
			all = append(all, e)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// deliver calls the consumer's handler as the runner does: up to c.Limit events at a time.
func deliver(t *testing.T, c consumers.Consumer, events []event.Event) {
	t.Helper()
	var handlers errgroup.Group
	handlers.SetLimit(c.Limit)
	for _, e := range events {
		handlers.Go(func() error { return c.Handle(t.Context(), e) })
	}
	if err := handlers.Wait(); err != nil {
		t.Fatal(err)
	}
}

// differences returns how a board differs from the facts.
func differences(b scoreboard.Board, m *season.Match, facts []season.Fact) (wrong []string) {
	same := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", what, got, want))
		}
	}
	same("status", b.Status, event.Final)
	same("home", b.Home, m.Home)
	same("away", b.Away, m.Away)
	same("score", *b.Score, event.Score(m.Final))
	if m.Shootout != nil && b.Shootout != nil {
		same("shoot-out", *b.Shootout, event.Score(*m.Shootout))
	} else {
		same("presence of a shoot-out", b.Shootout != nil, m.Shootout != nil)
	}
	onBoard, happened := map[string]int{}, map[string]int{}
	var order []event.Clock
	for _, i := range b.Incidents {
		if i.Action == event.Retracted || i.Side == "" {
			continue
		}
		onBoard[fmt.Sprintf("%s %s %s %s %s %d+%d",
			i.Kind, i.Detail, i.Side, i.Player, i.Off, i.Clock.Minute, i.Clock.Stoppage)]++
		order = append(order, *i.Clock)
	}
	for _, f := range facts {
		happened[fmt.Sprintf("%s %s %s %s %s %d+%d",
			f.Kind, f.Detail, f.Side, f.Player, f.Off, f.Clock.Minute, f.Clock.Stoppage)]++
	}
	for k := range maps.Keys(onBoard) {
		if onBoard[k] != happened[k] {
			wrong = append(wrong, fmt.Sprintf("%s is on the board %d times, want %d", k, onBoard[k], happened[k]))
		}
	}
	for k, n := range happened {
		if onBoard[k] == 0 {
			wrong = append(wrong, fmt.Sprintf("%s is missing, want it %d times", k, n))
		}
	}
	if !slices.IsSortedFunc(order, func(a, b event.Clock) int {
		switch {
		case a.Before(event.Soccer, b):
			return -1
		case b.Before(event.Soccer, a):
			return 1
		}
		return 0
	}) {
		wrong = append(wrong, "the incidents are not ordered by clock")
	}
	return wrong
}
