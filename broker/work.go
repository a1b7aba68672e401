package broker

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// handlerTimeout is the default for Subscription.Timeout.
	handlerTimeout = 30 * time.Second
	// grace is the time in which a handler must return after its context has ended.
	grace = time.Second
	// maxAbandoned is the maximum number of abandoned handlers of one subscription that still run.
	// Beyond this number, Work waits for a handler that hangs, so the handler occupies a worker.
	maxAbandoned = 100
)

// A Delivery is a message to handle. [Work] calls Settle once. The argument is the error of the
// handler, an error if the handler was abandoned, or nil for an expired message.
type Delivery struct {
	Message Message
	Settle  func(error)
}

// Work calls h for the deliveries that next returns, at most s.Limit at a time. It returns when
// next has reported false and all deliveries are settled. It turns a panic in h into an error. It
// abandons a call to h that does not return within a second after its context has ended, unless
// maxAbandoned abandoned calls still run. It settles an expired message without calling h.
//
// Several goroutines call next concurrently. Calls to h continue when ctx ends.
func Work(ctx context.Context, s Subscription, h Handler, log *slog.Logger, next func() (Delivery, bool)) {
	p := &pool{handle: h, timeout: s.Timeout, log: log.With("queue", s.Queue), next: next}
	if p.timeout <= 0 {
		p.timeout = handlerTimeout
	}
	for range max(s.Limit, 1) {
		p.workers.Add(1)
		go p.work(context.WithoutCancel(ctx))
	}
	p.workers.Wait()
}

// A pool runs a fixed number of workers, each in one goroutine. If the handler of a worker is
// abandoned, another goroutine continues the worker. Workers reuse their goroutines, so the stack
// does not have to grow for each delivery.
type pool struct {
	handle    Handler
	timeout   time.Duration
	log       *slog.Logger
	next      func() (Delivery, bool)
	workers   sync.WaitGroup
	abandoned atomic.Int64 // abandoned handlers that still run
}

// work runs a worker until there are no more deliveries. It returns earlier if its handler was
// abandoned and another goroutine continues the worker.
func (p *pool) work(ctx context.Context) {
	for {
		d, ok := p.next()
		if !ok {
			p.workers.Done()
			return
		}
		if !p.do(ctx, d) {
			return
		}
	}
}

// do handles one delivery. It reports false if another goroutine continues the worker.
func (p *pool) do(ctx context.Context, d Delivery) bool {
	m := d.Message
	if !m.Expires.IsZero() && !time.Now().Before(m.Expires) {
		p.log.Info("expired message dropped", "key", m.Key, "id", m.ID, "tid", m.TID, "expired", m.Expires)
		d.Settle(nil)
		return true
	}
	// Either this goroutine or the goroutine of the timer settles the delivery, whichever sets
	// settled first.
	var settled atomic.Bool
	late := time.AfterFunc(p.timeout+grace, func() {
		if p.abandoned.Add(1) > maxAbandoned {
			p.abandoned.Add(-1)
			p.log.Error("too many abandoned handlers, this handler occupies a worker",
				"id", m.ID, "tid", m.TID, "abandoned", maxAbandoned)
			return
		}
		if settled.Swap(true) { // the handler has just returned
			p.abandoned.Add(-1)
			return
		}
		d.Settle(fmt.Errorf("the handler did not return within %v", p.timeout))
		p.work(ctx) // continues the worker
	})
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	err := p.handleRecovering(limited, m)
	cancel()
	late.Stop()
	if settled.Swap(true) {
		p.abandoned.Add(-1)
		p.log.Warn("abandoned handler returned", "id", m.ID, "tid", m.TID, "error", err)
		return false
	}
	d.Settle(err)
	return true
}

// handleRecovering calls the handler and turns a panic into an error.
func (p *pool) handleRecovering(ctx context.Context, m Message) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the handler panicked: %v", v)
			p.log.Error("handler panicked", "panic", v, "id", m.ID, "tid", m.TID, "stack", string(debug.Stack()))
		}
	}()
	return p.handle(ctx, m)
}
