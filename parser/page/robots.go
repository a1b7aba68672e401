package page

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/temoto/robotstxt"
)

// allowed checks a request against the host's robots.txt. As RFC 9309 demands, a robots.txt that does
// not exist allows everything, and one that cannot be fetched nothing.
func (p *polite) allowed(h *host, r *http.Request) error {
	if err := p.acquire(r.Context(), h.fetching); err != nil {
		return err
	}
	defer h.fetching.Release(1)
	if now := time.Now(); now.After(h.until) {
		group, err := p.robots(r)
		switch {
		case err == nil:
			h.robots, h.until = group, now.Add(robotsAge)
			h.gap.Store(int64(max(p.options.PerHost, min(group.CrawlDelay, maxPerHost))))
		case h.robots == nil:
			err = fmt.Errorf("robots.txt: %w", err)
			var busy *BusyError
			if r.Context().Err() == nil && !errors.As(err, &busy) {
				h.until, h.failed = now.Add(robotsAgain), err
			}
			return err
		default:
			h.until = now.Add(robotsRetry) // the old one still holds
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

// robots fetches the rules for matchwire from the robots.txt of the request's host.
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
