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
	pipe := s.redis.Pipeline()
	lengths := make([]*redis.IntCmd, len(names))
	for i, name := range names {
		lengths[i] = pipe.LLen(ctx, s.Key(name))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fail(err)
	}
	for i, name := range names {
		if messages := int(lengths[i].Val()); messages > 0 {
			waiting = append(waiting, Waiting{name, messages})
		}
	}
	return int(count), waiting, nil
}
