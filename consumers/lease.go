package consumers

import (
	"context"
	"sync"
	"time"
)

// LeaseTime is how long a lease in Redis lasts after it was last renewed, by Redis's clock. If a
// process dies, others wait at most that long for what it was doing.
const LeaseTime = 10 * time.Second

// RenewLease renews a lease that began at since and lasts for d. It calls renew from a goroutine of
// its own, every third of d, and more often while renew fails. It ends when renew reports that the
// lease is lost, when ctx ends, or when stop is called. stop waits for a call in progress, which
// has d/3 to return. It must be called.
func RenewLease(
	ctx context.Context, d time.Duration, since time.Time, renew func(context.Context) (held bool, err error),
) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		for next := since.Add(d / 3); ; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(next)):
			}
			limited, end := context.WithTimeout(ctx, d/3)
			held, err := renew(limited)
			end()
			switch {
			case err != nil:
				next = time.Now().Add(d / 20)
			case !held:
				return
			default:
				next = time.Now().Add(d / 3)
			}
		}
	})
	return func() {
		cancel()
		renewing.Wait()
	}
}
