package bench

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// siteProfile is the profile of the site's pages. The site shows basketball, because its scores can change at each
// poll.
const siteProfile = `profile: bench
sport: basketball
format: json
matches: {jq: '.matches[]'}
match:
  id: {jq: .id}
  league: {value: Bench}
  home: {jq: .home}
  away: {jq: .away}
  status: {value: live q1}
  home_score: {jq: .score}
  away_score: {value: "0"}
`

// padding is the part of a page that no rule uses. With it, a page has about 4 KB.
var padding = strings.Repeat("matchwire bench. ", 240)

// A site serves pages on the loopback interface. Page i has the path /i. Every response differs in a counter. If
// changing is set, the scores of all matches rise with each request.
type site struct {
	urls     []string // one for each address, without a path
	matches  int      // number of matches on a page
	changing bool
	requests []atomic.Int64 // for each page
	seen     atomic.Int64   // number of pages that were requested at least once

	server  http.Server
	serving sync.WaitGroup
}

// newSite starts a site for a load. It has so many addresses that each gets one request per second, because matchwire
// limits the rate of requests to an address.
func newSite(ctx context.Context, l load) (*site, error) {
	s := &site{matches: l.matches, changing: l.changing, requests: make([]atomic.Int64, l.sources)}
	s.server.Handler = s
	var config net.ListenConfig
	for range int(math.Ceil(float64(l.sources) / l.every.Seconds())) {
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			s.close()
			return nil, fmt.Errorf("the site of the bench: %w", err)
		}
		s.urls = append(s.urls, "http://"+listener.Addr().String())
		s.serving.Go(func() { _ = s.server.Serve(listener) }) // returns after close
	}
	return s, nil
}

// url returns the URL of a page.
func (s *site) url(page int) string { return fmt.Sprintf("%s/%d", s.urls[page%len(s.urls)], page) }

// ServeHTTP implements [http.Handler].
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil || page < 0 || page >= len(s.requests) {
		http.NotFound(w, r)
		return
	}
	n := s.requests[page].Add(1)
	if n == 1 {
		s.seen.Add(1)
	}
	score := int64(0)
	if s.changing {
		score = n
	}
	b := fmt.Appendf(nil, `{"request":%d,"padding":"%s","matches":[`, n, padding)
	for m := range s.matches {
		if m > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":"bench-%d-%d","home":"Home %d","away":"Visitors %d","score":%d}`,
			page, m, m, m, score)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, "]}"...)) // fails if the client is gone
}

// close stops the site.
func (s *site) close() {
	_ = s.server.Close() // the listeners end with the process
	s.serving.Wait()
}
