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

// size estimates the memory of a cached page, in bytes. The parsed form is about as large as the
// body.
func (c *cachedPage) size() int { return 2*len(c.page.Body) + 4<<10 }

// maxCacheBytes is the maximum size of the pages that a worker caches, as estimated by size.
const maxCacheBytes = 64 << 20

// A pageCache contains the cached pages of a worker. While a goroutine uses a page, the page is not
// in the cache.
type pageCache struct {
	mu    sync.Mutex
	pages map[string]*cachedPage // key: source ID, with the date if the page depends on it
	bytes int                    // total size of pages
}

// get removes the page of a source from the cache and returns it, or returns nil if there is none.
func (c *pageCache) get(source string) *cachedPage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remove(source)
}

// put puts a page into the cache. If the cache is full, it removes the least recently used pages.
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

// oldest returns the source with the least recently used page.
func (c *pageCache) oldest() (source string) {
	for id, p := range c.pages {
		if source == "" || p.used.Before(c.pages[source].used) {
			source = id
		}
	}
	return source
}

// remove removes the page of a source and returns it, or returns nil if there is none.
func (c *pageCache) remove(source string) *cachedPage {
	p := c.pages[source]
	if p != nil {
		delete(c.pages, source)
		c.bytes -= p.size()
	}
	return p
}
