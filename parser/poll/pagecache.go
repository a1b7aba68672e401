package poll

import (
	"sync"
	"time"

	"github.com/matchwire/matchwire/parser/page"
)

// visitBytes bounds the pages that a worker keeps, lest it fetch them again.
const visitBytes = 64 << 20

// A visit is a page as a worker has it. A site is asked whether it has changed,
// and if it has not, it is not parsed again.
type cachedPage struct {
	fetcher *page.Fetcher
	page    page.Page // zero before the first
	last    lastPage

	used time.Time
}

// visits are those of a worker, by source. One that is in use is not among
// them: it is for one goroutine at a time.
type pageCache struct {
	mu    sync.Mutex
	held  map[string]*cachedPage
	bytes int
}

// take takes the visit of a source out; nil if there is none.
func (v *pageCache) take(source string) *cachedPage {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.remove(source)
}

// put brings it back, for which others may have to go: those not used for
// longest.
func (v *pageCache) put(source string, one *cachedPage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.held == nil {
		v.held = map[string]*cachedPage{}
	}
	v.remove(source)
	one.used = time.Now()
	v.held[source] = one
	v.bytes += one.size()
	for v.bytes > visitBytes && len(v.held) > 1 {
		oldest := ""
		for id, other := range v.held {
			if oldest == "" || other.used.Before(v.held[oldest].used) {
				oldest = id
			}
		}
		v.remove(oldest)
	}
}

func (v *pageCache) remove(source string) *cachedPage {
	one := v.held[source]
	if one != nil {
		delete(v.held, source)
		v.bytes -= one.size()
	}
	return one
}

// size is about what a visit takes: what was read from a page is of its size.
func (v *cachedPage) size() int { return 2*len(v.page.Body) + 4<<10 }
