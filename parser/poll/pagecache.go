package poll

import (
	"sync"
	"time"

	"github.com/matchwire/matchwire/parser/page"
)

// A cachedPage is the latest page of a source and what was found on it. The site is asked only for
// a newer one, and the same bytes are not parsed again.
type cachedPage struct {
	fetcher *page.Fetcher
	page    page.Page // zero before the first
	parsed  *parsedPage

	used time.Time
}

// size is about the memory that a cached page takes: what was found on it is about as large as it.
func (c *cachedPage) size() int { return 2*len(c.page.Body) + 4<<10 }

// maxCacheBytes bounds the pages that a worker caches.
const maxCacheBytes = 64 << 20

// A pageCache holds the cached pages of a worker by source. A page in use is not in the cache: it
// is for one goroutine at a time.
type pageCache struct {
	mu    sync.Mutex
	pages map[string]*cachedPage
	bytes int
}

// take removes the page of a source from the cache and returns it; nil if there is none.
func (c *pageCache) take(source string) *cachedPage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remove(source)
}

// put puts a page into the cache. Pages that were not used for longest make room for it.
func (c *pageCache) put(source string, p *cachedPage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pages == nil {
		c.pages = map[string]*cachedPage{}
	}
	c.remove(source)
	p.used = time.Now()
	c.pages[source] = p
	c.bytes += p.size()
	for c.bytes > maxCacheBytes && len(c.pages) > 1 {
		c.remove(c.oldest())
	}
}

func (c *pageCache) oldest() (source string) {
	for id, p := range c.pages {
		if source == "" || p.used.Before(c.pages[source].used) {
			source = id
		}
	}
	return source
}

func (c *pageCache) remove(source string) *cachedPage {
	p := c.pages[source]
	if p != nil {
		delete(c.pages, source)
		c.bytes -= p.size()
	}
	return p
}
