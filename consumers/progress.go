package consumers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/health"
)

// A consumer is stuck if at least stuckAttempts attempts in a row failed, the first of them at least
// stuckAfter ago.
const (
	stuckAttempts = 5
	stuckAfter    = 10 * time.Second
)

// A Progress records which consumers of a process handle no events, because each attempt fails. The
// zero Progress is ready for use. A nil *Progress records nothing.
type Progress struct {
	mu      sync.Mutex
	failing map[string]failures // by consumer; without consumers whose latest attempt succeeded
}

// failures describes the failed attempts of a consumer since its latest success.
type failures struct {
	attempts int
	since    time.Time // time of the first failure
	latest   error
	outage   bool // each attempt failed because a server of matchwire is unavailable
}

// note records an attempt to handle an event. A permanent error counts as a success, because it is
// the fault of one event: the consumer may handle the next event. A postponed attempt does not
// count.
func (p *Progress) note(consumer string, d broker.Disposition, err error) {
	if p == nil || d == broker.Postponed {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil || errors.Is(err, broker.ErrPermanent) {
		delete(p.failing, consumer)
		return
	}
	if p.failing == nil {
		p.failing = map[string]failures{}
	}
	f, ok := p.failing[consumer]
	if !ok {
		f = failures{since: time.Now(), outage: true}
	}
	f.attempts++
	f.latest = err
	f.outage = f.outage && d == broker.Outage
	p.failing[consumer] = f
}

// Forget removes the failed attempts of a consumer that has stopped. p must not be nil.
func (p *Progress) Forget(consumer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.failing, consumer)
}

// Health returns an issue for each stuck consumer, ordered by consumer. The issue is Down if all attempts
// failed because a server of matchwire is unavailable. It is not Down if the reason is a service that
// only this consumer needs, such as a webhook. p must not be nil.
func (p *Progress) Health() (all []health.Issue) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(p.failing)) {
		f := p.failing[name]
		if f.attempts < stuckAttempts || time.Since(f.since) < stuckAfter {
			continue
		}
		all = append(all, health.Issue{Down: f.outage, Text: fmt.Sprintf("consumer %s has handled no event since %s: "+
			"%d attempts failed, the last one with: %v", name, f.since.UTC().Format(time.TimeOnly), f.attempts, f.latest)})
	}
	return all
}
