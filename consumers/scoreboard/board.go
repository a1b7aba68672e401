package scoreboard

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
)

// A Board is the scoreboard of a match.
type Board struct {
	Match    string       `json:"match"`
	Sport    event.Sport  `json:"sport"`
	League   string       `json:"league"`
	Home     string       `json:"home"`
	Away     string       `json:"away"`
	Score    *event.Score `json:"score,omitempty"`    // nil if unknown
	Shootout *event.Score `json:"shootout,omitempty"` // kicks scored; nil if there is no shoot-out
	Status   event.Status `json:"status"`

	LineScore *event.LineScore `json:"line_score,omitempty"` // the score by period; nil if unknown
	Situation *event.Situation `json:"situation,omitempty"`  // of the latest event; nil if unknown

	Period     event.Period `json:"period,omitempty"`
	Time       string       `json:"time,omitempty"` // the match clock, such as 90+1'
	Start      time.Time    `json:"start,omitzero"` // kick-off time
	Updated    time.Time    `json:"updated"`        // when the page of the latest event was read
	Replay     bool         `json:"replay,omitempty"`
	Stale      string       `json:"stale,omitempty"` // why the source is stale; "" if it is not
	StaleSince time.Time    `json:"stale_since,omitzero"`
	Epoch      string       `json:"epoch,omitempty"` // of the latest event, like Seq, Event, ID and TID
	Seq        int64        `json:"seq,omitempty"`
	Event      string       `json:"event"` // event type
	ID         string       `json:"id"`
	TID        string       `json:"tid"`
	// Incidents contains all incidents of the match, including retracted ones, in the order in which they
	// happened. Incidents is nil in the results of [Boards.List] and [Boards.Page].
	Incidents []Incident `json:"incidents,omitempty"`
}

// Boards reads scoreboards from Redis.
type Boards struct {
	redis  redis.UniversalClient
	prefix string
}

// NewBoards returns a reader of the scoreboards in r. prefix is the prefix of every Redis key, such as
// "mw:".
func NewBoards(r redis.UniversalClient, prefix string) Boards { return Boards{r, prefix} }

// Get returns the board of a match, including its incidents. ok reports whether the match has a board.
func (b Boards) Get(ctx context.Context, match string) (found Board, ok bool, err error) {
	var fields, incidents *redis.MapStringStringCmd
	_, err = b.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		fields, incidents = p.HGetAll(ctx, Key(b.prefix, match)), p.HGetAll(ctx, IncidentsKey(b.prefix, match))
		return nil
	})
	if err == nil && len(fields.Val()) > 0 {
		found, ok = board(fields.Val()), true
		found.Incidents, err = ordered(found.Sport, incidents.Val())
	}
	if err != nil {
		return found, false, fmt.Errorf("reading scoreboard of match %s: %w", match, err)
	}
	return found, ok, nil
}

