package consumers

import (
	"sync"

	"github.com/matchwire/matchwire/event"
)

// lines holds the events of each match that wait or are handled in this process.
type lines struct {
	mu      sync.Mutex
	byMatch map[string]*line
}

// A line holds the events of one match.
type line struct {
	places  map[*place]bool
	changed chan struct{} // closed when a place is left
}

// A place is the place of an event in the line of its match.
type place struct {
	lines *lines
	match string
	epoch string
	seq   int64
}

// join adds an event to the line of its match. The caller must call leave.
func (l *lines) join(e event.Event) *place {
	p := &place{lines: l, match: e.Subject, epoch: e.Data.Epoch, seq: e.Data.Seq}
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.byMatch[p.match]
	if of == nil {
		of = &line{places: map[*place]bool{}, changed: make(chan struct{})}
		l.byMatch[p.match] = of
	}
	of.places[p] = true
	return p
}

// leave removes the event from its line and wakes the others.
func (p *place) leave() {
	l := p.lines
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.byMatch[p.match]
	delete(of.places, p)
	close(of.changed)
	of.changed = make(chan struct{})
	if len(of.places) == 0 {
		delete(l.byMatch, p.match)
	}
}

// look reports whether no event in the line is earlier than p. changed is closed when an event leaves
// the line.
func (p *place) look() (changed <-chan struct{}, first bool) {
	l := p.lines
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.byMatch[p.match]
	for other := range of.places {
		if other.epoch < p.epoch || other.epoch == p.epoch && other.seq < p.seq {
			return of.changed, false
		}
	}
	return of.changed, true
}
