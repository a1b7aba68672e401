package scoreboard_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

func host(r redis.UniversalClient) consumers.Host {
	return consumers.Host{Redis: r, Prefix: "mw:", Log: slog.New(slog.DiscardHandler), Settings: func(any) error { return nil }}
}

func goal(t testing.TB, epoch string, seq int64, home, away int) event.Event {
	t.Helper()
	c := event.SoccerMinute("", 10+int(seq), 0)
	e, err := event.Of("soccer.mls.goal", event.Data{
		League: "MLS", Epoch: epoch, Seq: seq, Score: &event.Score{Home: home, Away: away}, Clock: &c,
		Match: &event.Match{ID: "m1", Home: "New York City FC", Away: "Toronto FC", Status: event.Live, Period: "1h", Clock: c},
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.TID = event.NewTID()
	return e
}

func handle(t *testing.T, c consumers.Consumer, events ...event.Event) {
	t.Helper()
	for _, e := range events {
		if err := c.Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func score(t *testing.T, r *redis.Client) string {
	t.Helper()
	h, err := r.HGetAll(t.Context(), "mw:{m1}:scoreboard").Result()
	if err != nil {
		t.Fatal(err)
	}
	return h["home_score"] + "-" + h["away_score"]
}

func TestScoreboardSaysWhatTheLatestEventSays(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		e := goal(t, "e1", 3, 0, 1)
		e.Time = time.Date(2016, 11, 6, 23, 50, 21, 0, time.UTC) // a replay of long ago is listed too
		e.Data.Replay = true
		handle(t, c, e)
		h := r.HGetAll(t.Context(), scoreboard.Key("mw:", "m1")).Val()
		for k, want := range map[string]string{
			"match": "m1", "sport": "soccer", "league": "MLS", "home": "New York City FC", "away": "Toronto FC", "status": "live",
			"home_score": "0", "away_score": "1", "time": "13'", "period": "1h", "epoch": "e1", "seq": "3",
			"event": "soccer.mls.goal", "id": e.ID, "tid": e.TID.String(),
		} {
			if h[k] != want {
				t.Errorf("%s is %q, want %q", k, h[k], want)
			}
		}
		if ttl := r.PTTL(t.Context(), scoreboard.Key("mw:", "m1")).Val(); ttl < 71*time.Hour || ttl > 72*time.Hour {
			t.Errorf("it stays for %v, want 72h", ttl)
		}
		if list := r.ZRange(t.Context(), "mw:scoreboards", 0, -1).Val(); fmt.Sprint(list) != "[m1]" {
			t.Errorf("list %v", list)
		}
	})
}

// What a rebuild tells of a board that would be gone by now brings it back for
// nobody; one that stays is listed by its own time.
func TestOldEvents(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		gone, stays := goal(t, "e1", 3, 0, 1), goal(t, "e1", 3, 0, 1)
		gone.Time, gone.Subject = time.Now().Add(-73*time.Hour), "m0"
		stays.Time = time.Now().Add(-70 * time.Hour)
		handle(t, c, gone, stays)
		list := r.ZRangeWithScores(t.Context(), "mw:scoreboards", 0, -1).Val()
		if len(list) != 1 || list[0].Member != "m1" || int64(list[0].Score) != stays.Time.UnixMilli() {
			t.Errorf("list %v", list)
		}
		if ttl := r.PTTL(t.Context(), scoreboard.Key("mw:", "m1")).Val(); ttl < time.Hour || ttl > 2*time.Hour {
			t.Errorf("it stays for %v, want 2h", ttl)
		}
		if n := r.Exists(t.Context(), scoreboard.Key("mw:", "m0")).Val(); n != 0 {
			t.Error("an expired board is back")
		}
	})
}