// ordered decodes incidents and sorts them in the order in which they happened: by clock, then by the
// seq of their first revision, then by ID. The end of a period is the last incident of the period, and the end of
// the match is the last of all.
func ordered(s event.Sport, fields map[string]string) ([]Incident, error) {
	all := make([]Incident, 0, len(fields))
	for id, text := range fields {
		var i Incident
		if err := json.Unmarshal([]byte(text), &i); err != nil {
			return nil, fmt.Errorf("incident %s: %w", id, err)
		}
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b Incident) int {
		byFirst := cmp.Compare(a.First, b.First)
		if a.Kind == event.MatchEnd || b.Kind == event.MatchEnd { // a match end has no clock and comes last
			return cmp.Or(compare(b.Kind == event.MatchEnd, a.Kind == event.MatchEnd), byFirst)
		}
		if a.Kind == event.PeriodEnd || b.Kind == event.PeriodEnd { // a period end has no minute and comes last in its period
			if s.Index(period(a)) == s.Index(period(b)) {
				return cmp.Or(compare(b.Kind == event.PeriodEnd, a.Kind == event.PeriodEnd), byFirst)
			}
		}
		ca, cb := clock(a), clock(b)
		return cmp.Or(compare(ca.Before(s, cb), cb.Before(s, ca)), byFirst, cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// clock returns the clock of an incident, or the zero clock if the incident has none.
func clock(i Incident) event.Clock {
	if i.Clock == nil {
		return event.Clock{}
	}
	return *i.Clock
}

func period(i Incident) event.Period { return clock(i).Period }

// compare returns -1 if only aFirst is true, 1 if only bFirst is true, and 0 otherwise.
func compare(aFirst, bFirst bool) int {
	switch {
	case aFirst == bFirst:
		return 0
	case aFirst:
		return -1
	}
	return 1
}

// List returns the boards of at most n matches, ordered by the time of their latest event, the latest
// first. If live is true, it returns only boards of matches in play.
func (b Boards) List(ctx context.Context, live bool, n int) ([]Board, error) {
	boards := []Board{}
	_, err := b.Page(ctx, live, "", n, func(one Board) bool { boards = append(boards, one); return true })
	return boards, err
}

// boardsPerRead is the maximum number of boards in one read, so that other clients of Redis
// do not wait.
const boardsPerRead = 50

// ErrPosition reports that Page was called with a text that is not a position.
var ErrPosition = errors.New("not a position in the list of scoreboards")

// Page calls visit for at most n boards, in the order of [Boards.List], until visit returns false. It
// begins after the position after, or with the latest board if after is "". next is the position of
// the last of these boards, or "" if no board follows. A caller that reads all pages gets each match
// once. The exception is a match that has an event meanwhile, because it moves to the first page.
// If after is not a position, Page returns [ErrPosition].
func (b Boards) Page(
	ctx context.Context, live bool, after string, n int, visit func(Board) bool,
) (next string, err error) {
	at, err := parsePosition(after)
	if err != nil {
		return "", err
	}
	key := ListKey(b.prefix)
	if live {
		key = LiveKey(b.prefix)
	}
	for {
		count := min(n, boardsPerRead)
		listed, err := b.listed(ctx, key, at, count+1) // one more, to know whether another follows
		if err != nil {
			return "", fmt.Errorf("reading scoreboards: %w", err)
		}
		more := len(listed) > count
		listed = listed[:min(count, len(listed))]
		pipe := b.redis.Pipeline()
		found := make([]*redis.MapStringStringCmd, len(listed))
		for i, p := range listed {
			found[i] = pipe.HGetAll(ctx, Key(b.prefix, p.match))
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return "", fmt.Errorf("reading scoreboards: %w", err)
		}
		for i, f := range found {
			at = listed[i]
			if len(f.Val()) == 0 { // the board has expired
				continue
			}
			n--
			if visit(board(f.Val())) && n > 0 {
				continue
			}
			if !more && i == len(listed)-1 {
				return "", nil
			}
			return at.String(), nil
		}
		if !more {
			return "", nil
		}
	}
}

// A position is a place in a list of scoreboards.
type position struct {
	updated int64  // time of the latest event, in Unix milliseconds
	match   string // among matches with the same time, the one with the highest ID comes first
}

// String returns the text that parsePosition parses.
func (p position) String() string { return strconv.FormatInt(p.updated, 36) + "-" + p.match }

// parsePosition parses the result of String. The position before the first board is "".
func parsePosition(text string) (position, error) {
	if text == "" {
		return position{updated: 1 << 53}, nil
	}
	updated, match, ok := strings.Cut(text, "-")
	n, err := strconv.ParseInt(updated, 36, 64)
	if !ok || err != nil || n < 0 || n > 1<<53 || event.CheckMatchID(match) != nil {
		return position{}, ErrPosition
	}
	return position{n, match}, nil
}

// listed returns the positions of the first n matches after a position in a list. There may be fewer.
func (b Boards) listed(ctx context.Context, key string, after position, n int) (all []position, err error) {
	for offset := 0; len(all) < n; {
		found, err := b.redis.ZRevRangeByScoreWithScores(ctx, key, &redis.ZRangeBy{
			Max: strconv.FormatInt(after.updated, 10), Min: "-inf", Offset: int64(offset), Count: int64(n),
		}).Result()
		if err != nil {
			return nil, err
		}
		for _, z := range found {
			p := position{int64(z.Score), z.Member.(string)}
			if (p.updated < after.updated || p.match < after.match) && len(all) < n {
				all = append(all, p)
			}
		}
		if offset += len(found); len(found) < n {
			break
		}
	}
	return all, nil
}

// board decodes the hash of a board. A field that is missing or invalid gets its zero value.
func board(f map[string]string) Board {
	instant := func(name string) time.Time { t, _ := time.Parse(time.RFC3339Nano, f[name]); return t }
	seq, _ := strconv.ParseInt(f["seq"], 10, 64)
	return Board{
		Match: f["match"], Sport: event.Sport(f["sport"]), League: f["league"], Home: f["home"], Away: f["away"],
		Score: tally(f["home_score"], f["away_score"]), Shootout: tally(f["home_shootout"], f["away_shootout"]),
		LineScore: decode[event.LineScore](f["line_score"]), Situation: decode[event.Situation](f["situation"]),
		Status: event.Status(f["status"]), Period: event.Period(f["period"]), Time: f["time"],
		Start: instant("start"), Updated: instant("updated"), Replay: f["replay"] == "1",
		Stale: f["stale"], StaleSince: instant("stale_since"),
		Epoch: f["epoch"], Seq: seq, Event: f["event"], ID: f["id"], TID: f["tid"],
	}
}

// decode decodes the JSON of a field. It returns nil if text is not valid JSON of a T.
func decode[T any](text string) *T {
	var v *T
	if json.Unmarshal([]byte(text), &v) != nil {
		return nil
	}
	return v
}

// tally returns a score, or nil if a value is not a number.
func tally(home, away string) *event.Score {
	h, err1 := strconv.Atoi(home)
	a, err2 := strconv.Atoi(away)
	if err1 != nil || err2 != nil {
		return nil
	}
	return &event.Score{Home: h, Away: a}
}
