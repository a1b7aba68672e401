// Package quota limits how much of something each client address can hold, and all addresses
// together, so that one address cannot use it up.
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
	held    map[string]int // by address; without addresses that hold nothing
	all     int            // units that all addresses hold
	waiting map[string]int // calls of Wait, by address; without addresses that do not wait
	changed chan struct{}  // closed when a call of Wait may succeed; nil if none waits
}

// New returns a Quota. perAddress is the maximum number of units of one address, and total that of
// all addresses together. 0 means no limit.
func New(perAddress, total int) *Quota {
	return &Quota{perAddress: perAddress, total: total, held: map[string]int{}, waiting: map[string]int{}}
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

// take is Take with mu held.
func (q *Quota) take(address string) Verdict {
	switch {
	case q.perAddress > 0 && q.held[address] >= q.perAddress:
		return AddressFull
	case q.total > 0 && q.all >= q.total:
		return Full
	}
	q.held[address]++
	q.all++
	return Taken
}

// Wait gives a unit to an address when neither limit is reached. If several addresses wait, the one
// that holds the fewest units is first. Wait returns false if ctx ends or stop is closed before. After
// each Wait that returns true, the caller must call Release once.
func (q *Quota) Wait(ctx context.Context, stop <-chan struct{}, address string) bool {
	if q == nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting[address]++
	defer func() {
		decrement(q.waiting, address)
		q.notify() // perhaps another address waited for this one
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

// isNext reports whether no address waits that holds fewer units. mu is held.
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

// Release takes a unit back from an address.
func (q *Quota) Release(address string) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all--
	decrement(q.held, address)
	q.notify()
}

// decrement subtracts 1 from a count, and deletes it if it is then 0.
func decrement(counts map[string]int, key string) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}
