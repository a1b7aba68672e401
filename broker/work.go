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
	// handlerTimeout is that of a subscription which states none.
	handlerTimeout = 30 * time.Second
	// grace is how long a handler may take to return once its context ended.
	grace = time.Second
	// maxGivenUp bounds the handlers of one subscription that were given up and
	// still run. Past it they are waited for, and hold up the queue.
	maxGivenUp = 100
)

// A Job is a message to be handled. Settle is called once, with what came of it.
type Job struct {
	Message Message
	Settle  func(error)
}

// Work has h handle what next brings, s.Limit jobs at a time, until next
// reports false, and returns when all are settled. It bounds what a bad handler
// can do: a panic becomes an error, and one that hangs is given up, a second
// after its context has ended. A message that has expired is settled unseen.
//
// next is called by several goroutines. ctx may end: what has begun to be
// handled is handled to its end.
func Work(ctx context.Context, s Subscription, h Handler, log *slog.Logger, next func() (Job, bool)) {
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

// A pool has a fixed number of places, each filled by one goroutine at a time:
// goroutines that stay, as their stacks have then grown.
type pool struct {
	handle  Handler
	timeout time.Duration
	log     *slog.Logger
	next    func() (Job, bool)
	places  sync.WaitGroup
	givenUp atomic.Int64 // handlers that still run
}

// work fills a place until there is nothing more to do, or, when its handler
// is given up, until another goroutine has taken the place.
func (p *pool) work(ctx context.Context) {
	for {
		j, ok := p.next()
		if !ok {
			p.places.Done()
			return
		}
		if !p.do(ctx, j) {
			return
		}
	}
}

// do handles one job, and reports whether the place is still its own.
func (p *pool) do(ctx context.Context, j Job) bool {
	m := j.Message
	if !m.Expires.IsZero() && !time.Now().Before(m.Expires) {
		p.log.Info("message expired, not handled", "key", m.Key, "id", m.ID, "tid", m.TID, "expired", m.Expires)
		j.Settle(nil)
		return true
	}
	// Whoever is first to decide settles: this goroutine or the one that gives
	// the handler up.
	var decided atomic.Bool
	late := time.AfterFunc(p.timeout+grace, func() {
		if p.givenUp.Add(1) > maxGivenUp {
			p.givenUp.Add(-1)
			p.log.Error("too many handlers hang: one is waited for and holds up the queue", "id", m.ID, "tid", m.TID, "hanging", maxGivenUp)
			return
		}
		if decided.Swap(true) { // it has returned just now
			p.givenUp.Add(-1)
			return
		}
		j.Settle(fmt.Errorf("the handler did not return within %v", p.timeout))
		p.work(ctx) // in its place
	})
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	err := p.recovered(limited, m)
	cancel()
	late.Stop()
	if decided.Swap(true) {
		p.givenUp.Add(-1)
		p.log.Warn("a handler that was given up has returned", "id", m.ID, "tid", m.TID, "error", err)
		return false
	}
	j.Settle(err)
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
