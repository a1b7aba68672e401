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

// host returns a host with the default settings.
func host(r redis.UniversalClient) consumers.Host {
	return consumers.Host{
		Redis: r, Prefix: "mw:", Log: slog.New(slog.DiscardHandler), Settings: func(any) error { return nil },
	}
}

// goal returns a goal in match m1. home and away are the score after the goal.
func goal(t testing.TB, epoch string, seq int64, home, away int) event.Event {
	t.Helper()
	c := event.SoccerMinute("", 10+int(seq), 0)
	e, err := event.Of("soccer.mls.goal", event.Data{
		League: "MLS", Epoch: epoch, Seq: seq, Score: &event.Score{Home: home, Away: away}, Clock: &c,
		Match: &event.Match{
			ID: "m1", Home: "New York City FC", Away: "Toronto FC", Status: event.Live, Period: "1h", Clock: c,
		},
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.TID = event.NewTID()
	return e
}

// handle calls the consumer's handler for each event, in order.
func handle(t *testing.T, c consumers.Consumer, events ...event.Event) {
	t.Helper()
	for _, e := range events {
		if err := c.Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// score returns the score on the board of match m1.
func score(t *testing.T, r *redis.Client) string {
	t.Helper()
	h, err := r.HGetAll(t.Context(), "mw:{m1}:scoreboard").Result()
	if err != nil {
		t.Fatal(err)
	}
	return h["home_score"] + "-" + h["away_score"]
}

func TestBoardHasTheFieldsOfTheLatestEvent(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		e := goal(t, "e1", 3, 0, 1)
		e.Time = time.Date(2016, 11, 6, 23, 50, 21, 0, time.UTC) // a replayed event keeps the time of its recording
		e.Data.Replay = true
		handle(t, c, e)
		h := r.HGetAll(t.Context(), scoreboard.Key("mw:", "m1")).Val()
		for k, want := range map[string]string{
			"match": "m1", "sport": "soccer", "league": "MLS", "status": "live",
			"home": "New York City FC", "away": "Toronto FC", "home_score": "0", "away_score": "1",
			"time": "13'", "period": "1h", "epoch": "e1", "seq": "3",
			"event": "soccer.mls.goal", "id": e.ID, "tid": e.TID.String(),
		} {
			if h[k] != want {
				t.Errorf("field %s is %q, want %q", k, h[k], want)
			}
		}
		if ttl := r.PTTL(t.Context(), scoreboard.Key("mw:", "m1")).Val(); ttl < 71*time.Hour || ttl > 72*time.Hour {
			t.Errorf("the board expires in %v, want 71 to 72 h", ttl)
		}
		if list := r.ZRange(t.Context(), "mw:{scoreboards}", 0, -1).Val(); fmt.Sprint(list) != "[m1]" {
			t.Errorf("the list is %v, want [m1]", list)
		}
	})
}

// The board shows a new kick-off time. The incidents contain the result and the line-ups.
func TestBoardShowsKickoffResultAndLineups(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		send := func(seq int64, kind event.Kind, change func(*event.Data)) {
			e := goal(t, "e1", seq, 0, 1)
			e.Type, e.Data.Kind, e.Data.Incident = event.Key("soccer", "mls", string(kind)), kind, string(kind)
			change(&e.Data)
			handle(t, c, e)
		}
		start := time.Date(2026, 11, 14, 13, 30, 0, 0, time.UTC)
		send(1, event.KickoffChanged, func(d *event.Data) { d.Match.Start = start })
		send(2, event.LineupShown, func(d *event.Data) {
			d.Lineup = &event.Lineup{Formation: "4-3-3", Players: []event.LineupPlayer{{Name: "Ann", Number: "9"}}}
		})
		send(3, event.MatchEnd, func(d *event.Data) { d.Winner, d.DecidedBy = "away", event.ByExtraTime })
		b, ok, err := scoreboard.NewBoards(r, "mw:").Get(t.Context(), "m1")
		if err != nil || !ok || !b.Start.Equal(start) || len(b.Incidents) != 2 {
			t.Fatalf("board %+v, error %v, want the new kick-off time and two incidents", b, err)
		}
		lineup, end := b.Incidents[0], b.Incidents[1]
		if lineup.Lineup == nil || lineup.Lineup.Formation != "4-3-3" || len(lineup.Lineup.Players) != 1 ||
			end.Winner != "away" || end.DecidedBy != event.ByExtraTime {
			t.Errorf("incidents %+v, want the line-up and the result", b.Incidents)
		}
	})
}

// A board has the innings of the latest event with a score. If that event has no innings, neither
// has the board.
func TestBoardHasTheInnings(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"428/6d v 245 & 12/0", ""} {
			e := goal(t, "e1", int64(i+1), 428, 12)
			if want != "" {
				e.Data.LineScore = &event.LineScore{Home: event.Line{{Runs: 428, Wickets: new(6), Declared: true}},
					Away: event.Line{{Runs: 245}, {Runs: 12, Wickets: new(0)}}}
			}
			handle(t, c, e)
			b, ok, err := scoreboard.NewBoards(r, "mw:").Get(t.Context(), "m1")
			got := ""
			if b.LineScore != nil {
				got = b.LineScore.String()
			}
			if err != nil || !ok || got != want {
				t.Errorf("after event %d: line score %q, error %v, want %q", i+1, got, err, want)
			}
		}
	})
}

