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

// A rateLimiter limits what all processes send on a channel to its rate, and pauses a service that
// asks for it. Its state is described at [ratelimit.Limiter]; the pause of a service is named
// paused:<service>.
type rateLimiter struct {
	limiter ratelimit.Limiter
	prefix  string
	rate    send.Rate // zero: no limit
}

func (l rateLimiter) key() string { return l.prefix + "{turns}" }

// patience is how long a worker waits for a slot. If the next one is further away, the event goes
// back to the queue.
const patience = 2 * time.Second

// wait waits for a slot to call a service of the channel ("" if it has only one). If none is free
// soon it returns the error of [broker.Postpone].
func (l rateLimiter) wait(ctx context.Context, service string) error {
	r := ratelimit.Request{Burst: l.rate.N, MaxWait: patience, Pause: "paused:" + service, Queue: true}
	if l.rate.N > 0 {
		r.Gap = l.rate.Per / time.Duration(l.rate.N)
	}
	wait, verdict, err := l.limiter.Reserve(ctx, l.key(), r)
	if err != nil {
		return fmt.Errorf("waiting for a slot: %w", consumers.RedisError(err))
	}
	switch verdict {
	case ratelimit.Paused:
		return broker.Postpone(time.Now().Add(wait), "the service asked for a pause")
	case ratelimit.Busy:
		return broker.Postpone(time.Now().Add(wait), "the channel's rate is used up")
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause lets no process call a service before until. If the pause cannot be stored, each process
// learns it from the service.
func (l rateLimiter) pause(ctx context.Context, service string, until time.Time) {
	_ = l.limiter.Pause(context.WithoutCancel(ctx), l.key(), "paused:"+service, time.Until(until))
}
