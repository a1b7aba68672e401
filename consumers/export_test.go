package consumers

import "time"

// WithLease returns a runner whose marks expire after d.
func WithLease(r Runner, d time.Duration) Runner {
	r.lease = d
	return r
}
