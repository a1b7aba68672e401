package consumers

import (
	"context"
	"sync"
	"time"
)

// LeaseTime is how long a lease in Redis lasts after its last renewal, by Redis's clock. If a process
// dies, other processes wait at most LeaseTime before they can acquire its leases.
const LeaseTime = 10 * time.Second

// RenewLease renews a lease that began at since and has the duration d. It starts a goroutine that
// calls renew every d/3, or d/20 after an error. The context of each call ends after d/3. The
// goroutine ends when renew returns false without an error, when ctx ends, or when stop is called.
// The caller must call stop, which cancels a call to renew in progress and waits for the goroutine.
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
