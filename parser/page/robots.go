package page

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/temoto/robotstxt"
)

// checkRobots returns a [RefusedError] if the host's robots.txt forbids a request. As RFC 9309
// requires, a robots.txt that does not exist allows all pages. If robots.txt cannot be fetched,
// checkRobots returns an error, unless an earlier robots.txt applies.
func (p *politeTransport) checkRobots(h *host, r *http.Request) error {
	if err := p.acquire(r.Context(), h.robotsLock); err != nil {
		return err
	}
	defer h.robotsLock.Release(1)
	if now := time.Now(); now.After(h.robotsExpires) {
		group, err := p.fetchRobots(r)
		switch {
		case err == nil:
			h.robots, h.robotsExpires = group, now.Add(robotsTTL)
			h.gap.Store(int64(max(p.options.PerHost, min(group.CrawlDelay, maxPerHost))))
		case h.robots == nil:
			err = fmt.Errorf("robots.txt: %w", err)
			var busy *BusyError
			if r.Context().Err() == nil && !errors.As(err, &busy) && !isRefused(err) {
				h.robotsExpires, h.robotsErr = now.Add(robotsFirstRetry), err
			}
			return err
		default:
			h.robotsExpires = now.Add(robotsRetry) // the previous robots.txt still applies
		}
	}
	if h.robots == nil {
		return h.robotsErr
	}
	if !h.robots.Test(r.URL.EscapedPath() + query(r.URL)) {
		return &RefusedError{}
	}
	return nil
}

// query returns the query of a URL with its question mark, or "".
func query(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	return "?" + u.RawQuery
}

// fetchRobots returns the rules for matchwire in the robots.txt of the request's host.
func (p *politeTransport) fetchRobots(r *http.Request) (*robotstxt.Group, error) {
	u := *r.URL
	u.Path, u.RawPath, u.RawQuery, u.Fragment = "/robots.txt", "", "", ""
	for range maxRedirects + 1 {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("User-Agent", p.options.userAgent())
		resp, err := p.send(p.host(&u), req)
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
		return parseRobots(resp)
	}
	return nil, fmt.Errorf("more than %d redirects", maxRedirects)
}

// parseRobots returns the rules for matchwire in a response. It closes the body.
func parseRobots(resp *http.Response) (*robotstxt.Group, error) {
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
		return nil, errors.New("there are no rules for matchwire")
	}
	return group, nil
}
