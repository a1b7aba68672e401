package page

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/temoto/robotstxt"
	"golang.org/x/sync/semaphore"
)

const (
	defaultPerHost   = 250 * time.Millisecond
	maxPerHost       = time.Minute // longest Crawl-delay that is honoured
	maxInFlight      = 2           // maximum number of requests in flight to one host
	defaultMaxWait   = 30 * time.Second
	robotsTTL        = 24 * time.Hour  // how long a fetched robots.txt applies
	robotsRetry      = 5 * time.Minute // pause after a failed attempt to refresh robots.txt
	robotsFirstRetry = 5 * time.Second // pause after a failed attempt to fetch robots.txt for the first time
	maxRobots        = 512 << 10       // maximum number of bytes of robots.txt to parse; RFC 9309: at least 500 KiB
	maxRetryAfter    = 24 * time.Hour  // longest Retry-After that is honoured
)

// A politeTransport applies the options to every request, including requests after redirects.
type politeTransport struct {
	next    http.RoundTripper
	options Options

	mu    sync.Mutex
	hosts map[string]*host
}

// A host contains the state of the requests to one scheme and host.
type host struct {
	name     string              // scheme and host
	inFlight *semaphore.Weighted // bounds the number of requests in flight
	gap      atomic.Int64        // minimum time between two requests, in nanoseconds

	robotsLock    *semaphore.Weighted // guards the fields below; held while robots.txt is fetched
	robots        *robotstxt.Group    // nil until robots.txt is fetched
	robotsExpires time.Time           // when to fetch robots.txt again
	robotsErr     error               // why robots is nil after a failed fetch
}

// newPoliteTransport returns a transport that sends requests through next.
func newPoliteTransport(next http.RoundTripper, o Options) *politeTransport {
	if o.PerHost <= 0 {
		o.PerHost = defaultPerHost
	}
	if o.MaxWait <= 0 {
		o.MaxWait = defaultMaxWait
	}
	if o.Limiter == nil {
		o.Limiter = &localLimiter{}
	}
	return &politeTransport{next: next, options: o, hosts: map[string]*host{}}
}

// RoundTrip waits for a slot at the host and sends a request. The error is a [RefusedError] if the
// host's robots.txt forbids the page, or if requests to the host are paused. It is a [BusyError] if
// the wait would be too long.
func (p *politeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	h := p.host(r.URL)
	if !p.options.IgnoreRobots {
		if err := p.checkRobots(h, r); err != nil {
			return nil, err
		}
	}
	return p.send(h, r)
}

// host returns the state of a URL's host.
func (p *politeTransport) host(u *url.URL) *host {
	name := u.Scheme + "://" + u.Host
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[name]
	if h == nil {
		h = &host{name: name, inFlight: semaphore.NewWeighted(maxInFlight), robotsLock: semaphore.NewWeighted(1)}
		h.gap.Store(int64(p.options.PerHost))
		p.hosts[name] = h
	}
	return h
}

// send waits until fewer than maxInFlight requests to the host are in flight, and then for a slot.
// A request is in flight until the body of its response is closed. The timeout does not include the
// waits, because the site does not cause them.
func (p *politeTransport) send(h *host, r *http.Request) (*http.Response, error) {
	if err := p.acquire(r.Context(), h.inFlight); err != nil {
		return nil, err
	}
	if err := p.waitForSlot(r.Context(), h); err != nil {
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
		if wait := retryAfter(resp.Header.Get("Retry-After")); wait > 0 {
			if err := p.options.Limiter.Pause(r.Context(), h.name, wait); err != nil {
				resp.Body.Close()
				release()
				return nil, err
			}
		}
	}
	resp.Body = &releasingBody{resp.Body, release}
	return resp, nil
}

// acquire acquires a semaphore of a host. It fails with a [BusyError] after MaxWait.
func (p *politeTransport) acquire(ctx context.Context, s *semaphore.Weighted) error {
	bounded, cancel := context.WithTimeout(ctx, p.options.MaxWait)
	defer cancel()
	err := s.Acquire(bounded, 1)
	if err != nil && ctx.Err() == nil {
		return &BusyError{p.options.MaxWait}
	}
	return err
}

// waitForSlot reserves a slot at the host and waits for it.
func (p *politeTransport) waitForSlot(ctx context.Context, h *host) error {
	wait, err := p.options.Limiter.Reserve(ctx, h.name, time.Duration(h.gap.Load()), p.options.MaxWait)
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

// A releasingBody calls release when it is closed.
type releasingBody struct {
	io.ReadCloser
	release func()
}

func (b *releasingBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}
