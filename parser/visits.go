package parser

import (
	"sync"
	"time"
)

// visitBytes bounds the pages that a worker keeps, lest it fetch them again.
const visitBytes = 64 << 20

// A visit is a page as a worker has it. A site is asked whether it has changed,
// and if it has not, it is not parsed again.
type visit struct {
	fetcher *Fetcher
	page    Page // zero before the first
	last    lastPage

	used time.Time
}

// visits are those of a worker, by source. One that is in use is not among
// them: it is for one goroutine at a time.
type visits struct {
	mu    sync.Mutex
	held  map[string]*visit
	bytes int
}

// take takes the visit of a source out; nil if there is none.
func (v *visits) take(source string) *visit {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.remove(source)
}

// put brings it back, for which others may have to go: those not used for
// longest.
func (v *visits) put(source string, one *visit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.held == nil {
		v.held = map[string]*visit{}
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

func (v *visits) remove(source string) *visit {
	one := v.held[source]
	if one != nil {
		delete(v.held, source)
		v.bytes -= one.size()
	}
	return one
}

// size is about what a visit takes: what was read from a page is of its size.
func (v *visit) size() int { return 2*len(v.page.Body) + 4<<10 }
