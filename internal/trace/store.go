package trace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
)

// A Store keeps traces in Redis:
//
//	mw:{trace:<tid>}              list of spans (JSON), as they were recorded
//	mw:{trace:<tid>}:jobs         sorted set of the TIDs of jobs that the clock began because of this one, by when
//	mw:{trace:message:<id>}       the TID under which a message was made
type Store struct {
	redis  redis.UniversalClient
	prefix string
	keep   time.Duration
}

const (
	maxSpans = 2000 // of a job; the first are kept
	maxJobs  = 1000 // of a cause; the last are kept
)

// NewStore keeps traces in r for so long, under keys that begin with prefix.
func NewStore(r redis.UniversalClient, prefix string, keep time.Duration) *Store {
	return &Store{redis: r, prefix: prefix, keep: keep}
}

func (s *Store) spans(t event.TID) string { return s.prefix + "{trace:" + t.String() + "}" }
func (s *Store) jobs(t event.TID) string  { return s.spans(t) + ":jobs" }
func (s *Store) message(id string) string { return s.prefix + "{trace:message:" + id + "}" }
func (s *Store) expire(ctx context.Context, p redis.Pipeliner, key string) {
	p.Expire(ctx, key, s.keep)
}

// Write adds spans to the traces of their jobs.
func (s *Store) Write(ctx context.Context, spans []Span) error {
	of := map[event.TID][]any{}
	pipe := s.redis.Pipeline()
	for _, span := range spans {
		text, err := json.Marshal(span)
		if err != nil {
			return err
		}
		of[span.TID] = append(of[span.TID], text)
		if span.Op == Create {
			pipe.Set(ctx, s.message(span.Message), span.TID.String(), s.keep)
		}
		if c := span.Cause; c != nil {
			pipe.ZAdd(ctx, s.jobs(c.TID), redis.Z{Score: float64(span.Start.UnixMilli()), Member: span.TID.String()})
			pipe.ZRemRangeByRank(ctx, s.jobs(c.TID), 0, -maxJobs-1)
			s.expire(ctx, pipe, s.jobs(c.TID))
		}
	}
	lengths := map[event.TID]*redis.IntCmd{}
	for tid, texts := range of {
		lengths[tid] = pipe.RPush(ctx, s.spans(tid), texts...)
		s.expire(ctx, pipe, s.spans(tid))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("writing traces: %w", err)
	}
	for tid, n := range lengths {
		if n.Val() > maxSpans {
			if err := s.redis.LTrim(ctx, s.spans(tid), 0, maxSpans-1).Err(); err != nil {
				return fmt.Errorf("writing traces: %w", err)
			}
		}
	}
	return nil
}

// ErrNotFound says that nothing is recorded of a job.
var ErrNotFound = errors.New("nothing is recorded under it: there was no such job, it was long ago, or it was a poll that brought nothing")

// read returns the spans of a job, by when they began; none if nothing is
// recorded of it.
func (s *Store) read(ctx context.Context, t event.TID) ([]Span, error) {
	texts, err := s.redis.LRange(ctx, s.spans(t), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("reading trace %s: %w", t, err)
	}
	all := make([]Span, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &all[i]); err != nil {
			return nil, fmt.Errorf("reading trace %s: %w", t, err)
		}
		all[i].TID = t
	}
	slices.SortStableFunc(all, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return all, nil
}

// caused returns the jobs that the clock began because of one, the latest n, and
// how many there are of which something is recorded.
func (s *Store) caused(ctx context.Context, t event.TID, n int) (latest []event.TID, all int, err error) {
	pipe := s.redis.Pipeline()
	card := pipe.ZCard(ctx, s.jobs(t))
	names := pipe.ZRange(ctx, s.jobs(t), int64(-n), -1)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, 0, fmt.Errorf("reading trace %s: %w", t, err)
	}
	for _, name := range names.Val() {
		job, err := event.ParseTID(name)
		if err != nil {
			return nil, 0, fmt.Errorf("reading trace %s: %w", t, err)
		}
		latest = append(latest, job)
	}
	return latest, int(card.Val()), nil
}

// job finds the job that a person means: by its TID, or by the ID of a message
// that was made in it, which is returned too.
func (s *Store) job(ctx context.Context, id string) (t event.TID, message string, err error) {
	text, err := s.redis.Get(ctx, s.message(id)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		t, err = event.ParseTID(id)
		return t, "", err
	case err != nil:
		return t, "", fmt.Errorf("looking for %s: %w", strconv.Quote(id), err)
	}
	t, err = event.ParseTID(text)
	return t, id, err
}

// byStart orders nodes.
func byStart(a, b *Node) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Op, b.Op)) }
