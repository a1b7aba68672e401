package reconcile

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A source is stale after at least StalePolls consecutive polls, over at least StaleAfter, without
// a usable page.
const (
	StalePolls = 3
	StaleAfter = 2 * time.Minute
)

// A source is blind after at least blindPolls consecutive pages, over at least blindFor, that list
// no incident although earlier pages did. Its layout has probably changed. If the match is live, a
// blind source makes it stale.
const (
	blindPolls = 3
	blindFor   = 5 * time.Minute
)

// MarkStale marks a match as stale because its source has no usable page. It returns the new state
// and the event source_stale. It returns known and no event if the match is already stale, over or
// unknown, or if another reader had an accepted page of the match within [StaleAfter]. The next
// page that [Match] accepts makes the match fresh again.
func MarkStale(known State, from Provenance, reason string) (State, []event.Event, error) {
	over := known.Match.Status.Rank() > event.Live.Rank()
	if !known.Known() || known.Match.Stale != nil || over || known.seenRecently(from.At, from.isOtherReader) {
		return known, nil, nil
	}
	d := newDraft(&known, known)
	d.from = from
	d.markStale(reason)
	events, err := d.events()
	if err != nil {
		return known, nil, err
	}
	return d.state, events, nil
}

// markStale marks the match as stale and reports source_stale.
func (d *draft) markStale(reason string) {
	d.state.Match.Stale = &event.Stale{Since: d.from.At, Reason: reason}
	d.reportUntracked(observation.Incident{Kind: event.SourceStale}, reason)
}

// checkHealth marks the match as fresh, or as stale if the match is live and the source is blind.
// Score changes of a blind source still produce goal events.
func (d *draft) checkHealth() {
	s := &d.state
	if !d.obs.Blind || s.listedBefore() == 0 {
		s.Blind = nil
		if s.Match.Stale != nil {
			s.Match.Stale = nil
			d.reportUntracked(observation.Incident{Kind: event.SourceFresh}, "pages are usable again")
		}
		return
	}
	s.Blind = s.Blind.extended(d.from.At)
	if s.Match.Stale == nil && s.Match.Status.Rank() == event.Live.Rank() && s.Blind.overdue(blindPolls, blindFor) {
		d.markStale("the page lists no incidents any more: its layout may have changed")
	}
}
