package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/internal/ratelimit"
)

// A rateLimiter limits the notifications that all processes together send on a channel. It also
// pauses a service when the service requests a pause. [ratelimit.Limiter] describes the state in
// Redis. The name of a service's pause is paused:<service>.
type rateLimiter struct {
	limiter ratelimit.Limiter
	prefix  string    // of the Redis keys
	rate    send.Rate // zero for no limit
}

func (l rateLimiter) key() string { return l.prefix + "{turns}" }

// rateReached is the reason to postpone an event until a later slot.
const rateReached = "the channel's rate limit is reached"

// maxSlotWait is the longest time that a worker waits for a slot. If the next slot is later, the event
// is postponed.
const maxSlotWait = 2 * time.Second

// wait waits for a slot to call a service of the channel. service is "" if the channel has only one service.
// If the service is paused, or no slot is free within maxSlotWait, wait returns an error from
// [broker.Postpone].
func (l rateLimiter) wait(ctx context.Context, service string) error {
	r := l.rateRequest()
	r.Pause = "paused:" + service
	return l.reserve(ctx, l.key(), r)
}

// rateRequest returns a request for the next slot that the rate of the channel allows.
func (l rateLimiter) rateRequest() ratelimit.Request {
	r := ratelimit.Request{Burst: l.rate.N, MaxWait: maxSlotWait, Queue: true}
	if l.rate.N > 0 {
		r.Gap = l.rate.Per / time.Duration(l.rate.N)
	}
	return r
}

// space waits until gap has passed since the latest notification of a match. It returns the same
// errors as wait.
func (l rateLimiter) space(ctx context.Context, match string, gap time.Duration) error {
	return l.reserve(ctx, l.prefix+"spacing:{"+match+"}", spacingRequest(gap))
}

func spacingRequest(gap time.Duration) ratelimit.Request {
	return ratelimit.Request{Gap: gap, MaxWait: maxSlotWait}
}

func (l rateLimiter) reserve(ctx context.Context, key string, r ratelimit.Request) error {
	wait, verdict, err := l.limiter.Reserve(ctx, key, r)
	if err != nil {
		return fmt.Errorf("reserving a slot: %w", consumers.RedisError(err))
	}
	switch verdict {
	case ratelimit.Paused:
		return broker.Postpone(time.Now().Add(wait), "the service requested a pause")
	case ratelimit.Busy:
		return broker.Postpone(time.Now().Add(wait), rateReached)
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause stops all processes from calling a service before until. It ignores errors: without the
// pause, the service refuses the next call and requests the pause again.
func (l rateLimiter) pause(ctx context.Context, service string, until time.Time) {
	_ = l.limiter.Pause(context.WithoutCancel(ctx), l.key(), "paused:"+service, time.Until(until))
}
