package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
)

// A Store keeps outboxes in Redis. An outbox is named for the match whose messages it holds, or
// "schedule" for those of the schedule. The script that saves a state also writes its messages, in
// one step.
//
//	mw:{<name>}:outbox  list of messages (JSON), oldest first
//	mw:outboxes         sorted set of the names of outboxes that may hold messages, by the time of
//	                    their last mark in Unix milliseconds of Redis's clock
type Store struct {
	redis  redis.UniversalClient
	prefix string
}

// NewStore returns the store of the outboxes in r whose keys begin with prefix.
func NewStore(r redis.UniversalClient, prefix string) *Store {
	return &Store{redis: r, prefix: prefix}
}

// Key returns the key of an outbox's list. A script appends what [Arguments] returns to it.
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

// Mark adds an outbox to those that may hold messages. Call it before you write to the outbox. If
// the write fails, the mark does no harm.
func (s *Store) Mark(ctx context.Context, name string) error {
	return markScript.Run(ctx, s.redis, []string{s.namesKey()}, name).Err()
}

// Oldest returns the oldest messages in an outbox, at most n.
func (s *Store) Oldest(ctx context.Context, name string, n int) ([]broker.Message, error) {
	texts, err := s.redis.LRange(ctx, s.Key(name), 0, int64(n-1)).Result()
	if err != nil {
		return nil, fmt.Errorf("reading outbox of %s: %w", name, err)
	}
	msgs := make([]broker.Message, len(texts))
	for i, t := range texts {
		if err := json.Unmarshal([]byte(t), &msgs[i]); err != nil {
			return nil, fmt.Errorf("reading outbox of %s: %w", name, err)
		}
	}
	return msgs, nil
}

// Two processes may have published the same messages, so a message is removed only while it is the
// first of the list.
var clearScript = redis.NewScript(`
for i = 1, #ARGV do
  local first = redis.call('lindex', KEYS[1], 0)
  if first and cjson.decode(first).ID == ARGV[i] then redis.call('lpop', KEYS[1]) end
end
return redis.call('llen', KEYS[1])`)

// Clear removes confirmed messages from the front of an outbox.
func (s *Store) Clear(ctx context.Context, name string, confirmed []broker.Message) error {
	ids := make([]any, len(confirmed))
	for i, m := range confirmed {
		ids[i] = m.ID
	}
	if err := clearScript.Run(ctx, s.redis, []string{s.Key(name)}, ids...).Err(); err != nil {
		return fmt.Errorf("clearing outbox of %s: %w", name, err)
	}
	return nil
}

// dropAfter is how long after its last mark an outbox stays in the set of those that may hold
// messages. It is far longer than the time between Mark and the write that follows it.
const dropAfter = time.Minute

// Pending returns the names of the outboxes that may hold messages.
func (s *Store) Pending(ctx context.Context) ([]string, error) {
	all, err := s.redis.ZRange(ctx, s.namesKey(), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", s.namesKey(), err)
	}
	return all, nil
}

var dropScript = redis.NewScript(`
local at = redis.call('zscore', KEYS[1], ARGV[1])
local t = redis.call('time')
if at and tonumber(at) < t[1] * 1000 + math.floor(t[2] / 1000) - ARGV[2] then redis.call('zrem', KEYS[1], ARGV[1]) end
return 1`)

// DropIfEmpty removes an outbox that was found empty from those that may hold messages, unless it
// was marked within the last minute.
func (s *Store) DropIfEmpty(ctx context.Context, name string) error {
	return dropScript.Run(ctx, s.redis, []string{s.namesKey()}, name, dropAfter.Milliseconds()).Err()
}
