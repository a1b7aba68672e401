package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// A sourceStore keeps the states of sources in Redis, so that any worker can do any poll:
//
//	mw:{source:<id>}:watch  hash: tick (when the latest claimed poll was due), claimed_by (the call
//	                        that claimed it), ended (when the latest poll that ended was due),
//	                        memory (the state as JSON)
type sourceStore struct {
	redis  redis.UniversalClient
	prefix string
}

const sourceTTL = 30 * 24 * time.Hour

func (s sourceStore) key(source string) string { return s.prefix + "{source:" + source + "}:watch" }

// The client sends the script again if the answer was lost. The second run finds its own claim.
var claimScript = redis.NewScript(`
local tick = tonumber(redis.call('hget', KEYS[1], 'tick') or '-1')
local mine = tonumber(ARGV[1])
if mine < tick then return false end
if mine == tick and ARGV[2] == '0' and redis.call('hget', KEYS[1], 'claimed_by') ~= ARGV[4] then return false end
redis.call('hset', KEYS[1], 'tick', ARGV[1], 'claimed_by', ARGV[4])
redis.call('expire', KEYS[1], ARGV[3])
return redis.call('hget', KEYS[1], 'memory') or ''`)

// claim claims a poll for this worker, and returns the state of its source. ok is false if the poll
// is not to be done: it was claimed before, or a later one was. retry claims one that was claimed
// before: its worker died, or could not end it.
func (s sourceStore) claim(ctx context.Context, p Poll, retry bool) (state sourceState, ok bool, err error) {
	again := 0
	if retry {
		again = 1
	}
	keys, ttl := []string{s.key(p.Source.ID)}, int(sourceTTL.Seconds())
	text, err := claimScript.Run(ctx, s.redis, keys, p.Due.UnixMilli(), again, ttl, uuid.NewString()).Text()
	switch {
	case errors.Is(err, redis.Nil):
		return state, false, nil
	case err != nil:
		return state, false, fmt.Errorf("loading the state of source %s: %w", p.Source.ID, err)
	case text == "":
		return state, true, nil
	}
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		return state, false, fmt.Errorf("loading the state of source %s: %w", p.Source.ID, err)
	}
	return state, true, nil
}

var saveSourceScript = redis.NewScript(`
if tonumber(redis.call('hget', KEYS[1], 'ended') or '-1') > tonumber(ARGV[1]) then return 0 end
redis.call('hset', KEYS[1], 'ended', ARGV[1], 'memory', ARGV[2])
return 1`)

// save saves the state of a source after a poll, unless a later poll has ended: the next poll of a
// slow site overtakes this one.
func (s sourceStore) save(ctx context.Context, p Poll, state sourceState) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := saveSourceScript.Run(ctx, s.redis, []string{s.key(p.Source.ID)}, p.Due.UnixMilli(), text).Err(); err != nil {
		return fmt.Errorf("saving the state of source %s: %w", p.Source.ID, err)
	}
	return nil
}
