package httpapi

import (
	"context"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	cacheFor = time.Second // time for which a response is cached
	maxCache = 16 << 20    // maximum size of all cached responses, in bytes
)

// A cache stores the bodies of recent responses to public calls, so that many equal calls need only
// one read of Redis. The zero cache is ready for use.
type cache struct {
	group singleflight.Group
	mu    sync.Mutex
	size  int // of all bodies, in bytes
	items map[string]cached
}

type cached struct {
	body  []byte
	until time.Time
}

// get returns the cached body for a key, or the result of read. Concurrent calls with the same key
// share one read. If ctx ends first, get returns its error, but the read continues. Errors are not
// cached. The caller must not change the body.
func (c *cache) get(ctx context.Context, key string, read func(context.Context) ([]byte, error)) ([]byte, error) {
	if body := c.find(key); body != nil {
		return body, nil
	}
	result := c.group.DoChan(key, func() (any, error) {
		if body := c.find(key); body != nil { // another call has stored it in the meantime
			return body, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout) // other calls may wait for it
		defer cancel()
		body, err := read(ctx)
		if err == nil {
			c.put(key, body)
		}
		return body, err
	})
	select {
	case r := <-result:
		body, _ := r.Val.([]byte)
		return body, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// find returns the body for a key, or nil if there is none or it has expired.
func (c *cache) find(key string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, ok := c.items[key]; ok && time.Now().Before(i.until) {
		return i.body
	}
	return nil
}

// put removes expired bodies. It then stores the body for a key, unless the cache is full.
func (c *cache) put(key string, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(c.items, func(k string, i cached) bool {
		gone := k == key || !now.Before(i.until)
		if gone {
			c.size -= len(i.body)
		}
		return gone
	})
	if c.size+len(body) > maxCache {
		return
	}
	if c.items == nil {
		c.items = map[string]cached{}
	}
	c.items[key] = cached{body, now.Add(cacheFor)}
	c.size += len(body)
}
