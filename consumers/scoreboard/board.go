package scoreboard

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
)

// A Board is a scoreboard as it stands in Redis.
type Board struct {
	Match      string       `json:"match"`
	Sport      event.Sport  `json:"sport"`
	League     string       `json:"league"`
	Home       string       `json:"home"`
	Away       string       `json:"away"`
	Score      *event.Score `json:"score,omitempty"`    // nil while none is known
	Shootout   *event.Score `json:"shootout,omitempty"` // kicks scored
	Status     event.Status `json:"status"`
	Period     event.Period `json:"period,omitempty"`
	Time       string       `json:"time,omitempty"` // the match's clock, as people write it
	Start      time.Time    `json:"start,omitzero"`
	Updated    time.Time    `json:"updated"` // when the page behind the latest event was read
	Stale      string       `json:"stale,omitempty"`
	StaleSince time.Time    `json:"stale_since,omitzero"`
	Epoch      string       `json:"epoch,omitempty"`
	Seq        int64        `json:"seq,omitempty"`
	Event      string       `json:"event"` // type of the latest event
	ID         string       `json:"id"`    // its ID
	TID        string       `json:"tid"`
}

// Boards reads scoreboards.
type Boards struct {
	redis  redis.UniversalClient
	prefix string
}

// NewBoards reads what stands in r under keys that begin with prefix.
func NewBoards(r redis.UniversalClient, prefix string) Boards { return Boards{r, prefix} }

// Get returns the board of a match, if there is one.
func (b Boards) Get(ctx context.Context, match string) (Board, bool, error) {
	fields, err := b.redis.HGetAll(ctx, Key(b.prefix, match)).Result()
	if err != nil {
		return Board{}, false, fmt.Errorf("reading scoreboard of %s: %w", match, err)
	}
	return board(fields), len(fields) > 0, nil
}

// List returns the boards of the matches that changed last, at most n, the
// latest first.
func (b Boards) List(ctx context.Context, n int) ([]Board, error) {
	matches, err := b.redis.ZRevRange(ctx, b.prefix+"scoreboards", 0, int64(n-1)).Result()
	if err != nil {
		return nil, fmt.Errorf("reading scoreboards: %w", err)
	}
	pipe := b.redis.Pipeline()
	found := make([]*redis.MapStringStringCmd, len(matches))
	for i, m := range matches {
		found[i] = pipe.HGetAll(ctx, Key(b.prefix, m))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("reading scoreboards: %w", err)
	}
	boards := []Board{}
	for _, f := range found {
		if len(f.Val()) > 0 { // it has not expired meanwhile
			boards = append(boards, board(f.Val()))
		}
	}
	return boards, nil
}

// board reads the fields of a hash.
func board(f map[string]string) Board {
	instant := func(name string) time.Time { t, _ := time.Parse(time.RFC3339Nano, f[name]); return t }
	seq, _ := strconv.ParseInt(f["seq"], 10, 64)
	return Board{
		Match: f["match"], Sport: event.Sport(f["sport"]), League: f["league"], Home: f["home"], Away: f["away"],
		Score: tally(f["home_score"], f["away_score"]), Shootout: tally(f["home_shootout"], f["away_shootout"]),
		Status: event.Status(f["status"]), Period: event.Period(f["period"]), Time: f["time"], Start: instant("start"), Updated: instant("updated"),
		Stale: f["stale"], StaleSince: instant("stale_since"), Epoch: f["epoch"], Seq: seq, Event: f["event"], ID: f["id"], TID: f["tid"],
	}
}

func tally(home, away string) *event.Score {
	h, err1 := strconv.Atoi(home)
	a, err2 := strconv.Atoi(away)
	if err1 != nil || err2 != nil {
		return nil
	}
	return &event.Score{Home: h, Away: a}
}
