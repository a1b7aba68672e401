package reconcile

import (
	"cmp"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A Provenance describes where a page comes from, when the page was read, and which job read it.
type Provenance struct {
	TID         event.TID
	CausationID string              // ID of the message that caused the poll
	Site        string              // "/parser/<profile>", which becomes the source of the events
	Tracker     string              // differs between trackers of the same site
	At          time.Time           // when the page was read
	Modified    time.Time           // the page's Last-Modified; zero if it has none
	Superseded  bool                // the tracker has already read newer bytes than those of the page
	Evidence    event.Evidence      // URL and snapshot; each event adds the path of its row
	Aliases     observation.Aliases // aliases of team names; may be nil
	Replay      bool                // mark the events as replayed from a recording
	Hurried     bool                // the pages follow each other faster than the match was played
}

// seenStep is the minimum time between two updates of a reader in State.Seen. Because of it, an
// unchanged match is not saved after every poll.
const seenStep = 30 * time.Second

// reader returns the key of the tracker in State.Seen.
func (p *Provenance) reader() string { return p.Site + " " + p.Tracker }

// isOtherReader reports whether reader is not the reader of the page.
func (p *Provenance) isOtherReader(reader string) bool { return reader != p.reader() }

// isOtherSite reports whether reader reads a different site from the site of the page.
func (p *Provenance) isOtherSite(reader string) bool {
	return !strings.HasPrefix(reader, p.Site+" ")
}

// seenRecently reports whether any reader for which by returns true had an accepted page within
// [StaleAfter] before at.
func (s *State) seenRecently(at time.Time, by func(reader string) bool) bool {
	for reader, last := range s.Seen {
		if by(reader) && at.Sub(last) < StaleAfter {
			return true
		}
	}
	return false
}

// seenNow returns a copy of known.Seen with the time of the page's reader updated. It returns
// known.Seen itself if the last update is less than seenStep ago, or if the match is over and has
// at most one site.
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
