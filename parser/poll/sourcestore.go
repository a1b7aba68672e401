package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// A sourceStore stores the states of sources in Redis, so that any worker can run any poll:
//
//	mw:{source:<id>}:watch  hash: tick (due time of the latest claimed poll), claimed_by (ID of the
//	                        call that claimed this poll), begun (when this poll was claimed),
//	                        ended (due time of the latest poll that ended),
//	                        unended (number of polls in a row that did not end),
//	                        died (1 if the poll before the claimed poll did not end),
//	                        memory (the state as JSON)
type sourceStore struct {
	redis  redis.UniversalClient
	prefix string
}

// sourceTTL is how long a state is stored after the latest poll.
const sourceTTL = 30 * 24 * time.Hour

func (s sourceStore) key(source string) string { return s.prefix + "{source:" + source + "}:watch" }

// claimScript claims a poll. It returns the memory, unended and died fields of the source, or
// nothing if the poll cannot be claimed. The script counts two kinds of polls as polls that did not
// end: polls whose task was delivered again because their process ended, and polls whose timeout
// has passed. If the reply is lost, the client runs the script again with the same ID of the call.
// The second run finds the claim of the first run by this ID.
var claimScript = redis.NewScript(`
local had = redis.call('hmget', KEYS[1], 'tick', 'claimed_by', 'begun', 'ended')
local tick, mine, ended = tonumber(had[1] or '-1'), tonumber(ARGV[1]), tonumber(had[4] or '-1')
if mine < tick then return false end
if had[2] ~= ARGV[4] then
  if mine == tick and ARGV[2] == '0' then return false end
  redis.call('hset', KEYS[1], 'died', '0')
  local t = redis.call('time')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  local died = mine == tick and ARGV[5] == '1'
  local late = mine > tick and had[3] and now - tonumber(had[3]) > tonumber(ARGV[6])
  if tick > ended and (died or late) then
    redis.call('hincrby', KEYS[1], 'unended', 1)
    redis.call('hset', KEYS[1], 'died', '1')
  end
  redis.call('hset', KEYS[1], 'tick', ARGV[1], 'claimed_by', ARGV[4], 'begun', string.format('%.0f', now))
  redis.call('expire', KEYS[1], ARGV[3])
end
local state = redis.call('hmget', KEYS[1], 'memory', 'unended', 'died')
return {state[1] or '', state[2] or '0', state[3] or '0'}`)

// A claim is a claimed poll.
type claim struct {
	state   sourceState
	unended int  // number of polls in a row that did not end, before this one
	died    bool // whether the poll before this one did not end
}

// claim claims a poll for this worker. ok is false if this poll or a later poll was claimed before.
// This poll can be claimed again if retried or redelivered is true. retried means that an earlier
// attempt failed. redelivered means that the process of an earlier attempt ended.
func (s sourceStore) claim(ctx context.Context, p Poll, retried, redelivered bool) (c claim, ok bool, err error) {
	number := map[bool]int{true: 1}
	keys, ttl := []string{s.key(p.Source.ID)}, int(sourceTTL.Seconds())
	got, err := claimScript.Run(ctx, s.redis, keys, p.Due.UnixMilli(), number[retried || redelivered], ttl,
		uuid.NewString(), number[redelivered], pollTimeout.Milliseconds()).StringSlice()
	if errors.Is(err, redis.Nil) {
		return c, false, nil
	}
	if err == nil {
		c.died = got[2] == "1"
		c.unended, err = strconv.Atoi(got[1])
	}
	if err == nil && got[0] != "" {
		err = json.Unmarshal([]byte(got[0]), &c.state)
	}
	if err != nil {
		return c, false, fmt.Errorf("loading the state of source %s: %w", p.Source.ID, err)
	}
	return c, true, nil
}

// saveSourceScript saves a state, unless a later poll has ended.
var saveSourceScript = redis.NewScript(`
if tonumber(redis.call('hget', KEYS[1], 'ended') or '-1') > tonumber(ARGV[1]) then return 0 end
redis.call('hset', KEYS[1], 'ended', ARGV[1], 'memory', ARGV[2], 'unended', ARGV[3])
return 1`)

// save saves the state of a source after a poll. It does nothing if a later poll has already ended,
// which can happen if the site is slow.
func (s sourceStore) save(ctx context.Context, p Poll, c claim) error {
	text, err := json.Marshal(c.state)
	if err != nil {
		return fmt.Errorf("saving the state of source %s: %w", p.Source.ID, err)
	}
	keys := []string{s.key(p.Source.ID)}
	if err := saveSourceScript.Run(ctx, s.redis, keys, p.Due.UnixMilli(), text, c.unended).Err(); err != nil {
		return fmt.Errorf("saving the state of source %s: %w", p.Source.ID, err)
	}
	return nil
}
