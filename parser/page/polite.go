package page

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/temoto/robotstxt"
	"golang.org/x/sync/semaphore"
)

// Manners are how a client treats the sites it visits. The zero value will do.
type Options struct {
	// PerHost is the least time between two requests to one host; 250 ms
	// without it. A Crawl-delay in the host's robots.txt makes it longer.
	PerHost time.Duration
	// IgnoreRobots fetches what a robots.txt forbids: for sites of one's own.
	IgnoreRobots bool
	// PrivateAddresses lets pages be fetched from this machine and from private
	// networks.
	PrivateAddresses bool
	// Patience is how long a request waits for a slot at a host; 30 s without it.
	// Past it the error is a [BusyError].
	Patience time.Duration
	// Limiter spaces the requests to each host; nil: those of this client alone.
	Limiter HostLimiter
}

const (
	defaultPerHost  = 250 * time.Millisecond
	maxPerHost      = time.Minute // that a robots.txt may ask for
	atOnce          = 2           // requests under way to one host
	defaultPatience = 30 * time.Second
	robotsAge       = 24 * time.Hour
	robotsRetry     = 5 * time.Minute // after one that could not be had
	robotsAgain     = 5 * time.Second // the same where there is no older one
	maxRobots       = 512 << 10       // bytes of it that are read, as RFC 9309 asks at least
	maxRetryAfter   = 24 * time.Hour  // longest Retry-After that is honoured
)

// polite is a transport that keeps to Manners, redirects included.
type polite struct {
	next    http.RoundTripper
	manners Options

	mu    sync.Mutex
	hosts map[string]*host
}

// A host is what is known of one scheme and host.
type host struct {
	name     string              // scheme and host
	inFlight *semaphore.Weighted // requests under way
	gap      atomic.Int64        // between two requests, nanoseconds

	asking *semaphore.Weighted // held while robots.txt is fetched: the others wait for it
	robots *robotstxt.Group
	until  time.Time // robots.txt is good till then
	failed error     // why there is none yet
}

func newPolite(next http.RoundTripper, m Options) *polite {
	if m.PerHost <= 0 {
		m.PerHost = defaultPerHost
	}
	if m.Patience <= 0 {
		m.Patience = defaultPatience
	}
	if m.Limiter == nil {
		m.Limiter = &localLimiter{}
	}
	return &polite{next: next, manners: m, hosts: map[string]*host{}}
}

// RoundTrip waits for a slot at the host, and answers with a [RefusedError] where
// its robots.txt forbids the page.
func (p *polite) RoundTrip(r *http.Request) (*http.Response, error) {
	h := p.host(r.URL.Scheme + "://" + r.URL.Host)
	if !p.manners.IgnoreRobots {
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
		h = &host{name: name, inFlight: semaphore.NewWeighted(atOnce), asking: semaphore.NewWeighted(1)}
		h.gap.Store(int64(p.manners.PerHost))
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
	if err := p.await(r.Context(), h); err != nil {
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
		if long := min(retryAfter(resp.Header.Get("Retry-After")), maxRetryAfter); long > 0 {
			if err := p.manners.Limiter.Pause(r.Context(), h.name, long); err != nil {
				resp.Body.Close()
				release()
				return nil, err
			}
		}
	}
	resp.Body = &releasing{resp.Body, release}
	return resp, nil
}

// acquire waits for one of what a host has.
func (p *polite) acquire(ctx context.Context, of *semaphore.Weighted) error {
	waiting, enough := context.WithTimeout(ctx, p.manners.Patience)
	defer enough()
	err := of.Acquire(waiting, 1)
	if err != nil && ctx.Err() == nil {
		return &BusyError{p.manners.Patience}
	}
	return err
}

// await waits for a slot at the host.
func (p *polite) await(ctx context.Context, h *host) error {
	wait, err := p.manners.Limiter.Reserve(ctx, h.name, time.Duration(h.gap.Load()), p.manners.Patience)
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

// allowed asks the host's robots.txt, as RFC 9309 has it: one that is not
// there allows everything, one that cannot be had nothing.
func (p *polite) allowed(h *host, r *http.Request) error {
	if err := p.acquire(r.Context(), h.asking); err != nil {
		return err
	}
	defer h.asking.Release(1)
	if now := time.Now(); now.After(h.until) {
		group, err := p.robots(r)
		switch {
		case err == nil:
			h.robots, h.until = group, now.Add(robotsAge)
			h.gap.Store(int64(max(p.manners.PerHost, min(group.CrawlDelay, maxPerHost))))
		case h.robots == nil:
			err = fmt.Errorf("robots.txt: %w", err)
			var busy *BusyError
			if r.Context().Err() == nil && !errors.As(err, &busy) {
				h.until, h.failed = now.Add(robotsAgain), err
			}
			return err
		default:
			h.until = now.Add(robotsRetry) // the one we have will do
		}
	}
	if h.robots == nil {
		return h.failed
	}
	if !h.robots.Test(r.URL.EscapedPath() + queryOf(r)) {
		return &RefusedError{}
	}
	return nil
}

func queryOf(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	return "?" + r.URL.RawQuery
}

// robots fetches the rules for us of the request's host.
func (p *polite) robots(r *http.Request) (*robotstxt.Group, error) {
	u := *r.URL
	u.Path, u.RawPath, u.RawQuery, u.Fragment = "/robots.txt", "", "", ""
	for range maxRedirects + 1 {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("User-Agent", UserAgent)
		resp, err := p.send(p.host(u.Scheme+"://"+u.Host), req)
		if err != nil {
			return nil, err
		}
		to, err := resp.Location()
		if err == nil && resp.StatusCode/100 == 3 {
			resp.Body.Close()
			if err := keepTLS(&u, to); err != nil {
				return nil, err
			}
			u = *to
			continue
		}
		return readRobots(resp)
	}
	return nil, fmt.Errorf("more than %d redirects", maxRedirects)
}

func readRobots(resp *http.Response) (*robotstxt.Group, error) {
	defer resp.Body.Close()
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
		return nil, &RefusedError{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"))}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRobots))
	if err != nil {
		return nil, err
	}
	data, err := robotstxt.FromStatusAndBytes(resp.StatusCode, body)
	if err != nil {
		return nil, err
	}
	group := data.FindGroup("matchwire")
	if group == nil {
		return nil, errors.New("no rules")
	}
	return group, nil
}
