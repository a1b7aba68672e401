package poll

import (
	"strconv"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// PagePoll is the name of the tasks that ask for one reading of a source's
// page. Their data is a [Poll].
const PagePoll = "parser.page.poll"

// A Poll asks a parser worker for one reading of a page.
type Poll struct {
	Source event.Source `json:"source"`
	Due    time.Time    `json:"due"` // when it was to be read; of two polls of a source the later one counts
	// Activated is the job that activated the source. A poll that the clock
	// caused is a job of its own.
	Activated event.TID `json:"activated,omitzero"`
}

// Polled is what came of a poll, for whoever decides on the next.
type Polled struct {
	Due       time.Time     // of the poll
	At        time.Time     // when it was done
	Took      time.Duration // that the site needed to answer
	Matches   []event.Match // that the page shows; nil where there is no page that can be used
	Many      bool          // whether the page is one of many matches, which has no end
	Scored    bool          // it told of a score that moved
	Unchanged int           // polls in a row that brought nothing new
	Failures  int           // polls in a row that failed
	Busy      bool          // nothing was asked: too many others wait for the same host
	Problem   string        // why, for everybody to read; "" where it did not fail
	Wait      time.Duration // that the site asked for
	Fresh     time.Duration // for which the site says that its page stays as it is
	Stop      string        // why the source is not to be polled any more; "" if it is
	Settle    bool          // the site forbids it, and that is still to be said of its matches
}

// ByClock reports whether the clock caused the poll, and not its source's
// activation.
func (p Poll) ByClock(tid event.TID) bool { return tid != p.Activated }

// Task is the task that asks for the poll: the same poll makes the same task,
// however often. tid is the job that it belongs to, cause the ID of the event
// that caused it or set the clock that did. left is how long from at it is worth
// beginning: until the next one takes its place.
func (p Poll) Task(tid event.TID, cause string, at time.Time, left time.Duration) (broker.Task, error) {
	t, err := broker.NewTask(PagePoll, tid, p, at, max(left, time.Millisecond))
	t.ID = event.IncidentID("poll", p.Source.ID, strconv.FormatInt(p.Due.UnixMilli(), 10))
	t.CausationID = cause
	return t, err
}
