package consumers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
)

// keepDone is how long the mark of a handled event is kept. A copy of an event usually arrives within
// seconds of the original, or after an outage of the broker.
const keepDone = 24 * time.Hour

// marks records in Redis which events a consumer has handled or is handling:
//
//	mw:handled:<consumer>:{<event ID>}            "done" for a day; "<instance>:<attempt>" during an attempt
//	mw:handled:<consumer>:{<event ID>}:<attempt>  for a minute, if the attempt was abandoned
//
// The mark of an attempt is a lease, which is renewed while the handler runs. If the process dies,
// the lease expires, and another process can handle the event. Until then, the event is postponed,
// which does not count as an attempt. The wait is necessary because the process may not have died:
// the broker also redelivers an event if a process lost its connection and is still handling the
// event.
//
// The Redis client repeats a script whose reply was lost, so each script returns the same result
// when it is repeated. If an attempt gets no reply to its first script, the attempt is abandoned.
// Scripts of an abandoned attempt that reach Redis later set no mark. If abandoning fails too, the
// mark does not block later attempts of the same instance, which tracks its running attempts in
// memory.
//
// The backfill copy of an event has its own mark, whose key ends with :backfill. After Redis loses
// its data, the backfill copy can arrive while the original waits for a retry. With a common mark,
// the original would then be skipped.
type marks struct {
	redis    redis.UniversalClient
	prefix   string        // prefix of the marks' keys
	instance string        // identifies the marks of this instance
	lease    time.Duration // time until the mark of an attempt expires without a renewal
	attempts *attempts     // the running attempts of this instance
	log      *slog.Logger
}

// newMarks returns the marks of a new instance.
func newMarks(r redis.UniversalClient, prefix string, lease time.Duration, log *slog.Logger) marks {
	running := &attempts{running: map[string]*attempt{}}
	return marks{redis: r, prefix: prefix, instance: uuid.NewString(), lease: lease, attempts: running, log: log}
}

// beginAttempt sets the mark of the attempt and returns 0. It also replaces the mark of an earlier
// attempt of the same instance. It returns -1 if the event was handled before. If another instance
// is handling the event, it returns the remaining time of the lease in milliseconds. If the attempt
// was abandoned, it returns 1 and sets nothing.
var beginAttempt = redis.NewScript(`
if redis.call('exists', KEYS[2]) == 1 then return 1 end
local mark = redis.call('get', KEYS[1])
if mark == 'done' then return -1 end
if mark and string.sub(mark, 1, #ARGV[1]) ~= ARGV[1] then return math.max(1, redis.call('pttl', KEYS[1])) end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
return 0`)

// renewAttempt renews the mark of the attempt and returns 1. It returns 0 if the attempt was
// abandoned, if the mark belongs to another attempt, or if the event is marked as handled.
var renewAttempt = redis.NewScript(`
if redis.call('exists', KEYS[2]) == 1 then return 0 end
local mark = redis.call('get', KEYS[1])
if mark and mark ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1`)

// finishAttempt marks the event as handled and returns 1. If the mark belongs to another attempt,
// it sets nothing and returns 0.
var finishAttempt = redis.NewScript(`
local mark = redis.call('get', KEYS[1])
if mark and mark ~= ARGV[1] and mark ~= 'done' then return 0 end
redis.call('set', KEYS[1], 'done', 'px', ARGV[2])
return 1`)

// abandonAttempt removes the mark of the attempt. Afterwards, beginAttempt and renewAttempt do nothing
// for the attempt.
var abandonAttempt = redis.NewScript(`
redis.call('set', KEYS[2], '1', 'px', ARGV[2])
if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end
return 1`)

// keepAbandoned is how long Redis stores that an attempt was abandoned. It must be longer than a script
// can take to reach Redis.
const keepAbandoned = time.Minute

