package httpapi

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// If another call stores a body just after a call missed it, the second call does not read again.
func TestCacheReadsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock does not move, so no body expires
		const keys = 20000
		var caches [keys / 100]cache // put is slower the more bodies a cache has
		var reads atomic.Int64
		read := func(context.Context) ([]byte, error) {
			reads.Add(1)
			return []byte("body"), nil
		}
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for key := range keys {
					if _, err := caches[key%len(caches)].get(t.Context(), strconv.Itoa(key), read); err != nil {
						t.Errorf("get: %v", err)
					}
				}
			})
		}
		callers.Wait()
		if got := reads.Load(); got != keys {
			t.Errorf("%d reads for %d keys, want one for each", got, keys)
		}
	})
}