// Any order of arrival and any number of copies end the same.
func TestLateEventUndoesNothing(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		var events []event.Event
		for seq := range int64(12) {
			events = append(events, goal(t, "e1", seq+1, int(seq)/2, (int(seq)+1)/2), goal(t, "e0", 100+seq, 9, 9))
		}
		events = append(events, events...)
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		handle(t, c, events...)
		if got := score(t, r); got != "5-6" {
			t.Errorf("score %s, want 5-6", got)
		}
		// A state made anew is newer, whatever its seq.
		handle(t, c, goal(t, "e2", 1, 0, 0))
		if got := score(t, r); got != "0-0" {
			t.Errorf("score %s, want 0-0 of the new epoch", got)
		}
		// What somebody emits by hand never beats the parser.
		handle(t, c, goal(t, "", 0, 7, 7))
		if got := score(t, r); got != "0-0" {
			t.Errorf("score %s after an event by hand", got)
		}
	})
}

func TestEventsByHandGoByTime(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		early, late := goal(t, "", 0, 1, 0), goal(t, "", 0, 2, 0)
		late.Time = early.Time.Add(time.Second)
		handle(t, c, late, early)
		if got := score(t, r); got != "2-0" {
			t.Errorf("score %s, want 2-0", got)
		}
	})
}

func TestUnreachableRedisIsTriedAgain(t *testing.T) {
	r := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer r.Close()
	c, err := scoreboard.New(host(r))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Handle(t.Context(), goal(t, "e1", 1, 1, 0)); err == nil || errors.Is(err, broker.ErrPermanent) {
		t.Errorf("%v, want an error worth a retry", err)
	}
}

func TestBadSettings(t *testing.T) {
	h := host(nil)
	h.Settings = func(v any) error { v.(*scoreboard.Settings).Keep = "soon"; return nil }
	if _, err := scoreboard.New(h); err == nil {
		t.Error("keep: soon is taken")
	}
}

// A board shows that its source went quiet, and since when, until it is back.
func TestScoreboardShowsAQuietSource(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		stale := func() string {
			h := r.HMGet(t.Context(), "mw:{m1}:scoreboard", "stale", "stale_since").Val()
			return fmt.Sprintf("%v %v", h...)
		}
		quiet := goal(t, "e", 2, 1, 0)
		quiet.Data.Match.Stale = &event.Stale{Since: time.Date(2026, 11, 28, 15, 4, 0, 0, time.UTC), Reason: "the site answered 403 Forbidden"}
		handle(t, c, goal(t, "e", 1, 1, 0))
		if got := stale(); got != " " {
			t.Errorf("fresh: %q", got)
		}
		handle(t, c, quiet)
		if got := stale(); got != "the site answered 403 Forbidden 2026-11-28T15:04:00Z" {
			t.Errorf("quiet: %q", got)
		}
		handle(t, c, goal(t, "e", 3, 1, 0))
		if got := stale(); got != " " {
			t.Errorf("back: %q", got)
		}
	})
}

// Updates that meet are written together, each with its own outcome, and a
// server that was restarted, and so forgot the script, takes them all the same.
func TestUpdatesThatMeet(t *testing.T) {
	testenv.NotShort(t)
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		const matches, events = 50, 40
		for round := range 2 {
			if err := r.ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			var handlers sync.WaitGroup
			for seq := range events {
				for m := range matches {
					e := goal(t, fmt.Sprint("e", round), int64(seq), seq, m)
					e.Subject = fmt.Sprint("m", m)
					e.Data.Match.ID = e.Subject
					handlers.Go(func() {
						if err := c.Handle(t.Context(), e); err != nil {
							t.Error(err)
						}
					})
				}
			}
			handlers.Wait()
			for m := range matches {
				h := r.HMGet(t.Context(), scoreboard.Key("mw:", fmt.Sprint("m", m)), "home_score", "away_score", "epoch").Val()
				if want := fmt.Sprint([]any{"39", fmt.Sprint(m), fmt.Sprint("e", round)}); fmt.Sprint(h) != want {
					t.Errorf("m%d is %v, want %v", m, h, want)
				}
			}
		}
		if n := r.ZCard(t.Context(), "mw:scoreboards").Val(); n != matches {
			t.Errorf("%d matches listed, want %d", n, matches)
		}
	})
}
