package consumers

import (
	"sync"

	"github.com/matchwire/matchwire/event"
)

// waiters holds the events that wait or are handled in this process, by match.
type waiters struct {
	mu      sync.Mutex
	byMatch map[string]*matchWaiters
}

// matchWaiters holds the events of one match.
type matchWaiters struct {
	all     map[*waiter]bool
	changed chan struct{} // closed when an event leaves
}

// A waiter is an event that waits or is handled in this process.
type waiter struct {
	waiters *waiters
	match   string
	epoch   string
	seq     int64
}

// add adds an event to the events of its match. The caller must call leave.
func (ws *waiters) add(e event.Event) *waiter {
	w := &waiter{waiters: ws, match: e.Subject, epoch: e.Data.Epoch, seq: e.Data.Seq}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	match := ws.byMatch[w.match]
	if match == nil {
		match = &matchWaiters{all: map[*waiter]bool{}, changed: make(chan struct{})}
		ws.byMatch[w.match] = match
	}
	match.all[w] = true
	return w
}

// leave removes the event from the events of its match, and wakes the others.
func (w *waiter) leave() {
	w.waiters.mu.Lock()
	defer w.waiters.mu.Unlock()
	match := w.waiters.byMatch[w.match]
	delete(match.all, w)
	close(match.changed)
	match.changed = make(chan struct{})
	if len(match.all) == 0 {
		delete(w.waiters.byMatch, w.match)
	}
}

// isFirst reports whether the event is the earliest event of its match in this process. changed is
// closed when an event of the match leaves.
func (w *waiter) isFirst() (changed <-chan struct{}, first bool) {
	w.waiters.mu.Lock()
	defer w.waiters.mu.Unlock()
	match := w.waiters.byMatch[w.match]
	for other := range match.all {
		if other.epoch < w.epoch || other.epoch == w.epoch && other.seq < w.seq {
			return match.changed, false
		}
	}
	return match.changed, true
}
