package consumers

import "time"

// WithLease returns a copy of r with d in place of LeaseTime.
func WithLease(r Runner, d time.Duration) Runner {
	r.lease = d
	return r
}
