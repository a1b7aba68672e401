package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// upcomingKey returns the key of the index of matches that have not begun. The index is a sorted
// set of match IDs, ordered by kick-off time in Unix seconds:
//
//	mw:upcoming
//
// The index may also contain matches that have begun, so [Store.Upcoming] checks the state of each
// match.
func (s *Store) upcomingKey() string { return s.prefix + "upcoming" }

// upcomingFor is how long a match stays in the index after its kick-off time.
const upcomingFor = 24 * time.Hour

// maxUpcoming is the maximum number of matches that [Store.Upcoming] reads. If there are more, it
// reads the matches that begin first.
const maxUpcoming = 2000

// markUpcoming adds a match that has not begun to the index, or updates its kick-off time there.
func (s *Store) markUpcoming(ctx context.Context, m event.Match) error {
	if !isUpcoming(m) {
		return nil
	}
	entry := redis.Z{Score: float64(m.Start.Unix()), Member: m.ID}
	if err := s.redis.ZAdd(ctx, s.upcomingKey(), entry).Err(); err != nil {
		return fmt.Errorf("adding match %s to the upcoming matches: %w", m.ID, err)
	}
	return nil
}

// isUpcoming reports whether a match is scheduled or delayed, and its kick-off time is known.
func isUpcoming(m event.Match) bool {
	return !m.Start.IsZero() && (m.Status == event.Scheduled || m.Status == event.Delayed)
}

// Upcoming returns the matches whose kick-off time is between now and until. It omits matches that have
// already begun, or are postponed or cancelled. For each match, it returns the sport, league and match, as the
// latest page shows them.
func (s *Store) Upcoming(ctx context.Context, now, until time.Time) ([]event.Data, error) {
	seconds := func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
	pipe := s.redis.Pipeline()
	pipe.ZRemRangeByScore(ctx, s.upcomingKey(), "-inf", seconds(now.Add(-upcomingFor)))
	near := pipe.ZRangeByScore(ctx, s.upcomingKey(),
		&redis.ZRangeBy{Min: seconds(now), Max: seconds(until), Count: maxUpcoming})
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("reading the upcoming matches: %w", err)
	}
	if len(near.Val()) == 0 {
		return nil, nil
	}
	var states []*redis.StringCmd
	pipe = s.redis.Pipeline()
	for _, match := range near.Val() {
		states = append(states, pipe.HGet(ctx, s.key(match), "state"))
	}
	_, _ = pipe.Exec(ctx) // each command returns its own error below
	var all []event.Data
	for i, cmd := range states {
		text, err := cmd.Result()
		if errors.Is(err, redis.Nil) {
			continue // deleted
		}
		var st reconcile.State
		if err == nil {
			err = json.Unmarshal([]byte(text), &st)
		}
		if err != nil {
			return nil, fmt.Errorf("loading the state of match %s: %w", near.Val()[i], err)
		}
		if m := st.Match; isUpcoming(m) && m.Start.After(now) && !m.Start.After(until) {
			all = append(all, event.Data{Sport: st.Sport, League: st.League, Match: &m})
		}
	}
	return all, nil
}
