package poll

import (
	"sync"
	"time"

	"github.com/matchwire/matchwire/parser/page"
)

// A cachedPage contains the fetcher of a source, the latest page of the source, and the parsed form
// of that page. With a cachedPage, a worker can send conditional requests. The worker extracts the
// facts of an unchanged page again only if the facts depend on the time.
type cachedPage struct {
	fetcher *page.Fetcher
	page    page.Page // zero before the first fetch
	parsed  *parsedPage

	used time.Time // when the page was last put into the cache
}

// size estimates how much memory a cached page uses, in bytes. The parsed form is about as large as
// the body.
func (c *cachedPage) size() int { return 2*len(c.page.Body) + 4<<10 }

// maxCacheBytes is the maximum total size of the pages that a worker caches, as estimated by size.
const maxCacheBytes = 64 << 20

// A pageCache contains the cached pages of a worker. While a goroutine uses a page, the page is not
// in the cache.
type pageCache struct {
	mu    sync.Mutex
	pages map[string]*cachedPage // key: source ID, with the date if the page depends on it
	bytes int                    // total size of pages
}

// get removes the page with the given key from the cache and returns it, or returns nil if there is
// none.
func (c *pageCache) get(key string) *cachedPage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remove(key)
}

// put puts a page into the cache. If the cache is then too large, put removes the least recently
// used pages, but never the new page.
func (c *pageCache) put(key string, p *cachedPage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pages == nil {
		c.pages = map[string]*cachedPage{}
	}
	c.remove(key)
	p.used = time.Now()
	c.pages[key] = p
	c.bytes += p.size()
	for c.bytes > maxCacheBytes && len(c.pages) > 1 {
		c.remove(c.oldest())
	}
}

// oldest returns the key of the least recently used page.
func (c *pageCache) oldest() (key string) {
	for k, p := range c.pages {
		if key == "" || p.used.Before(c.pages[key].used) {
			key = k
		}
	}
	return key
}

// remove removes the page with the given key and returns it, or returns nil if there is none.
func (c *pageCache) remove(key string) *cachedPage {
	p := c.pages[key]
	if p != nil {
		delete(c.pages, key)
		c.bytes -= p.size()
	}
	return p
}
