// Package quota limits how much of something each client address can hold, and all addresses
// together, so that one address cannot use it up.
package quota

import "sync"

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

	mu       sync.Mutex
	held     map[string]int // by address; without addresses that hold nothing
	all      int            // units that all addresses hold
	released chan struct{}  // closed at the next Release; nil until Released is called
}

// New returns a Quota. perAddress is the maximum number of units of one address, and total that of
// all addresses together. 0 means no limit.
func New(perAddress, total int) *Quota {
	return &Quota{perAddress: perAddress, total: total, held: map[string]int{}}
}

// Take gives a unit to an address, if neither limit is reached. After each Take that returns Taken,
// the caller must call Release once.
func (q *Quota) Take(address string) Verdict {
	if q == nil {
		return Taken
	}
	q.mu.Lock()
	defer q.mu.Unlock()
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

// Release takes a unit back from an address.
func (q *Quota) Release(address string) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all--
	if q.held[address]--; q.held[address] <= 0 {
		delete(q.held, address)
	}
	if q.released != nil {
		close(q.released)
		q.released = nil
	}
}

// Released returns a channel that is closed at the next Release. To wait for a unit, call Released
// before Take.
func (q *Quota) Released() <-chan struct{} {
	if q == nil {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.released == nil {
		q.released = make(chan struct{})
	}
	return q.released
}
