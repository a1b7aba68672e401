package page

import (
	"time"
)

// Options say how a client treats the sites it fetches from. The zero value is fit for use.
type Options struct {
	// PerHost is the least time between two requests to one host; 0 means 250 ms. A Crawl-delay in
	// the host's robots.txt makes it longer.
	PerHost time.Duration
	// IgnoreRobots fetches what a robots.txt forbids. It is for sites of your own.
	IgnoreRobots bool
	// PrivateAddresses allows pages of this machine and of private networks.
	PrivateAddresses bool
	// MaxWait is how long a request waits for a slot at a host; 0 means 30 s. After that it fails
	// with a [BusyError].
	MaxWait time.Duration
	// Limiter spaces the requests to each host; nil spaces those of this client alone.
	Limiter HostLimiter
}