// A board has the situation of the latest event, regardless of the order of arrival. If the latest
// event has no situation, neither has the board.
func TestBoardHasTheSituation(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			seq  int64
			now  *event.Situation
			want string
		}{
			{2, &event.Situation{Balls: new(0), Outs: new(2), Bases: []int{}}, "balls:0, outs:2, bases:[]"},
			{1, &event.Situation{Outs: new(1)}, "balls:0, outs:2, bases:[]"},
			{4, nil, ""},
			{3, &event.Situation{Outs: new(2)}, ""},
		} {
			e := goal(t, "e1", step.seq, 0, 0)
			e.Data.Match.Situation = step.now
			handle(t, c, e)
			b, ok, err := scoreboard.NewBoards(r, "mw:").Get(t.Context(), "m1")
			if err != nil || !ok || b.Situation.String() != step.want {
				t.Errorf("after event %d: situation %q, error %v, want %q", step.seq, b.Situation, err, step.want)
			}
		}
	})
}

// A rebuild does not restore a board that would have expired. In the list of all matches, a
// restored board has the time of its latest event.
func TestRebuildSkipsExpiredBoards(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		expired, recent := goal(t, "e1", 3, 0, 1), goal(t, "e1", 3, 0, 1)
		expired.Time, expired.Subject = time.Now().Add(-73*time.Hour), "m0"
		recent.Time = time.Now().Add(-70 * time.Hour)
		handle(t, c, expired, recent)
		list := r.ZRangeWithScores(t.Context(), "mw:{scoreboards}", 0, -1).Val()
		if len(list) != 1 || list[0].Member != "m1" || int64(list[0].Score) != recent.Time.UnixMilli() {
			t.Errorf("the list is %v, want only m1, with the time of its event", list)
		}
		if ttl := r.PTTL(t.Context(), scoreboard.Key("mw:", "m1")).Val(); ttl < time.Hour || ttl > 2*time.Hour {
			t.Errorf("the board expires in %v, want 1 to 2 h", ttl)
		}
		if n := r.Exists(t.Context(), scoreboard.Key("mw:", "m0")).Val(); n != 0 {
			t.Error("an expired board was restored, want no board")
		}
	})
}

// Neither duplicates nor the order of arrival changes the score.
func TestOrderDoesNotChangeTheScore(t *testing.T) {
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
			t.Errorf("score is %s, want 5-6", got)
		}
		// An event of a later epoch is newer, regardless of its seq.
		handle(t, c, goal(t, "e2", 1, 0, 0))
		if got := score(t, r); got != "0-0" {
			t.Errorf("score is %s, want 0-0, as in the later epoch", got)
		}
		// An event that was emitted manually has no epoch, so every event of the parser is newer.
		handle(t, c, goal(t, "", 0, 7, 7))
		if got := score(t, r); got != "0-0" {
			t.Errorf("score is %s after a manually emitted event, want 0-0", got)
		}
	})
}

func TestManualEventsAreOrderedByTime(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		early, late := goal(t, "", 0, 1, 0), goal(t, "", 0, 2, 0)
		late.Time = early.Time.Add(time.Second)
		handle(t, c, late, early)
		if got := score(t, r); got != "2-0" {
			t.Errorf("score is %s, want 2-0", got)
		}
	})
}

func TestUnreachableRedisIsATemporaryError(t *testing.T) {
	r := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer r.Close()
	c, err := scoreboard.New(host(r))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Handle(t.Context(), goal(t, "e1", 1, 1, 0)); err == nil || errors.Is(err, broker.ErrPermanent) {
		t.Errorf("Handle returned error %v, want a temporary error", err)
	}
}

func TestBadSettingIsAnError(t *testing.T) {
	h := host(nil)
	h.Settings = func(v any) error { v.(*scoreboard.Settings).Keep = "soon"; return nil }
	if _, err := scoreboard.New(h); err == nil {
		t.Error("New accepted the setting keep: soon, want an error")
	}
}

// While the source of a match is stale, the board shows why and since when.
func TestBoardShowsStaleSource(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c, err := scoreboard.New(host(r))
		if err != nil {
			t.Fatal(err)
		}
		stale := func() string {
			h := r.HMGet(t.Context(), "mw:{m1}:scoreboard", "stale", "stale_since").Val()
			return fmt.Sprintf("%v %v", h...)
		}
		staleGoal := goal(t, "e", 2, 1, 0)
		staleGoal.Data.Match.Stale = &event.Stale{
			Since: time.Date(2026, 11, 28, 15, 4, 0, 0, time.UTC), Reason: "the site answered 403 Forbidden",
		}
		handle(t, c, goal(t, "e", 1, 1, 0))
		if got := stale(); got != " " {
			t.Errorf("stale fields are %q before the source is stale, want none", got)
		}
		handle(t, c, staleGoal)
		if got := stale(); got != "the site answered 403 Forbidden 2026-11-28T15:04:00Z" {
			t.Errorf("stale fields are %q while the source is stale, want the reason and the time", got)
		}
		handle(t, c, goal(t, "e", 3, 1, 0))
		if got := stale(); got != " " {
			t.Errorf("stale fields are %q when the source is fresh again, want none", got)
		}
	})
}

// After concurrent updates, each board has the latest score, even if Redis has lost the script.
func TestConcurrentUpdates(t *testing.T) {
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
					t.Errorf("board of m%d has score and epoch %v, want %v", m, h, want)
				}
			}
		}
		if n := r.ZCard(t.Context(), "mw:{scoreboards}").Val(); n != matches {
			t.Errorf("%d matches are listed, want %d", n, matches)
		}
	})
}
