package parser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
)

// A Store keeps the states of matches in Redis, and beside each state its
// outbox: the events that were made and not yet confirmed by the broker. Both
// are written in one step, so an event exists if and only if the state that
// made it does.
//
//	mw:{<match>}:state   hash: version, state (JSON)
//	mw:{<match>}:outbox  list of messages (JSON), oldest first
//	mw:outboxes          sorted set of matches that may owe events, by the time of their last save
type Store struct {
	redis  redis.UniversalClient
	prefix string
}

// NewStore keeps states in r, under keys that begin with prefix: "mw:", or
// "mw:<namespace>:" where installations share a server.
func NewStore(r redis.UniversalClient, prefix string) *Store {
	return &Store{redis: r, prefix: prefix}
}

// stateTTL is how long a state is kept after its last save.
const stateTTL = 30 * 24 * time.Hour

// ErrConflict says that somebody else has saved the state meanwhile.
var ErrConflict = errors.New("the match's state was saved by another worker")

func (s *Store) key(match, what string) string { return s.prefix + "{" + match + "}:" + what }
func (s *Store) pending() string               { return s.prefix + "outboxes" }

// Load returns a match's state and its version. A match that is not known has
// version 0 and a state with nothing but a new epoch.
func (s *Store) Load(ctx context.Context, match string) (State, int64, error) {
	vals, err := s.redis.HMGet(ctx, s.key(match, "state"), "version", "state").Result()
	if err != nil {
		return State{}, 0, fmt.Errorf("loading state of %s: %w", match, err)
	}
	version, _ := vals[0].(string)
	text, _ := vals[1].(string)
	if text == "" {
		return State{Epoch: uuid.Must(uuid.NewV7()).String()}, 0, nil
	}
	var st State
	if err := json.Unmarshal([]byte(text), &st); err != nil {
		return State{}, 0, fmt.Errorf("loading state of %s: %w", match, err)
	}
	v, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return State{}, 0, fmt.Errorf("loading state of %s: version %q", match, version)
	}
	return st, v, nil
}

var saveScript = redis.NewScript(`
if (redis.call('hget', KEYS[1], 'version') or '0') ~= ARGV[1] then return 0 end
redis.call('hset', KEYS[1], 'version', ARGV[2], 'state', ARGV[3])
redis.call('expire', KEYS[1], ARGV[4])
for i = 5, #ARGV do redis.call('rpush', KEYS[2], ARGV[i]) end
return 1`)

// Save writes the state and adds to the outbox, if the version is still the
// one that was loaded; else it returns ErrConflict and writes nothing.
func (s *Store) Save(ctx context.Context, st State, version int64, owed []event.Message) error {
	match := st.Match.ID
	text, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("saving state of %s: %w", match, err)
	}
	args := []any{version, version + 1, text, int(stateTTL.Seconds())}
	for _, m := range owed {
		b, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("saving state of %s: %w", match, err)
		}
		args = append(args, b)
	}
	if len(owed) > 0 {
		// Before the save: a name too many in the set does no harm.
		err := s.redis.ZAdd(ctx, s.pending(), redis.Z{Score: float64(time.Now().UnixMilli()), Member: match}).Err()
		if err != nil {
			return fmt.Errorf("saving state of %s: %w", match, err)
		}
	}
	saved, err := saveScript.Run(ctx, s.redis, []string{s.key(match, "state"), s.key(match, "outbox")}, args...).Int()
	if err != nil {
		return fmt.Errorf("saving state of %s: %w", match, err)
	}
	if saved == 0 {
		return ErrConflict
	}
	return nil
}

// Owed returns the oldest messages in a match's outbox, at most n.
func (s *Store) Owed(ctx context.Context, match string, n int) ([]event.Message, error) {
	texts, err := s.redis.LRange(ctx, s.key(match, "outbox"), 0, int64(n-1)).Result()
	if err != nil {
		return nil, fmt.Errorf("reading outbox of %s: %w", match, err)
	}
	owed := make([]event.Message, len(texts))
	for i, t := range texts {
		if err := json.Unmarshal([]byte(t), &owed[i]); err != nil {
			return nil, fmt.Errorf("reading outbox of %s: %w", match, err)
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

// Clear removes confirmed messages from the front of a match's outbox.
func (s *Store) Clear(ctx context.Context, match string, confirmed []event.Message) error {
	ids := make([]any, len(confirmed))
	for i, m := range confirmed {
		ids[i] = m.ID
	}
	if err := clearScript.Run(ctx, s.redis, []string{s.key(match, "outbox")}, ids...).Err(); err != nil {
		return fmt.Errorf("clearing outbox of %s: %w", match, err)
	}
	return nil
}

// settleAfter is how long after its last save a match stays in the set of those
// that may owe events. It is far longer than the moment between the two writes
// of a save.
const settleAfter = time.Minute

// Indebted returns the matches that may owe events.
func (s *Store) Indebted(ctx context.Context) ([]string, error) {
	all, err := s.redis.ZRange(ctx, s.pending(), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", s.pending(), err)
	}
	return all, nil
}

var settleScript = redis.NewScript(`
local at = redis.call('zscore', KEYS[1], ARGV[1])
if at and tonumber(at) < tonumber(ARGV[2]) then redis.call('zrem', KEYS[1], ARGV[1]) end
return 1`)

// Settle forgets a match whose outbox was found empty, unless it was saved
// within the last minute.
func (s *Store) Settle(ctx context.Context, match string) error {
	limit := time.Now().Add(-settleAfter).UnixMilli()
	return settleScript.Run(ctx, s.redis, []string{s.pending()}, match, limit).Err()
}
