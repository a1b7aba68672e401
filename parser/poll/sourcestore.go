package poll

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// memories keep in Redis what is known of each source from one page to the
// next, so that any worker can read any page:
//
//	mw:{source:<id>}:watch  hash: tick (when the latest poll that was begun was due), ended (the same of the latest that ended), memory (JSON)
type sourceStore struct {
	redis  redis.UniversalClient
	prefix string
}

const memoryTTL = 30 * 24 * time.Hour

func (m sourceStore) key(source string) string { return m.prefix + "{source:" + source + "}:watch" }

var claim = redis.NewScript(`
local tick = tonumber(redis.call('hget', KEYS[1], 'tick') or '-1')
local mine = tonumber(ARGV[1])
if mine < tick or mine == tick and ARGV[2] == '0' then return false end
redis.call('hset', KEYS[1], 'tick', ARGV[1])
redis.call('expire', KEYS[1], ARGV[3])
return redis.call('hget', KEYS[1], 'memory') or ''`)

// begin returns what is known of a poll's source. It reports false if the poll
// is not to be done: a later one has begun, or this one has. again says that
// whoever began it has died, or could not end it.
func (m sourceStore) begin(ctx context.Context, p Poll, again bool) (mem sourceState, ok bool, err error) {
	takesOver := 0
	if again {
		takesOver = 1
	}
	text, err := claim.Run(ctx, m.redis, []string{m.key(p.Source.ID)}, p.Due.UnixMilli(), takesOver, int(memoryTTL.Seconds())).Text()
	switch {
	case err == redis.Nil: //nolint:errorlint // it comes as it is
		return mem, false, nil
	case err != nil:
		return mem, false, fmt.Errorf("loading what is known of source %s: %w", p.Source.ID, err)
	case text == "":
		return mem, true, nil
	}
	if err := json.Unmarshal([]byte(text), &mem); err != nil {
		return mem, false, fmt.Errorf("loading what is known of source %s: %w", p.Source.ID, err)
	}
	return mem, true, nil
}

var remember = redis.NewScript(`
if tonumber(redis.call('hget', KEYS[1], 'ended') or '-1') > tonumber(ARGV[1]) then return 0 end
redis.call('hset', KEYS[1], 'ended', ARGV[1], 'memory', ARGV[2])
return 1`)

// end saves what is known after a poll, unless a later one has ended: a site
// that takes its time is overtaken by the next poll every time.
func (m sourceStore) end(ctx context.Context, p Poll, mem sourceState) error {
	text, err := json.Marshal(mem)
	if err != nil {
		return err
	}
	if err := remember.Run(ctx, m.redis, []string{m.key(p.Source.ID)}, p.Due.UnixMilli(), text).Err(); err != nil {
		return fmt.Errorf("saving what is known of source %s: %w", p.Source.ID, err)
	}
	return nil
}
