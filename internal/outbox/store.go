package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
)

// A Store keeps outboxes in Redis, each under a name: a match ID, or what else
// the messages belong to. Whoever makes messages writes them there in the same
// step as the state that made them:
//
//	mw:{<name>}:outbox  list of messages (JSON), oldest first
//	mw:outboxes         sorted set of the names of outboxes that may hold some, by the time of the last write, Unix milliseconds of Redis's clock
type Store struct {
	redis  redis.UniversalClient
	prefix string
}

// NewStore keeps outboxes in r, under keys that begin with prefix.
func NewStore(r redis.UniversalClient, prefix string) *Store {
	return &Store{redis: r, prefix: prefix}
}

// Key is the list that a script appends what [Arguments] returns to.
func (s *Store) Key(name string) string { return s.prefix + "{" + name + "}:outbox" }
func (s *Store) pending() string        { return s.prefix + "outboxes" }

// Arguments are messages as an outbox holds them.
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

// Mark says that an outbox is about to be written to. A name too many in the
// set does no harm.
func (s *Store) Mark(ctx context.Context, name string) error {
	return markScript.Run(ctx, s.redis, []string{s.pending()}, name).Err()
}

// Owed returns the oldest messages in an outbox, at most n.
func (s *Store) Owed(ctx context.Context, name string, n int) ([]broker.Message, error) {
	texts, err := s.redis.LRange(ctx, s.Key(name), 0, int64(n-1)).Result()
	if err != nil {
		return nil, fmt.Errorf("reading outbox of %s: %w", name, err)
	}
	owed := make([]broker.Message, len(texts))
	for i, t := range texts {
		if err := json.Unmarshal([]byte(t), &owed[i]); err != nil {
			return nil, fmt.Errorf("reading outbox of %s: %w", name, err)
		}
	}
	return owed, nil
}

// Two workers may clear what both have published, so each message is removed
// only if it still stands first.
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

// settleAfter is how long after its last write an outbox stays in the set of those
// that may hold messages. It is far longer than the moment between the two writes
// of a save.
const settleAfter = time.Minute

// Indebted returns the names of the outboxes that may hold messages.
func (s *Store) Indebted(ctx context.Context) ([]string, error) {
	all, err := s.redis.ZRange(ctx, s.pending(), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", s.pending(), err)
	}
	return all, nil
}

var settleScript = redis.NewScript(`
local at = redis.call('zscore', KEYS[1], ARGV[1])
local t = redis.call('time')
if at and tonumber(at) < t[1] * 1000 + math.floor(t[2] / 1000) - ARGV[2] then redis.call('zrem', KEYS[1], ARGV[1]) end
return 1`)

// Settle forgets an outbox that was found empty, unless it was written to
// within the last minute.
func (s *Store) Settle(ctx context.Context, name string) error {
	return settleScript.Run(ctx, s.redis, []string{s.pending()}, name, settleAfter.Milliseconds()).Err()
}
