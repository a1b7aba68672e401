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
	// handlerTimeout is the timeout if the subscription has none.
	handlerTimeout = 30 * time.Second
	// grace is how long a handler may take to return after its context has ended.
	grace = time.Second
	// maxAbandoned bounds the abandoned handlers of one subscription that still run. Further
	// handlers that hang are waited for, and block the queue.
	maxAbandoned = 100
)

// A Delivery is a message to be handled. Settle is called once, with the handler's error.
type Delivery struct {
	Message Message
	Settle  func(error)
}

// Work calls h for the deliveries that next returns, s.Limit at a time. It ends when next reports
// false and all deliveries are settled. It limits the damage of a bad handler: a panic becomes an
// error, and a handler that hangs is abandoned one second after its context has ended. A message
// that has expired is settled without calling h.
//
// Several goroutines call next. Handlers that have begun are not interrupted when ctx ends.
func Work(ctx context.Context, s Subscription, h Handler, log *slog.Logger, next func() (Delivery, bool)) {
	p := &pool{handle: h, timeout: s.Timeout, log: log.With("queue", s.Queue), next: next}
	if p.timeout <= 0 {
		p.timeout = handlerTimeout
	}
	for range max(s.Limit, 1) {
		p.places.Add(1)
		go p.work(context.WithoutCancel(ctx))
	}
	p.places.Wait()
}

// A pool has a fixed number of places, each filled by one goroutine at a time. The goroutines are
// reused, so their stacks do not have to grow for each delivery.
type pool struct {
	handle    Handler
	timeout   time.Duration
	log       *slog.Logger
	next      func() (Delivery, bool)
	places    sync.WaitGroup
	abandoned atomic.Int64 // handlers that still run
}

// work fills a place. It returns when there are no more deliveries, or when its handler was
// abandoned and another goroutine has taken the place.
func (p *pool) work(ctx context.Context) {
	for {
		d, ok := p.next()
		if !ok {
			p.places.Done()
			return
		}
		if !p.do(ctx, d) {
			return
		}
	}
}

// do handles one delivery. It reports whether the goroutine still has its place.
func (p *pool) do(ctx context.Context, d Delivery) bool {
	m := d.Message
	if !m.Expires.IsZero() && !time.Now().Before(m.Expires) {
		p.log.Info("message expired, not handled", "key", m.Key, "id", m.ID, "tid", m.TID, "expired", m.Expires)
		d.Settle(nil)
		return true
	}
	// The goroutine that sets decided first settles: this one, or the timer's.
	var decided atomic.Bool
	late := time.AfterFunc(p.timeout+grace, func() {
		if p.abandoned.Add(1) > maxAbandoned {
			p.abandoned.Add(-1)
			p.log.Error("too many handlers hang: one is waited for and blocks the queue", "id", m.ID, "tid", m.TID, "hanging", maxAbandoned)
			return
		}
		if decided.Swap(true) { // the handler has just returned
			p.abandoned.Add(-1)
			return
		}
		d.Settle(fmt.Errorf("the handler did not return within %v", p.timeout))
		p.work(ctx) // in the same place
	})
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	err := p.recovered(limited, m)
	cancel()
	late.Stop()
	if decided.Swap(true) {
		p.abandoned.Add(-1)
		p.log.Warn("a handler that was abandoned has returned", "id", m.ID, "tid", m.TID, "error", err)
		return false
	}
	d.Settle(err)
	return true
}

func (p *pool) recovered(ctx context.Context, m Message) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the handler panicked: %v", v)
			p.log.Error("handler panicked", "panic", v, "id", m.ID, "tid", m.TID, "stack", string(debug.Stack()))
		}
	}()
	return p.handle(ctx, m)
}
