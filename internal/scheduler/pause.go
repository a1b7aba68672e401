package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
)

// A Pause says since when an operator has paused a source. A paused source is not polled, and its matches are
// stale. The pause belongs to the source, not to its activation: it stays if the config changes the source, or if
// all schedulers restart. It ends with [Schedule.Resume], or if the source is deactivated.
type Pause struct {
	Since time.Time `json:"since"`
	TID   event.TID `json:"tid"` // TID of the request
}

// Errors of requests for one source.
var (
	ErrNotActive = errors.New("the source is not on the schedule")
	ErrStopped   = errors.New("polling of the source has stopped")
	ErrPaused    = errors.New("the source is paused: resume it first")
)

// A TooSoonError reports that a poll was asked for too soon after the latest poll of the source.
type TooSoonError struct{ Wait time.Duration }

func (e *TooSoonError) Error() string {
	return fmt.Sprintf("the source was polled less than %v ago: try again in %v", askGap, e.Wait)
}

// pausedFor is the time after which the matches of a paused source are stale. It is longer than the time for which a
// match counts as just seen, even if the clocks of processes differ.
const pausedFor = overdueAfter + 10*time.Second

// askGap is the shortest time from a poll to a poll that an operator asks for.
const askGap = 5 * time.Second

// askable is the beginning of the scripts for requests. It ends the script if the source cannot be polled.
const askable = `
if redis.call('hexists', KEYS[1], ARGV[1]) == 0 then return 'missing' end
local polled = redis.call('hget', KEYS[5], ARGV[1])
if polled and cjson.decode(polled).stopped then return 'stopped' end
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

// pause pauses a source. It sets a deadline although no poll is expected, so that a [Watch] then marks the matches of
// the source as stale.
var pause = redis.NewScript(askable + `
if redis.call('hexists', KEYS[12], ARGV[1]) == 1 then return '' end
redis.call('hset', KEYS[12], ARGV[1], ARGV[2])
redis.call('zrem', KEYS[2], ARGV[1])
redis.call('hdel', KEYS[13], ARGV[1])
redis.call('zadd', KEYS[14], now + ARGV[3], ARGV[1])
return ''`)

// resume ends the pause of a source. A poll is due at once.
var resume = redis.NewScript(askable + `
if redis.call('hdel', KEYS[12], ARGV[1]) == 0 then return '' end
redis.call('hset', KEYS[13], ARGV[1], ARGV[2])
redis.call('zadd', KEYS[2], now, ARGV[1])
redis.call('zadd', KEYS[14], now + ARGV[3], ARGV[1])
return ''`)

// ask makes a poll of a source due at once. If the latest poll was due less than ARGV[3] ms ago, it returns for how
// many milliseconds the caller must wait. It stores the reply "", because a repeated call would have to wait.
var ask = redis.NewScript(`
if redis.call('exists', KEYS[16]) == 1 then return '' end` + askable + `
if redis.call('hexists', KEYS[12], ARGV[1]) == 1 then return 'paused' end
local wait = (redis.call('hget', KEYS[4], ARGV[1]) or 0) + ARGV[3] - now
if wait > 0 then return string.format('%.0f', wait) end
redis.call('hset', KEYS[13], ARGV[1], ARGV[2])
redis.call('zadd', KEYS[2], now, ARGV[1])
redis.call('set', KEYS[16], '1', 'px', ARGV[4])
return ''`)

// Pause pauses a source under the TID of ctx. A poll that is under way ends. After pausedFor, the matches of the
// source are stale. If the source is paused, nothing
// changes. The error is ErrNotActive or ErrStopped if the source is not polled anyway.
func (s *Schedule) Pause(ctx context.Context, source string) error {
	p, err := json.Marshal(Pause{Since: time.Now().UTC().Truncate(time.Millisecond), TID: event.TIDFrom(ctx)})
	if err != nil {
		return err
	}
	return s.request(ctx, pause, "pausing", source, p, pausedFor.Milliseconds())
}

// Resume ends the pause of a source. The next poll is due at once, under the TID of ctx. If the source is not paused,
// nothing changes. The errors are those of Pause.
func (s *Schedule) Resume(ctx context.Context, source string) error {
	return s.request(ctx, resume, "resuming", source, event.TIDFrom(ctx).String(), overdueAfter.Milliseconds())
}

// Ask makes a poll of a source due at once, under the TID of ctx. If a poll was asked for before and has not begun,
// the TID replaces that of the earlier request. The error is one of those of Pause, ErrPaused or a *TooSoonError.
func (s *Schedule) Ask(ctx context.Context, source string) error {
	return s.request(ctx, ask, "polling", source, event.TIDFrom(ctx).String(), askGap.Milliseconds(),
		keepReply.Milliseconds())
}

// request runs a script for a source, and returns the error for its reply.
func (s *Schedule) request(ctx context.Context, script *redis.Script, what, source string, args ...any) error {
	keys := append(s.keys(), s.replyKey(event.TIDFrom(ctx).String()+":"+source))
	reply, err := script.Run(ctx, s.redis, keys, append([]any{source}, args...)...).Text()
	if err != nil {
		return fmt.Errorf("%s source %s: %w", what, source, err)
	}
	switch reply {
	case "":
		return nil
	case "missing":
		return ErrNotActive
	case "stopped":
		return ErrStopped
	case "paused":
		return ErrPaused
	}
	ms, err := strconv.Atoi(reply)
	if err != nil {
		return fmt.Errorf("%s source %s: unknown reply %q", what, source, reply)
	}
	return &TooSoonError{time.Duration(ms) * time.Millisecond}
}

// settle records that no poll of a source is expected while the source is paused.
var settle = redis.NewScript(`
if redis.call('hexists', KEYS[1], ARGV[1]) == 0 then return 0 end
return redis.call('zrem', KEYS[2], ARGV[1])`)

func (s *Schedule) expectNoneWhilePaused(ctx context.Context, source string) error {
	if err := settle.Run(ctx, s.redis, []string{s.key("paused"), s.key("deadline")}, source).Err(); err != nil {
		return fmt.Errorf("saving that no poll of source %s is expected: %w", source, err)
	}
	return nil
}
