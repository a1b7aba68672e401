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

// A sourceStore stores the states of sources in Redis, so that any worker can run any poll:
//
//	mw:{source:<id>}:watch  hash: tick (due time of the latest poll that was claimed), claimed_by (the
//	                        call that claimed it), ended (due time of the latest poll that ended),
//	                        memory (the state as JSON)
type sourceStore struct {
	redis  redis.UniversalClient
	prefix string
}

// sourceTTL is how long a state is stored after the latest poll.
const sourceTTL = 30 * 24 * time.Hour

func (s sourceStore) key(source string) string { return s.prefix + "{source:" + source + "}:watch" }

// claimScript claims a poll. It returns the state of the source, or nothing if the poll cannot be
// claimed. If the reply is lost, the client runs the script again, and the second run finds the
// claim of the first.
var claimScript = redis.NewScript(`
local tick = tonumber(redis.call('hget', KEYS[1], 'tick') or '-1')
local mine = tonumber(ARGV[1])
if mine < tick then return false end
if mine == tick and ARGV[2] == '0' and redis.call('hget', KEYS[1], 'claimed_by') ~= ARGV[4] then return false end
redis.call('hset', KEYS[1], 'tick', ARGV[1], 'claimed_by', ARGV[4])
redis.call('expire', KEYS[1], ARGV[3])
return redis.call('hget', KEYS[1], 'memory') or ''`)

// claim claims a poll for this worker, and returns the state of its source. ok is false if this
// poll or a later poll was claimed before. If retry is true, this poll can be claimed again,
// because its worker ended or failed.
func (s sourceStore) claim(ctx context.Context, p Poll, retry bool) (state sourceState, ok bool, err error) {
	allowAgain := 0
	if retry {
		allowAgain = 1
	}
	keys, ttl := []string{s.key(p.Source.ID)}, int(sourceTTL.Seconds())
	text, err := claimScript.Run(ctx, s.redis, keys, p.Due.UnixMilli(), allowAgain, ttl, uuid.NewString()).Text()
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

// saveSourceScript saves a state, unless a later poll has ended.
var saveSourceScript = redis.NewScript(`
if tonumber(redis.call('hget', KEYS[1], 'ended') or '-1') > tonumber(ARGV[1]) then return 0 end
redis.call('hset', KEYS[1], 'ended', ARGV[1], 'memory', ARGV[2])
return 1`)

// save saves the state of a source after a poll. It does nothing if a later poll has already ended,
// which can happen if the site is slow.
func (s sourceStore) save(ctx context.Context, p Poll, state sourceState) error {
	text, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("saving the state of source %s: %w", p.Source.ID, err)
	}
	if err := saveSourceScript.Run(ctx, s.redis, []string{s.key(p.Source.ID)}, p.Due.UnixMilli(), text).Err(); err != nil {
		return fmt.Errorf("saving the state of source %s: %w", p.Source.ID, err)
	}
	return nil
}
