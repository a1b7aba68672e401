package page

import "time"

// Options holds the settings of a client. The zero value is ready to use.
type Options struct {
	// PerHost is the minimum time between two requests to one host. 0 means 250 ms. A longer
	// Crawl-delay in the host's robots.txt overrides PerHost, up to a minute.
	PerHost time.Duration
	// IgnoreRobots allows pages that robots.txt forbids. It is for your own sites.
	IgnoreRobots bool
	// Policy says which addresses and ports pages may have.
	Policy Policy
	// MaxWait is the maximum time that a request waits for a slot at a host. If the wait would be
	// longer, the request fails with a [BusyError]. 0 means 30 s.
	MaxWait time.Duration
	// Limiter spaces the requests to each host. If it is nil, the client spaces only its own
	// requests.
	Limiter HostLimiter
}
