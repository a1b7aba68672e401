package outbox

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// A Waiting is an outbox with messages.
type Waiting struct {
	Name     string
	Messages int
}

// Waiting returns the number of pending outboxes, and those of the n with the oldest marks that contain messages.
func (s *Store) Waiting(ctx context.Context, n int) (pending int, waiting []Waiting, err error) {
	fail := func(err error) (int, []Waiting, error) {
		return 0, nil, fmt.Errorf("reading %s: %w", s.namesKey(), err)
	}
	count, err := s.redis.ZCard(ctx, s.namesKey()).Result()
	if err != nil {
		return fail(err)
	}
	names, err := s.redis.ZRange(ctx, s.namesKey(), 0, int64(n-1)).Result()
	if err != nil || len(names) == 0 {
		return int(count), nil, err
	}
	lengths, err := s.lengths(ctx, names)
	if err != nil {
		return 0, nil, err
	}
	for i, name := range names {
		if lengths[i] > 0 {
			waiting = append(waiting, Waiting{name, lengths[i]})
		}
	}
	return int(count), waiting, nil
}

// lengths returns the number of messages in each of the named outboxes.
func (s *Store) lengths(ctx context.Context, names []string) ([]int, error) {
	pipe := s.redis.Pipeline()
	found := make([]*redis.IntCmd, len(names))
	for i, name := range names {
		found[i] = pipe.LLen(ctx, s.Key(name))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("reading the lengths of outboxes: %w", err)
	}
	lengths := make([]int, len(names))
	for i := range names {
		lengths[i] = int(found[i].Val())
	}
	return lengths, nil
}
