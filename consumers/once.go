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

// keepDone is how long the mark of a handled event is kept. A publisher sends an event again within
// seconds, or when the broker is back after an outage.
const keepDone = 24 * time.Hour

// marks record in Redis which events a consumer has handled or is handling:
//
//	mw:handled:<consumer>:<event ID>            "done" for a day, or "<instance>:<attempt>" while it is handled
//	mw:handled:<consumer>:<event ID>:<attempt>  for a minute, if the attempt was given up
//
// The mark of an attempt is a lease. Its owner renews it while the handler runs. The lease of a
// process that died expires, and only then does another process handle the event: a broker also
// delivers an event again if its process has merely lost the connection, and still handles it. An
// event that is under way elsewhere is postponed, which counts no attempt.
//
// The client sends a script again if the answer was lost, so each script gives the same answer when
// it is repeated. An attempt that gets no answer is given up: a script of it that reaches Redis
// late then sets no mark. If the attempt could not be given up either, its mark does not stop the
// next attempt of the same instance, which knows what it is handling.
//
// A backfill event has a mark of its own, whose key ends with :backfill. After a loss of Redis, the
// backfill copy of an event can arrive before the original, which waits for another attempt.
type marks struct {
	redis    redis.UniversalClient
	prefix   string
	instance string        // tells the marks of this Run from all others
	lease    time.Duration // of an attempt's mark
	attempts *attempts
	log      *slog.Logger
}

func newMarks(r redis.UniversalClient, prefix string, lease time.Duration, log *slog.Logger) marks {
	running := &attempts{running: map[string]*attempt{}}
	return marks{redis: r, prefix: prefix, instance: uuid.NewString(), lease: lease, attempts: running, log: log}
}

// beginAttempt returns 0 if the mark is now the attempt's, -1 if the event was handled before, or
// for how many milliseconds the mark is another instance's. A mark that this instance left behind
// is replaced.
var beginAttempt = redis.NewScript(`
if redis.call('exists', KEYS[2]) == 1 then return 1 end
local mark = redis.call('get', KEYS[1])
if mark == 'done' then return -1 end
if mark and string.sub(mark, 1, #ARGV[1]) ~= ARGV[1] then return math.max(1, redis.call('pttl', KEYS[1])) end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
return 0`)

// renewAttempt returns 0 if the mark is another attempt's, or says that the event is handled.
var renewAttempt = redis.NewScript(`
if redis.call('exists', KEYS[2]) == 1 then return 0 end
local mark = redis.call('get', KEYS[1])
if mark and mark ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1`)

// finishAttempt returns 0 if the mark is another attempt's, and leaves it.
var finishAttempt = redis.NewScript(`
local mark = redis.call('get', KEYS[1])
if mark and mark ~= ARGV[1] and mark ~= 'done' then return 0 end
redis.call('set', KEYS[1], 'done', 'px', ARGV[2])
return 1`)

// giveUpAttempt removes the mark unless it is another attempt's, and lets the attempt set no more.
var giveUpAttempt = redis.NewScript(`
redis.call('set', KEYS[2], '1', 'px', ARGV[2])
if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end
return 1`)

// keepGivenUp is how long it is known that an attempt was given up: longer than a script of it can
// be on its way.
const keepGivenUp = time.Minute

// once calls h for an event that was not handled before, and that is not being handled.
func (m marks) once(ctx context.Context, e event.Event, h func(context.Context, event.Event) error) error {
	key := m.prefix + e.ID
	if e.Data.Backfill {
		key += ":backfill"
	}
	a, ok := m.attempts.begin(ctx, key)
	if !ok {
		return broker.Postpone(time.Now().Add(time.Second), "the event is being handled in another delivery")
	}
	defer m.attempts.end(key, a)

	log := m.log.With("tid", e.TID, "id", e.ID)
	name := uuid.NewString()
	keys, token := []string{key, key + ":" + name}, m.instance+":"+name
	since, left, err := m.begin(ctx, keys, token)
	switch {
	case err != nil:
		_ = m.giveUp(ctx, keys, token) // else its mark expires
		return fmt.Errorf("looking whether the event was handled before: %w", RedisError(err))
	case left < 0:
		log.Debug("event came again, not handled twice")
		trace.From(ctx).SetOutcome("was handled before")
		return nil
	case left > 0:
		return broker.Postpone(time.Now().Add(left), "the event is being handled in another process, or its process has died")
	}
	stop := RenewLease(ctx, m.lease, since, func(ctx context.Context) (bool, error) {
		return renewAttempt.Run(ctx, m.redis, keys, token, m.lease.Milliseconds()).Bool()
	})
	handled := false // unless h returns without an error
	defer func() {
		stop()
		if handled {
			m.finish(ctx, keys, token, log)
		} else if err := m.giveUp(ctx, keys, token); err != nil {
			log.Warn("attempt not given up: other processes wait until its mark expires", "error", err)
		}
	}()
	if err := h(ctx, e); err != nil {
		return err
	}
	handled = true
	return nil
}

// begin marks an event as being handled. since is a time before the lease began. left is 0 if the
// mark is the attempt's, negative if the event was handled before, and otherwise how long the lease
// of another instance lasts. An answer that took long says little about the lease, so begin asks
// again.
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
	finishLeast = 500 * time.Millisecond // for marking an event as handled, also after ctx has ended
	finishPause = 50 * time.Millisecond  // after the first error; it doubles, up to a second
)

// finish marks an event as handled. If Redis does not answer, finish tries for as long as a lease,
// but not beyond the deadline of ctx, at which the broker would deliver the event again. It returns
// no error, which would have the event handled again.
func (m marks) finish(ctx context.Context, keys []string, token string, log *slog.Logger) {
	until := time.Now().Add(m.lease)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(until) {
		until = deadline
	}
	if least := time.Now().Add(finishLeast); until.Before(least) {
		until = least
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	for pause := finishPause; ; pause = min(2*pause, time.Second) {
		ours, err := finishAttempt.Run(ctx, m.redis, keys[:1], token, keepDone.Milliseconds()).Bool()
		switch {
		case err == nil && ours:
			return
		case err == nil:
			log.Warn("event handled after its lease had expired: it may be handled twice")
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

// giveUp removes the mark of an attempt that failed, or that does not know whether it has a mark.
func (m marks) giveUp(ctx context.Context, keys []string, token string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.lease/3)
	defer cancel()
	return giveUpAttempt.Run(ctx, m.redis, keys, token, keepGivenUp.Milliseconds()).Err()
}

// attempts are the attempts under way in this process, by the key of their mark.
type attempts struct {
	mu      sync.Mutex
	running map[string]*attempt
}

// An attempt is one call of a handler.
type attempt struct {
	until time.Time // when it counts as abandoned; zero: never
}

// abandonedAfter is how long after its context has ended a handler counts as abandoned. The broker
// does not wait longer for it either.
const abandonedAfter = time.Second

// begin adds an attempt, unless another is under way.
func (a *attempts) begin(ctx context.Context, key string) (*attempt, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if other := a.running[key]; other != nil && (other.until.IsZero() || time.Now().Before(other.until)) {
		return nil, false
	}
	own := &attempt{}
	if deadline, ok := ctx.Deadline(); ok {
		own.until = deadline.Add(abandonedAfter)
	}
	a.running[key] = own
	return own, true
}

// end removes an attempt, unless it was abandoned and another has begun.
func (a *attempts) end(key string, own *attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running[key] == own {
		delete(a.running, key)
	}
}
