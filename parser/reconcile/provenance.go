package reconcile

import (
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A Reading is the circumstances under which a page was read.
type Provenance struct {
	TID         event.TID
	CausationID string
	Source      string // of the events: "/parser/<profile>"
	Watcher     string // who read it: tells two workers apart that read one source
	At          time.Time
	Modified    time.Time           // the page's Last-Modified; zero where the site gives none
	Again       bool                // the page's bytes were replaced by others before, as far as the reader knows
	Evidence    event.Evidence      // URL and snapshot; each event adds its path
	Aliases     observation.Aliases // which team names mean the same; may be nil
	Replay      bool
}