// once calls h unless the event was handled before. If h returns nil, once marks the event as handled.
// If the event is being handled, once postpones it.
func (m marks) once(ctx context.Context, e event.Event, h func(context.Context, event.Event) error) error {
	key := m.prefix + "{" + e.ID + "}" // the braces put all keys of an event into one slot of a Redis cluster
	if e.Data.Backfill {
		key += ":backfill"
	}
	a, ok := m.attempts.begin(ctx, key)
	if !ok {
		return broker.Postpone(time.Now().Add(time.Second), "this process is handling another delivery of the event")
	}
	defer m.attempts.end(key, a)

	log := m.log.With("tid", e.TID, "id", e.ID)
	name := uuid.NewString()
	keys, token := []string{key, key + ":" + name}, m.instance+":"+name
	since, left, err := m.begin(ctx, keys, token)
	switch {
	case err != nil:
		_ = m.abandon(ctx, keys, token) // if abandon fails too, the mark expires
		return fmt.Errorf("checking whether the event was handled before: %w", RedisError(err))
	case left < 0:
		log.Debug("event skipped: it was handled before")
		trace.From(ctx).SetOutcome("was handled before")
		return nil
	case left > 0:
		reason := "another process is handling the event, or died while it handled the event"
		return broker.Postpone(time.Now().Add(left), reason)
	}
	stop := RenewLease(ctx, m.lease, since, func(ctx context.Context) (bool, error) {
		return renewAttempt.Run(ctx, m.redis, keys, token, m.lease.Milliseconds()).Bool()
	})
	handled := false // stays false if h returns an error or panics
	defer func() {
		stop()
		if handled {
			m.finish(ctx, keys, token, log)
		} else if err := m.abandon(ctx, keys, token); err != nil {
			log.Warn("mark of a failed attempt not removed: other processes wait until it expires", "error", err)
		}
	}()
	if err := h(ctx, e); err != nil {
		return err
	}
	handled = true
	return nil
}

// begin marks an event as being handled. since is a time just before the lease began. left is 0 if
// begin set the mark, negative if the event was handled before, and otherwise the remaining time of
// another instance's lease. If begin set the mark, but the reply took half a lease or more,
// begin repeats the script, because the lease may have expired.
func (m marks) begin(
	ctx context.Context, keys []string, token string,
) (since time.Time, left time.Duration, err error) {
	for {
		since = time.Now()
		n, err := beginAttempt.Run(ctx, m.redis, keys, m.instance+":", token, m.lease.Milliseconds()).Int64()
		if err != nil || n != 0 || time.Since(since) < m.lease/2 {
			return since, time.Duration(n) * time.Millisecond, err
		}
	}
}

const (
	finishMin   = 500 * time.Millisecond // minimum time that finish tries, even after ctx ends
	finishPause = 50 * time.Millisecond  // pause after the first error; it doubles after each error, up to 1 s
)

// finish marks an event as handled. While Redis is unavailable, finish retries for the length of a
// lease. It stops at the deadline of ctx, when the broker would deliver the event again, but tries
// for at least finishMin. It logs errors and does not return them, because an error would cause a
// retry of the event.
func (m marks) finish(ctx context.Context, keys []string, token string, log *slog.Logger) {
	until := time.Now().Add(m.lease)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(until) {
		until = deadline
	}
	if earliest := time.Now().Add(finishMin); until.Before(earliest) {
		until = earliest
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	for pause := finishPause; ; pause = min(2*pause, time.Second) {
		ours, err := finishAttempt.Run(ctx, m.redis, keys[:1], token, keepDone.Milliseconds()).Bool()
		switch {
		case err == nil && ours:
			return
		case err == nil:
			log.Warn("the lease expired while the event was handled: the event may be handled twice")
			return
		case !errors.Is(RedisError(err), broker.ErrUnavailable):
			log.Warn("event not marked as handled", "error", err)
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			log.Warn("event not marked as handled", "error", err)
			return
		}
	}
}

// abandon removes the mark of an attempt that failed, or that got no reply to its first script. It
// tries for at most a third of a lease, even if ctx has ended.
func (m marks) abandon(ctx context.Context, keys []string, token string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.lease/3)
	defer cancel()
	return abandonAttempt.Run(ctx, m.redis, keys, token, keepAbandoned.Milliseconds()).Err()
}

// attempts holds the running attempts of this instance.
type attempts struct {
	mu      sync.Mutex
	running map[string]*attempt // by the key of the mark
}

// An attempt is one call of a handler.
type attempt struct {
	until time.Time // when the attempt counts as hung; zero means never
}

// hungAfter is the time from the deadline of a handler's context until the handler counts as hung.
// The broker waits for the handler for the same time.
const hungAfter = time.Second

// begin adds an attempt and returns it. It returns false if another attempt with the same key is
// running and has not hung.
func (a *attempts) begin(ctx context.Context, key string) (*attempt, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if other := a.running[key]; other != nil && (other.until.IsZero() || time.Now().Before(other.until)) {
		return nil, false
	}
	own := &attempt{}
	if deadline, ok := ctx.Deadline(); ok {
		own.until = deadline.Add(hungAfter)
	}
	a.running[key] = own
	return own, true
}

// end removes an attempt, unless another attempt has replaced it.
func (a *attempts) end(key string, own *attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running[key] == own {
		delete(a.running, key)
	}
}
