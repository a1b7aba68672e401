package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/poll"
)

// maxShown is the maximum number of matches in a LatestPoll.
const maxShown = 100

// A LatestPoll is the result of the latest poll of a source.
type LatestPoll struct {
	Due      int64         `json:"due_ms"` // time at which the poll was due, Unix milliseconds
	At       time.Time     `json:"at"`     // time at which the poll ended
	Took     time.Duration `json:"took"`   // response time of the site, in nanoseconds
	Problem  string        `json:"problem,omitempty"`
	Failures int           `json:"failures,omitempty"` // number of consecutive failed polls
	Stopped  string        `json:"stopped,omitempty"`  // why polling has stopped; "" if it has not
	// Matches lists the first matches of the page. If the poll failed, it lists the matches of the
	// latest usable page.
	Matches []event.Match `json:"matches,omitempty"`

	Course course `json:"course"`
}

// savePoll saves the result of a poll, unless the source is not on the schedule or the result of a
// later poll is already saved. It does not delay a poll that a job has asked for.
// A slow poll sets the interval even if it ends after the next poll was
// due, so that slow sites are polled less often. If the interval in ARGV[4] is empty, the script stops
// the source, which may be paused, writes match_deactivated to the outbox, and returns "stopped". Otherwise it also
// records that the next poll must end within ARGV[7] milliseconds, as the script expect does.
var savePoll = redis.NewScript(indexing + `
local had = redis.call('hget', KEYS[5], ARGV[1])
if redis.call('hexists', KEYS[1], ARGV[1]) == 0 then return '' end
if had and cjson.decode(had).due_ms > tonumber(ARGV[2]) then return '' end
redis.call('hset', KEYS[5], ARGV[1], ARGV[3])
show(ARGV[1], ARGV[6])
if ARGV[4] ~= '' then
  redis.call('hset', KEYS[3], ARGV[1], ARGV[4])
  local tick = tonumber(redis.call('hget', KEYS[4], ARGV[1]) or '0')
  local t = redis.call('time')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  local due = ARGV[2] + ARGV[4]
  if ARGV[5] == '1' or due < now then due = now + ARGV[4] end
  if redis.call('hexists', KEYS[13], ARGV[1]) == 0 then
    redis.call('zadd', KEYS[2], 'xx', string.format('%.0f', math.max(due, tick + ARGV[4])), ARGV[1])
  end
  redis.call('zadd', KEYS[14], string.format('%.0f', now + ARGV[7]), ARGV[1])
elseif redis.call('zrem', KEYS[2], ARGV[1]) + redis.call('hdel', KEYS[12], ARGV[1]) > 0 then
  redis.call('hdel', KEYS[13], ARGV[1])
  redis.call('rpush', KEYS[6], ARGV[7])
  return 'stopped'
elseif had == ARGV[3] then -- repeated
  return 'stopped'
end
return ''`)

// Polled saves the result of a poll of a source, and schedules the next poll. The interval begins
// at the time at which the poll was due. If the next poll would then be in the past by Redis's clock,
// or if p has a Wait, the interval begins now. If polling ends, Polled emits match_deactivated. It does
// nothing if no source has that ID.
func (s *Schedule) Polled(ctx context.Context, source string, p poll.Result) error {
	entry, ok, err := s.Get(ctx, source)
	if err != nil || !ok {
		return err
	}
	out := entry.Latest
	out.Due = p.Due.UnixMilli()
	out.At, out.Took, out.Problem, out.Failures = p.At, p.Took, p.Problem, p.Failures
	if p.Problem == "" || len(p.Matches) > 0 {
		out.Matches = p.Matches[:min(len(p.Matches), maxShown)]
	}
	out.Course = out.Course.follow(p)
	out.Stopped = p.Stop
	if out.Stopped == "" && out.Course.done(p.At) {
		out.Stopped = "the match is over"
	}
	every := out.Course.interval(time.Duration(entry.Every), p)
	fromNow := 0 // 1: the interval begins now, because the result has a Wait
	if p.Wait > 0 {
		fromNow = 1
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	args := []any{source, p.Due.UnixMilli(), text, every.Milliseconds(), fromNow,
		shown(entry.Activation, &out)}
	if out.Stopped == "" {
		err = savePoll.Run(ctx, s.redis, s.keys(), append(args, (every+overdueAfter).Milliseconds())...).Err()
	} else {
		args[3] = ""
		var e event.Event
		if e, err = entry.event(event.MatchDeactivated, out.Stopped, event.TIDFrom(ctx)); err == nil {
			_, err = s.writeEvent(ctx, savePoll, e, func(reply string) bool { return reply == "stopped" }, args...)
		}
	}
	if err != nil {
		return fmt.Errorf("scheduling source %s: %w", source, err)
	}
	return nil
}

// removeStopped removes a source if it is stopped. It emits no event, because match_deactivated was
// emitted when the source stopped.
var removeStopped = redis.NewScript(indexing + `
local had = redis.call('hget', KEYS[5], ARGV[1])
if not had or not cjson.decode(had).stopped then return 0 end
for _, i in ipairs({1, 3, 4, 5}) do redis.call('hdel', KEYS[i], ARGV[1]) end
unlist(ARGV[1])
return redis.call('zrem', KEYS[2], ARGV[1])`)

func (s *Schedule) removeStopped(ctx context.Context, source string) error {
	if err := removeStopped.Run(ctx, s.redis, s.keys(), source).Err(); err != nil {
		return fmt.Errorf("removing stopped source %s: %w", source, err)
	}
	return nil
}
