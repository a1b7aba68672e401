package page

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/temoto/robotstxt"
	"golang.org/x/sync/semaphore"
)

const (
	defaultPerHost  = 250 * time.Millisecond
	maxPerHost      = time.Minute // longest Crawl-delay that is honoured
	atOnce          = 2           // requests in flight to one host
	defaultPatience = 30 * time.Second
	robotsAge       = 24 * time.Hour
	robotsRetry     = 5 * time.Minute // after a robots.txt could not be fetched
	robotsAgain     = 5 * time.Second // the same if there is no older one
	maxRobots       = 512 << 10       // bytes of robots.txt that are parsed: the least that RFC 9309 asks for
	maxRetryAfter   = 24 * time.Hour  // longest Retry-After that is honoured
)

// polite is a transport that keeps to the options, redirects included.
type polite struct {
	next    http.RoundTripper
	options Options

	mu    sync.Mutex
	hosts map[string]*host
}

// A host holds what is known of one scheme and host.
type host struct {
	name     string              // scheme and host
	inFlight *semaphore.Weighted // requests in flight
	gap      atomic.Int64        // between two requests, nanoseconds

	fetching *semaphore.Weighted // held while robots.txt is fetched; other requests wait for it
	robots   *robotstxt.Group
	until    time.Time // when robots.txt is fetched again
	failed   error     // why there is no robots.txt yet
}

func newPolite(next http.RoundTripper, o Options) *polite {
	if o.PerHost <= 0 {
		o.PerHost = defaultPerHost
	}
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	if o.Limiter == nil {
		o.Limiter = &localLimiter{}
	}
	return &polite{next: next, options: o, hosts: map[string]*host{}}
}

// RoundTrip sends a request when the host has a slot for it. It fails with a [RefusedError] if the
// host's robots.txt forbids the page.
func (p *polite) RoundTrip(r *http.Request) (*http.Response, error) {
	h := p.host(r.URL.Scheme + "://" + r.URL.Host)
	if !p.options.IgnoreRobots {
		if err := p.allowed(h, r); err != nil {
			return nil, err
		}
	}
	return p.send(h, r)
}

func (p *polite) host(name string) *host {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[name]
	if h == nil {
		h = &host{name: name, inFlight: semaphore.NewWeighted(atOnce), fetching: semaphore.NewWeighted(1)}
		h.gap.Store(int64(p.options.PerHost))
		p.hosts[name] = h
	}
	return h
}

// send waits until few enough requests to the host are in flight, then for a slot. The request
// stays in flight until its body is closed. Its timeout starts after the waiting, which is not the
// site's doing.
func (p *polite) send(h *host, r *http.Request) (*http.Response, error) {
	if err := p.acquire(r.Context(), h.inFlight); err != nil {
		return nil, err
	}
	if err := p.awaitSlot(r.Context(), h); err != nil {
		h.inFlight.Release(1)
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), fetchTimeout)
	release := sync.OnceFunc(func() { cancel(); h.inFlight.Release(1) })
	resp, err := p.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		release()
		return nil, err
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		if long := retryAfter(resp.Header.Get("Retry-After")); long > 0 {
			if err := p.options.Limiter.Pause(r.Context(), h.name, long); err != nil {
				resp.Body.Close()
				release()
				return nil, err
			}
		}
	}
	resp.Body = &releasing{resp.Body, release}
	return resp, nil
}

// acquire acquires a semaphore of a host, and fails with a [BusyError] after Patience.
func (p *polite) acquire(ctx context.Context, of *semaphore.Weighted) error {
	waiting, enough := context.WithTimeout(ctx, p.options.Patience)
	defer enough()
	err := of.Acquire(waiting, 1)
	if err != nil && ctx.Err() == nil {
		return &BusyError{p.options.Patience}
	}
	return err
}

// awaitSlot reserves a slot at the host and waits for it.
func (p *polite) awaitSlot(ctx context.Context, h *host) error {
	wait, err := p.options.Limiter.Reserve(ctx, h.name, time.Duration(h.gap.Load()), p.options.Patience)
	if err != nil || wait <= 0 {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}

type releasing struct {
	io.ReadCloser
	release func()
}

func (b *releasing) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}
