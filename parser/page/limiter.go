package page

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// A HostLimiter spaces the requests to each host. Clients that fetch from the same hosts should
// share one, such as poll.RedisLimiter. Goroutines can share a HostLimiter.
type HostLimiter interface {
	// Reserve reserves the next slot at a host, and returns how long to wait for it. The slot after
	// it begins at least gap later. The error is a [RefusedError] if the host is paused, and a
	// [BusyError] if the wait would be longer than maxWait.
	Reserve(ctx context.Context, host string, gap, maxWait time.Duration) (time.Duration, error)
	// Pause makes Reserve return a [RefusedError] for the host until d has passed. It does not
	// shorten an earlier pause.
	Pause(ctx context.Context, host string, d time.Duration) error
}

// A localLimiter spaces the requests of one client.
type localLimiter struct {
	mu    sync.Mutex
	hosts map[string]*hostSlots
}

// A hostSlots contains two times: when the next free slot of a host begins, and when the pause of
// the host ends.
type hostSlots struct{ next, pausedUntil time.Time }

// host returns the slots of a host. The caller must hold l.mu.
func (l *localLimiter) host(name string) *hostSlots {
	if l.hosts == nil {
		l.hosts = map[string]*hostSlots{}
	}
	if l.hosts[name] == nil {
		l.hosts[name] = &hostSlots{}
	}
	return l.hosts[name]
}

// Reserve implements [HostLimiter].
func (l *localLimiter) Reserve(_ context.Context, host string, gap, maxWait time.Duration) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, now := l.host(host), time.Now()
	if h.pausedUntil.After(now) {
		return 0, &RefusedError{http.StatusTooManyRequests, h.pausedUntil.Sub(now)}
	}
	wait := max(0, h.next.Sub(now))
	if wait > maxWait {
		return 0, &BusyError{wait}
	}
	h.next = now.Add(wait + gap)
	return wait, nil
}

// Pause implements [HostLimiter].
func (l *localLimiter) Pause(_ context.Context, host string, d time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h, until := l.host(host), time.Now().Add(d); until.After(h.pausedUntil) {
		h.pausedUntil = until
	}
	return nil
}
