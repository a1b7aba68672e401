package broker

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/event"
)

const (
	// handlerTimeout is that of a subscription which states none.
	handlerTimeout = 30 * time.Second
	// grace is how long a handler may take to return once its context ended.
	grace = time.Second
	// maxGivenUp bounds the handlers of one subscription that were given up and
	// still run. Past it they are waited for, and hold up the queue.
	maxGivenUp = 100
)

// A Caller calls the handler of one subscription, and bounds what a bad one
// can do: a panic becomes an error, and one that hangs is given up. So a
// subscription ends within its timeout and a second, and what it takes to move
// the messages of handlers that failed.
type Caller struct {
	handle  event.Handler
	timeout time.Duration
	log     *slog.Logger
	givenUp atomic.Int64 // that still run
}

// NewCaller returns the caller of h for a subscription.
func NewCaller(s event.Subscription, h event.Handler, log *slog.Logger) *Caller {
	c := &Caller{handle: h, timeout: s.Timeout, log: log.With("queue", s.Queue)}
	if c.timeout <= 0 {
		c.timeout = handlerTimeout
	}
	return c
}

// Call calls the handler, unless the message has expired. ctx may have ended:
// what has begun to be handled is handled to its end.
func (c *Caller) Call(ctx context.Context, m event.Message) error {
	if !m.Expires.IsZero() && !time.Now().Before(m.Expires) {
		c.log.Info("message expired, not handled", "key", m.Key, "id", m.ID, "tid", m.TID, "expired", m.Expires)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
	defer cancel()
	returned := make(chan error, 1)
	var late atomic.Bool
	go func() { // ends with the handler, which is waited for or given up below
		err := c.recovered(ctx, m)
		returned <- err
		if late.Swap(true) {
			c.givenUp.Add(-1)
			c.log.Warn("a handler that was given up has returned", "id", m.ID, "tid", m.TID, "error", err)
		}
	}()
	select {
	case err := <-returned:
		return err
	case <-ctx.Done():
	}
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case err := <-returned:
		return err
	case <-patience.C:
	}
	if c.givenUp.Add(1) > maxGivenUp {
		c.givenUp.Add(-1)
		c.log.Error("too many handlers hang: waiting for one, which holds up the queue", "id", m.ID, "tid", m.TID, "hanging", maxGivenUp)
		return <-returned
	}
	if late.Swap(true) { // it has returned just now
		c.givenUp.Add(-1)
		return <-returned
	}
	return fmt.Errorf("the handler did not return within %v", c.timeout)
}

func (c *Caller) recovered(ctx context.Context, m event.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v", p)
			c.log.Error("handler panicked", "panic", p, "id", m.ID, "tid", m.TID, "stack", string(debug.Stack()))
		}
	}()
	return c.handle(ctx, m)
}
