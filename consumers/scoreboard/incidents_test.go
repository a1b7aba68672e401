package scoreboard_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// revision returns an event that reports a revision of an incident.
func revision(
	t *testing.T, incident string, rev int, action event.Action, epoch string, seq int64, player string,
) event.Event {
	t.Helper()
	e := goal(t, epoch, seq, 1, 0)
	e.Data.Incident, e.Data.Rev, e.Data.Action, e.Data.Player = incident, rev, action, player
	e.Type = "soccer.mls." + event.Goal.Word(action)
	e.ID = fmt.Sprint(incident, rev, epoch)
	return e
}

// incidents returns the incidents of match m1 as text.
func incidents(t *testing.T, r *redis.Client) string {
	t.Helper()
	b, ok, err := scoreboard.NewBoards(r, "mw:").Get(t.Context(), "m1")
	if err != nil || !ok {
		t.Fatalf("Get(m1): found %v, error %v, want a board", ok, err)
	}
	var all []string
	for _, i := range b.Incidents {
		all = append(all, fmt.Sprintf("%s r%d %s %s", i.ID, i.Rev, i.Action, i.Player))
	}
	return strings.Join(all, ", ")
}

// Regardless of the order of arrival, the board contains the latest revision of each incident, at the
// position of its first revision. Incidents of an earlier epoch are removed.
func TestIncidentsInAnyOrder(t *testing.T) {
	events := []event.Event{
		revision(t, "old", 1, event.New, "e1", 5, "Hernandez"),
		revision(t, "a", 1, event.New, "e1", 6, "Before the state was lost"),
		revision(t, "a", 1, event.New, "e2", 1, "Giovinco"), // the parser lost its state and published the incident again
		revision(t, "b", 1, event.New, "e2", 2, "Altidore"),
		revision(t, "a", 2, event.Corrected, "e2", 3, "Osorio"),
		revision(t, "b", 2, event.Retracted, "e2", 4, "Altidore"),
		revision(t, "b2", 1, event.New, "e2", 5, "Morrow"), // the same goal after its retraction: a new incident
	}
	for i := range events { // all incidents have the same clock, so their order depends on seq
		c := event.SoccerMinute("", 10, 0)
		events[i].Data.Clock = &c
	}
	const want = "a r2 corrected Osorio, b r2 retracted Altidore, b2 r1 new Morrow"
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		for seed := range 40 {
			handle(t, c, shuffled(events, uint64(seed))...)
			if got := incidents(t, r); got != want {
				t.Errorf("seed %d: incidents are %s, want %s", seed, got, want)
			}
			boardTTL := r.PTTL(t.Context(), scoreboard.Key("mw:", "m1")).Val()
			incidentsTTL := r.PTTL(t.Context(), scoreboard.IncidentsKey("mw:", "m1")).Val()
			if incidentsTTL < time.Hour || incidentsTTL > boardTTL+time.Second {
				t.Errorf("the incidents expire in %v, want an hour or more, and no later than the board, which expires in %v",
					incidentsTTL, boardTTL)
			}
			r.FlushDB(t.Context())
		}
	})
}

// If the latest event lacks the score, the teams or the kick-off time, the board keeps the values of the
// previous event. The order of arrival makes no difference.
func TestLaterEventWithoutScore(t *testing.T) {
	full, bare := goal(t, "e", 1, 2, 1), goal(t, "e", 2, 0, 0)
	full.Data.Match.Start = time.Date(2016, 11, 6, 23, 30, 0, 0, time.UTC)
	full.Data.Shootout = &event.Score{Home: 4, Away: 5}
	bare.Data.Score, bare.Data.Match.Home, bare.Data.Match.Away, bare.Data.Match.Status = nil, "", "", event.Final
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		for _, order := range [][]event.Event{{full, bare}, {bare, full}} {
			handle(t, c, order...)
			b, _, err := scoreboard.NewBoards(r, "mw:").Get(t.Context(), "m1")
			if err != nil || b.Score == nil || *b.Score != *full.Data.Score ||
				b.Shootout == nil || *b.Shootout != *full.Data.Shootout ||
				b.Home != "New York City FC" || !b.Start.Equal(full.Data.Match.Start) || b.Status != event.Final {
				t.Errorf("board is %+v, error %v, want the later status and the other values of the earlier event", b, err)
			}
			r.FlushDB(t.Context())
		}
	})
}

// Matches in play have a separate list. A change is published for each event that changes a board, and
// for no other event.
func TestLiveListAndChanges(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		watch := r.Subscribe(t.Context(), scoreboard.ChangesChannel("mw:"))
		defer watch.Close()
		if _, err := watch.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
		var want []string
		deliver := func(match string, seq int64, s event.Status) {
			e := revision(t, fmt.Sprint(match, seq), 1, event.New, "e", seq, "P")
			e.Subject, e.Data.Match.ID, e.Data.Match.Status = match, match, s
			handle(t, c, e, e)
			want = append(want, e.ID)
		}
		live := func() (ids []string) {
			all, err := scoreboard.NewBoards(r, "mw:").List(t.Context(), true, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range all {
				ids = append(ids, b.Match)
			}
			slices.Sort(ids)
			return ids
		}
		deliver("m1", 1, event.Live)
		deliver("m2", 1, event.Scheduled)
		deliver("m3", 1, event.Break)
		if got := live(); !slices.Equal(got, []string{"m1", "m3"}) {
			t.Errorf("matches in play are %v, want m1 and m3", got)
		}
		deliver("m1", 9, event.Final)
		deliver("m1", 8, event.Live) // older than the final status
		deliver("m2", 2, event.Live)
		if got := live(); !slices.Equal(got, []string{"m2", "m3"}) {
			t.Errorf("matches in play are %v, want m2 and m3", got)
		}
		deliver("marker", 1, event.Live) // its change is published after all changes above
		for _, id := range want {
			m, err := watch.ReceiveTimeout(t.Context(), 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			var change scoreboard.Change
			err = json.Unmarshal([]byte(m.(*redis.Message).Payload), &change)
			if err != nil || change.Event != id || change.Key != "soccer.mls.goal" {
				t.Errorf("published change is %+v, error %v, want the change of event %s", change, err, id)
			}
		}
	})
}

// A rebuild restores the lists if they were lost. The board of a replayed match has Replay set.
func TestRebuildRestoresLists(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		first, last := goal(t, "e", 1, 1, 0), goal(t, "e", 2, 2, 0)
		last.Data.Replay = true
		handle(t, c, first, last)
		r.Del(t.Context(), scoreboard.ListKey("mw:"), scoreboard.LiveKey("mw:"))
		handle(t, c, first, last)
		for _, live := range []bool{true, false} {
			all, err := scoreboard.NewBoards(r, "mw:").List(t.Context(), live, 10)
			if err != nil || len(all) != 1 || !all[0].Replay {
				t.Errorf("List with live %v returned %+v, error %v, want one board of a replay", live, all, err)
			}
		}
	})
}
