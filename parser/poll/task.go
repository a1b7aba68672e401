package poll

import (
	"strconv"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// PagePoll is the name of the tasks that ask for one poll of a source. Their data is a [Poll].
const PagePoll = "parser.page.poll"

// A Poll asks a worker to fetch and ingest the page of a source once.
type Poll struct {
	Source event.Source `json:"source"`
	Due    time.Time    `json:"due"` // of two polls of a source the one that is due later counts
	// Activated is the job that activated the source. A poll that the clock caused is another job.
	Activated event.TID `json:"activated,omitzero"`
}

// A Result is what a poll found, for the scheduler to decide when the next is due.
type Result struct {
	Due       time.Time     // of the poll
	At        time.Time     // when the poll was done
	Took      time.Duration // how long the site took to begin its answer
	Matches   []event.Match // that the page shows; nil if there is no usable page
	Many      bool          // the page lists many matches, so it has no end
	Scored    bool          // the page told of a score that moved
	Unchanged int           // polls in a row with an unchanged page
	Failures  int           // polls in a row without a usable page
	Busy      bool          // the site was not asked: too many polls wait for the same host
	Problem   string        // why the poll failed, for everybody to read; "" if it did not
	Wait      time.Duration // before the next poll, as the site asked
	Fresh     time.Duration // for which the site says that its page stays the same
	Stop      string        // why the source must not be polled any more; "" if it may
	Unmarked  bool          // the site forbids the page, and its matches are not all marked stale yet
}

// ByClock reports whether the clock caused the poll, and not the activation of its source.
func (p Poll) ByClock(tid event.TID) bool { return tid != p.Activated }

// Task returns the task that asks for the poll. The same poll gives the same task ID. tid is the job
// that the task belongs to, and cause the ID of the event that caused it or started its clock. The
// task expires left after at, when the next poll takes its place.
func (p Poll) Task(tid event.TID, cause string, at time.Time, left time.Duration) (broker.Task, error) {
	t, err := broker.NewTask(PagePoll, tid, p, at, max(left, time.Millisecond))
	t.ID = event.IncidentID("poll", p.Source.ID, strconv.FormatInt(p.Due.UnixMilli(), 10))
	t.CausationID = cause
	return t, err
}
