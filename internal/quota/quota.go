// Package quota limits how many units of a resource each client address can hold, and how many all
// addresses can hold together. Because of the limit per address, one address cannot use up the
// resource.
package quota

import (
	"context"
	"sync"
)

// A Verdict is the result of a request for a unit.
type Verdict int

// The verdicts.
const (
	Taken       Verdict = iota // the address holds one more unit
	AddressFull                // the address already holds its maximum
	Full                       // all addresses together already hold the maximum
)

// A Quota counts the units that addresses hold. An address is any text, such as one from package
// clientaddr. The methods of a Quota may be called from several goroutines. A nil *Quota has no
// limits.
type Quota struct {
	perAddress, total int

	mu      sync.Mutex
	held    map[string]int // units, by address; without addresses that hold nothing
	allHeld int            // units that all addresses hold together
	waiting map[string]int // calls of Wait, by address; without addresses that do not wait
	changed chan struct{}  // closed when a call of Wait may succeed; nil if none waits
}

// New returns a Quota. perAddress is the maximum number of units that one address can hold. total is
// the maximum number for all addresses together. 0 means no limit.
func New(perAddress, total int) *Quota {
	return &Quota{perAddress: perAddress, total: total, held: map[string]int{}, waiting: map[string]int{}}
}

// SetLimits replaces the limits. Addresses keep what they hold, even if it is more than a new limit.
func (q *Quota) SetLimits(perAddress, total int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.perAddress, q.total = perAddress, total
	q.notify()
}

// Take gives a unit to an address, if neither limit is reached. After each Take that returns Taken,
// the caller must call Release once.
func (q *Quota) Take(address string) Verdict {
	if q == nil {
		return Taken
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.take(address)
}

// take implements Take. mu is held.
func (q *Quota) take(address string) Verdict {
	switch {
	case q.perAddress > 0 && q.held[address] >= q.perAddress:
		return AddressFull
	case q.total > 0 && q.allHeld >= q.total:
		return Full
	}
	q.held[address]++
	q.allHeld++
	return Taken
}

// Wait waits until neither limit is reached, gives a unit to an address, and returns true. If several
// addresses wait, the address that holds the fewest units gets the next unit. If ctx ends or stop is
// closed first, Wait returns false. After each Wait that returns true, the caller must call Release once.
func (q *Quota) Wait(ctx context.Context, stop <-chan struct{}, address string) bool {
	if q == nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting[address]++
	defer func() {
		decrement(q.waiting, address)
		q.notify() // an address that holds more units may be next now
	}()
	for !q.isNext(address) || q.take(address) != Taken {
		if q.changed == nil {
			q.changed = make(chan struct{})
		}
		changed := q.changed
		q.mu.Unlock()
		ended := false
		select {
		case <-changed:
		case <-stop:
			ended = true
		case <-ctx.Done():
			ended = true
		}
		q.mu.Lock()
		if ended {
			return false
		}
	}
	return true
}

// Waiting returns the number of calls of Wait that have not returned.
func (q *Quota) Waiting() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, waiting := range q.waiting {
		n += waiting
	}
	return n
}

// isNext reports whether no waiting address holds fewer units than address. mu is held.
func (q *Quota) isNext(address string) bool {
	for other := range q.waiting {
		if q.held[other] < q.held[address] {
			return false
		}
	}
	return true
}

// notify wakes the calls of Wait. mu is held.
func (q *Quota) notify() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

// Release returns a unit that an address holds.
func (q *Quota) Release(address string) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.allHeld--
	decrement(q.held, address)
	q.notify()
}

// decrement subtracts 1 from the count of key, and deletes the count if it is then 0.
func decrement(counts map[string]int, key string) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}
