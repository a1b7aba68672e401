package reconcile

import (
	"cmp"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

const (
	// A source is stale when so many polls over so long brought nothing usable.
	StalePolls = 3
	StaleAfter = 2 * time.Minute

	// A page that listed incidents and lists none any more has changed its
	// layout when that lasts.
	blindPolls = 3
	blindFor   = 5 * time.Minute

	// seenStep is how coarsely a state knows when a page was last believed: it
	// is written anew no more often.
	seenStep = 30 * time.Second
)

// GoneQuiet is what becomes of a match whose source brings nothing usable any
// more: source_stale, once, unless the match is over or somebody else has read
// it lately. The first page believed after that is source_fresh.
func MarkStale(s State, r Provenance, reason string) (State, []event.Event, error) {
	c := &comparison{state: s, reading: r}
	if !s.Known() || s.Match.Stale != nil || s.Match.Status.Rank() > event.Live.Rank() || c.watched(r.byOthers) {
		return s, nil, nil
	}
	c.quiet(reason)
	events, err := c.events()
	return c.state, events, err
}

func (c *comparison) quiet(reason string) {
	c.state.Match.Stale = &event.Stale{Since: c.reading.At, Reason: reason}
	c.once(observation.Incident{Kind: event.SourceStale}, reason)
}

// noteSeen remembers who saw a match, and when: until it is over, or for as long
// as several sources show it.
func (c *comparison) noteSeen() {
	s, now := &c.state, c.reading.At
	over := cmp.Or(c.page.Match.Status, s.Match.Status).Rank() > event.Live.Rank()
	if over && len(s.Views) < 2 || now.Sub(s.Seen[c.reading.who()]) < seenStep {
		return
	}
	seen := map[string]time.Time{c.reading.who(): now}
	for who, at := range s.Seen {
		if c.reading.byOthers(who) && now.Sub(at) < StaleAfter {
			seen[who] = at
		}
	}
	s.Seen = seen
}

// health says that the source is back, or that its layout has changed: rows
// stood on its pages, and now there is none. The score goes on telling of goals.
func (c *comparison) health() {
	s := &c.state
	if !c.page.Blind || c.everListed() == 0 {
		s.Blind = nil
		if s.Match.Stale != nil {
			s.Match.Stale = nil
			c.once(observation.Incident{Kind: event.SourceFresh}, "pages are usable again")
		}
		return
	}
	s.Blind = s.Blind.again(c.reading.At)
	if s.Match.Stale == nil && s.Match.Status.Rank() == event.Live.Rank() && s.Blind.overdue(blindPolls, blindFor) {
		c.quiet("the page lists no incidents any more: its layout may have changed")
	}
}

// everListed is how many of the incidents that stand a page has listed.
func (c *comparison) everListed() (n int) {
	for i := range c.state.Tracked {
		if st := &c.state.Tracked[i]; st.Side != "" && !st.Provisional {
			n++
		}
	}
	return n
}
