package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/internal/redisclient"
)

// A Store stores outboxes in Redis. The name of an outbox is the ID of the match whose messages it
// contains, or "schedule" for the messages of the schedule.
//
//	mw:{<name>}:outbox  list of messages (JSON), oldest first
//	mw:outboxes         sorted set of the names of pending outboxes, by the time of the latest mark,
//	                    in Unix milliseconds by Redis's clock
//
// An outbox is pending from its first mark until it is unmarked. Every outbox that contains messages
// is pending, but a pending outbox may be empty.
type Store struct {
	redis  redis.UniversalClient
	prefix string
}

// NewStore returns the store of the outboxes in r whose keys begin with prefix.
func NewStore(r redis.UniversalClient, prefix string) *Store {
	return &Store{redis: r, prefix: prefix}
}

// Key returns the key of an outbox's list. A script appends the result of [Arguments] to the list.
func (s *Store) Key(name string) string { return s.prefix + "{" + name + "}:outbox" }
func (s *Store) namesKey() string       { return s.prefix + "outboxes" }

// Arguments encodes messages as elements of an outbox's list.
func Arguments(msgs []broker.Message) ([]any, error) {
	args := make([]any, len(msgs))
	for i, m := range msgs {
		b, err := json.Marshal(m)
		if err != nil {
			return nil, err
		}
		args[i] = b
	}
	return args, nil
}

var markScript = redis.NewScript(`
local t = redis.call('time')
return redis.call('zadd', KEYS[1], string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)), ARGV[1])`)

// Mark makes an outbox pending. Call Mark before you write to the outbox. If the write fails, you
// need not undo the mark.
func (s *Store) Mark(ctx context.Context, name string) error {
	return markScript.Run(ctx, s.redis, []string{s.namesKey()}, name).Err()
}

// Oldest returns at most n messages from an outbox, oldest first. If replicas can replace the server, it
// waits until one of them has these messages. Otherwise, after the failure of the server, a new event could
// get the seq of an event that was published, but was never written to the replica.
func (s *Store) Oldest(ctx context.Context, name string, n int) ([]broker.Message, error) {
	texts, err := s.redis.LRange(ctx, s.Key(name), 0, int64(n-1)).Result()
	if err == nil && len(texts) > 0 {
		err = redisclient.Confirm(ctx, s.redis, s.Key(name))
	}
	if err != nil {
		return nil, fmt.Errorf("reading outbox %s: %w", name, err)
	}
	msgs := make([]broker.Message, len(texts))
	for i, t := range texts {
		if err := json.Unmarshal([]byte(t), &msgs[i]); err != nil {
			return nil, fmt.Errorf("reading outbox %s: %w", name, err)
		}
	}
	return msgs, nil
}

// clearScript removes each message only if it is the first in the list. Another process may have
// published and removed the same messages.
var clearScript = redis.NewScript(`
for i = 1, #ARGV do
  local first = redis.call('lindex', KEYS[1], 0)
  if first and cjson.decode(first).ID == ARGV[i] then redis.call('lpop', KEYS[1]) end
end
return redis.call('llen', KEYS[1])`)

// Clear removes confirmed messages from the front of an outbox. It returns the number of messages that are left.
func (s *Store) Clear(ctx context.Context, name string, confirmed []broker.Message) (left int, err error) {
	ids := make([]any, len(confirmed))
	for i, m := range confirmed {
		ids[i] = m.ID
	}
	if left, err = clearScript.Run(ctx, s.redis, []string{s.Key(name)}, ids...).Int(); err != nil {
		return 0, fmt.Errorf("clearing outbox %s: %w", name, err)
	}
	return left, nil
}

// unmarkAfter is the shortest time from a mark until the outbox can be unmarked. It is far longer
// than the time between a mark and the write that follows the mark.
const unmarkAfter = time.Minute

// Pending returns the names of the pending outboxes.
func (s *Store) Pending(ctx context.Context) ([]string, error) {
	all, err := s.redis.ZRange(ctx, s.namesKey(), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", s.namesKey(), err)
	}
	return all, nil
}

// sweepSlice is the maximum number of outboxes that one call reads, so that other clients of Redis do not wait long.
const sweepSlice = 500

// Sweep returns the names of the outboxes that contain messages, and unmarks the others.
func (s *Store) Sweep(ctx context.Context) (unsent []string, err error) {
	pending, err := s.Pending(ctx)
	if err != nil {
		return nil, err
	}
	for names := range slices.Chunk(pending, sweepSlice) {
		lengths, err := s.lengths(ctx, names)
		if err != nil {
			return nil, err
		}
		var empty []string
		for i, name := range names {
			if lengths[i] > 0 {
				unsent = append(unsent, name)
			} else {
				empty = append(empty, name)
			}
		}
		if err := s.unmark(ctx, empty); err != nil {
			return nil, err
		}
	}
	return unsent, nil
}

// unmarkScript removes the names in ARGV from the second on whose marks are older than ARGV[1].
var unmarkScript = redis.NewScript(`
local t = redis.call('time')
local before = t[1] * 1000 + math.floor(t[2] / 1000) - ARGV[1]
for i = 2, #ARGV do
  local at = redis.call('zscore', KEYS[1], ARGV[i])
  if at and tonumber(at) < before then redis.call('zrem', KEYS[1], ARGV[i]) end
end
return 1`)

// unmark removes outboxes that were empty from the pending outboxes, except those that were marked within the last
// minute.
func (s *Store) unmark(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	args := []any{unmarkAfter.Milliseconds()}
	for _, name := range names {
		args = append(args, name)
	}
	if err := unmarkScript.Run(ctx, s.redis, []string{s.namesKey()}, args...).Err(); err != nil {
		return fmt.Errorf("updating %s: %w", s.namesKey(), err)
	}
	return nil
}
