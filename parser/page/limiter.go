package page

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// A HostLimiter spaces the requests to each host. Clients that fetch from the same hosts should
// share one: see [poll.RedisLimiter].
type HostLimiter interface {
	// Reserve reserves the next slot at a host, gap after the previous one, and returns how long
	// to wait for it. The error is a [RefusedError] if the host is paused, and a [BusyError] if
	// the next free slot is more than most away.
	Reserve(ctx context.Context, host string, gap, most time.Duration) (time.Duration, error)
	// Pause lets no request to the host begin for a while. A longer pause is not shortened.
	Pause(ctx context.Context, host string, long time.Duration) error
}

// A localLimiter spaces the requests of one process.
type localLimiter struct {
	mu    sync.Mutex
	hosts map[string]*hostSlots
}

// hostSlots are the next free slot of a host, and the end of its pause.
type hostSlots struct{ next, paused time.Time }

func (l *localLimiter) host(name string) *hostSlots {
	if l.hosts == nil {
		l.hosts = map[string]*hostSlots{}
	}
	if l.hosts[name] == nil {
		l.hosts[name] = &hostSlots{}
	}
	return l.hosts[name]
}

func (l *localLimiter) Reserve(_ context.Context, host string, gap, most time.Duration) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, now := l.host(host), time.Now()
	if h.paused.After(now) {
		return 0, &RefusedError{http.StatusTooManyRequests, h.paused.Sub(now)}
	}
	wait := max(0, h.next.Sub(now))
	if wait > most {
		return 0, &BusyError{wait}
	}
	h.next = now.Add(wait + gap)
	return wait, nil
}

func (l *localLimiter) Pause(_ context.Context, host string, long time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h, until := l.host(host), time.Now().Add(long); until.After(h.paused) {
		h.paused = until
	}
	return nil
}
