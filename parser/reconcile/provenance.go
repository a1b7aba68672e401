package reconcile

import (
	"cmp"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A Provenance says where a page comes from: who read it, when and why.
type Provenance struct {
	TID         event.TID
	CausationID string
	Site        string // "/parser/<profile>", the source of the events
	Tracker     string // tells two trackers apart that read the same site
	At          time.Time
	Modified    time.Time           // the page's Last-Modified; zero if it has none
	Superseded  bool                // whether newer bytes have replaced the page's before, as far as the reader knows
	Evidence    event.Evidence      // URL and snapshot; each event adds its path
	Aliases     observation.Aliases // may be nil
	Replay      bool
}

// seenStep is the least time after which Seen is updated, so that an unchanged match is not saved
// with every poll.
const seenStep = 30 * time.Second

// reader names one tracker of one site.
func (p *Provenance) reader() string { return p.Site + " " + p.Tracker }

// isOtherReader and isOtherSite report whether a reader is another one, and whether it reads another
// site.
func (p *Provenance) isOtherReader(reader string) bool { return reader != p.reader() }
func (p *Provenance) isOtherSite(reader string) bool {
	return !strings.HasPrefix(reader, p.Site+" ")
}

// seenLately reports whether any of these readers had a page that was believed within [StaleAfter].
func (s *State) seenLately(at time.Time, by func(reader string) bool) bool {
	for reader, last := range s.Seen {
		if by(reader) && at.Sub(last) < StaleAfter {
			return true
		}
	}
	return false
}

// seenNow returns known.Seen with this reader's time. It returns known.Seen itself if that is
// recent enough, or if the match is over and has no other site.
func seenNow(known *State, o *observation.Observation, from *Provenance) map[string]time.Time {
	over := cmp.Or(o.Match.Status, known.Match.Status).Rank() > event.Live.Rank()
	if over && len(known.Views) < 2 || from.At.Sub(known.Seen[from.reader()]) < seenStep {
		return known.Seen
	}
	seen := map[string]time.Time{from.reader(): from.At}
	for reader, last := range known.Seen {
		if from.isOtherReader(reader) && from.At.Sub(last) < StaleAfter {
			seen[reader] = last
		}
	}
	return seen
}
