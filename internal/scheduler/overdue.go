package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// overdueAfter is the maximum time between when a poll is due and when it ends. A poll takes at most
	// 90 seconds.
	overdueAfter = 2 * time.Minute
	// overdueShown is the maximum number of entries that Overdue returns.
	overdueShown = 20
)

// expect records that the next poll of the source ARGV[1] must end within ARGV[2] milliseconds. If
// ARGV[2] is negative, it records that no poll is expected.
//
// The key mw:{schedule}:deadline is a sorted set of source IDs by the time by which the next poll
// must end, in Unix milliseconds of Redis's clock.
var expect = redis.NewScript(`
if tonumber(ARGV[2]) < 0 then return redis.call('zrem', KEYS[1], ARGV[1]) end
local t = redis.call('time')
return redis.call('zadd', KEYS[1], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2], ARGV[1])`)

// expect records that a poll of a source is expected after an interval.
func (s *Schedule) expect(ctx context.Context, source string, interval time.Duration) error {
	return s.setDeadline(ctx, source, interval+overdueAfter)
}

// expectNone records that no poll of a source is expected.
func (s *Schedule) expectNone(ctx context.Context, source string) error {
	return s.setDeadline(ctx, source, -1)
}

func (s *Schedule) setDeadline(ctx context.Context, source string, within time.Duration) error {
	ms := within.Milliseconds()
	if within < 0 {
		ms = -1
	}
	if err := expect.Run(ctx, s.redis, []string{s.key("deadline")}, source, ms).Err(); err != nil {
		return fmt.Errorf("saving when source %s must be polled: %w", source, err)
	}
	return nil
}

// overdue returns the IDs of at most ARGV[1] sources whose deadline has passed, in order of their
// deadlines. The last element of the reply is the number of all such sources.
var overdue = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local all = redis.call('zrangebyscore', KEYS[1], '-inf', now, 'limit', 0, ARGV[1])
all[#all+1] = tostring(redis.call('zcount', KEYS[1], '-inf', now))
return all`)

// Overdue returns at most 20 sources that are not polled on time, those with the earliest deadline
// first. count is the number of all such sources. If one of the first 20 sources is stopped or no
// longer on the schedule, Overdue does not return it, and removes its deadline. If one of them is paused, it is
// in paused. count can include other such sources that are stopped or paused.
func (s *Schedule) Overdue(ctx context.Context) (entries, paused []Entry, count int, err error) {
	found, err := overdue.Run(ctx, s.redis, []string{s.key("deadline")}, overdueShown).StringSlice()
	if err != nil {
		return nil, nil, 0, fmt.Errorf("reading which sources are overdue: %w", err)
	}
	last := len(found) - 1
	if _, err := fmt.Sscan(found[last], &count); err != nil {
		return nil, nil, 0, fmt.Errorf("reading which sources are overdue: %w", err)
	}
	for _, id := range found[:last] {
		e, active, err := s.Get(ctx, id)
		switch {
		case err != nil:
			return nil, nil, 0, err
		case !active || e.Latest.Stopped != "":
			count--
			if err := s.expectNone(ctx, id); err != nil {
				return nil, nil, 0, err
			}
		case e.Paused != nil:
			count--
			paused = append(paused, e)
		default:
			entries = append(entries, e)
		}
	}
	return entries, paused, count, nil
}

// IsOverdue reports whether no process has polled the source on time. A stopped or paused source is not overdue.
func (e *Entry) IsOverdue(now time.Time) bool {
	return e.Latest.Stopped == "" && e.Paused == nil && now.After(e.polled().Add(e.Interval+overdueAfter))
}

// claimFor is the time for which no other process handles a claimed source.
const claimFor = 30 * time.Second

// ClaimOverdue reports whether this process must handle an overdue source. If so, no other process
// handles the source for 30 seconds.
func (s *Schedule) ClaimOverdue(ctx context.Context, source string) (bool, error) {
	err := s.redis.SetArgs(ctx, s.key("overdue:"+source), 1, redis.SetArgs{Mode: "NX", TTL: claimFor}).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("claiming overdue source %s: %w", source, err)
	}
	return true, nil
}
