package trace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
)

// A Store stores traces in Redis:
//
//	mw:{trace:<tid>}          list of a job's spans as JSON, in the order of recording
//	mw:{trace:<tid>}:jobs     sorted set of the TIDs of the jobs that this job caused, by start
//	mw:{trace:message:<id>}   TID of the job that created a message
type Store struct {
	redis  redis.UniversalClient
	prefix string
	keep   time.Duration
}

const (
	maxSpans = 10_000 // maximum number of spans of a job; later spans are dropped
	maxJobs  = 1000   // maximum number of jobs that one job caused; the earliest are dropped
)

// NewStore returns a Store in r. A trace expires if no span is added to it for the duration keep.
// All keys begin with prefix.
func NewStore(r redis.UniversalClient, prefix string, keep time.Duration) *Store {
	return &Store{redis: r, prefix: prefix, keep: keep}
}

func (s *Store) spans(t event.TID) string { return s.prefix + "{trace:" + t.String() + "}" }
func (s *Store) jobs(t event.TID) string  { return s.spans(t) + ":jobs" }
func (s *Store) message(id string) string { return s.prefix + "{trace:message:" + id + "}" }
func (s *Store) expire(ctx context.Context, p redis.Pipeliner, key string) {
	p.Expire(ctx, key, s.keep)
}

// Name returns "redis".
func (s *Store) Name() string { return "redis" }

// Batching returns the limits of the queue. A span is written within a fraction of a second.
func (s *Store) Batching() Batching {
	return Batching{Queue: budgetBurst, Batch: 500, Delay: 100 * time.Millisecond, Timeout: 5 * time.Second}
}

// Write appends spans to the traces of their jobs.
func (s *Store) Write(ctx context.Context, spans []Span) error {
	byJob := map[event.TID][]any{}
	pipe := s.redis.Pipeline()
	for _, span := range spans {
		text, err := json.Marshal(span)
		if err != nil {
			return err
		}
		byJob[span.TID] = append(byJob[span.TID], text)
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
	for tid, texts := range byJob {
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

// ErrNotFound reports that Redis stores no span of the job and no job that the job caused.
var ErrNotFound = errors.New("no trace is stored: the job does not exist, its trace has expired, " +
	"or the job was a poll without events")

// spanSlice is the maximum number of spans in one read, so that other clients of Redis do
// not wait long.
const spanSlice = 200

// read returns the first n stored spans of job t, ordered by start. There may be fewer, or none.
func (s *Store) read(ctx context.Context, t event.TID, n int) (all []Span, err error) {
	for len(all) < n {
		few := min(n-len(all), spanSlice)
		texts, err := s.redis.LRange(ctx, s.spans(t), int64(len(all)), int64(len(all)+few-1)).Result()
		if err != nil {
			return nil, fmt.Errorf("reading trace %s: %w", t, err)
		}
		for _, text := range texts {
			one := Span{TID: t}
			if err := json.Unmarshal([]byte(text), &one); err != nil {
				return nil, fmt.Errorf("reading trace %s: %w", t, err)
			}
			one.TID = t
			all = append(all, one)
		}
		if len(texts) < few {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return all, nil
}

// caused returns the latest stored jobs that job t caused, at most n, earliest first. n must be
// positive. total is the number of all stored jobs that t caused.
func (s *Store) caused(ctx context.Context, t event.TID, n int) (latest []event.TID, total int, err error) {
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

// resolve returns the TID of a job. id is either the TID or the ID of a message that the job
// created. message is the ID of the message, or "" if id is a TID.
func (s *Store) resolve(ctx context.Context, id string) (t event.TID, message string, err error) {
	text, err := s.redis.Get(ctx, s.message(id)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		t, err = event.ParseTID(id)
		return t, "", err
	case err != nil:
		return t, "", fmt.Errorf("reading the trace of message %q: %w", id, err)
	}
	t, err = event.ParseTID(text)
	return t, id, err
}

// byStart compares nodes by start, then by operation.
func byStart(a, b *Node) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Op, b.Op)) }
