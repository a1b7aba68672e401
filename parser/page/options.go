package page

import "time"

// Options say how a client treats the sites that it fetches from. The zero value is ready to use.
type Options struct {
	// PerHost is the shortest time between two requests to one host. 0 means 250 ms. A longer
	// Crawl-delay in the host's robots.txt replaces it.
	PerHost time.Duration
	// IgnoreRobots allows pages that robots.txt forbids. It is for your own sites.
	IgnoreRobots bool
	// PrivateAddresses allows pages of this machine and of private networks.
	PrivateAddresses bool
	// MaxWait is how long a request waits for a slot at a host before it fails with a [BusyError].
	// 0 means 30 s.
	MaxWait time.Duration
	// Limiter spaces the requests to each host. If it is nil, the client spaces its own requests
	// only.
	Limiter HostLimiter
}
