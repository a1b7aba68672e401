package poll

import (
	"strconv"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// PagePoll is the name of the tasks for one poll of a source. Their data is a [Poll].
const PagePoll = "parser.page.poll"

// A Poll tells a worker to fetch and ingest the page of a source once.
type Poll struct {
	Source event.Source `json:"source"`
	Due    time.Time    `json:"due"` // a poll is skipped if one that is due later was claimed
	// Activated is the job that activated the source. A poll that the clock caused is a job of its
	// own.
	Activated event.TID `json:"activated,omitzero"`
}

// A Result is the result of a poll. The scheduler uses it to decide when the next poll is
// due.
type Result struct {
	Due       time.Time     // of the poll
	At        time.Time     // when the poll was done
	Took      time.Duration // from the request to the first byte of the response
	Matches   []event.Match // on the page; nil if there is no usable page
	Many      bool          // the page lists many matches, so the source does not end with one of them
	Scored    bool          // the page made an event that moved the score
	Unchanged int           // polls in a row with an unchanged page
	Failures  int           // polls in a row without a usable page
	Busy      bool          // no request was sent, because too many wait for the host
	Problem   string        // why the poll failed, without secrets; "" if it did not
	Wait      time.Duration // before the next poll, from Retry-After
	Fresh     time.Duration // for which the page stays the same, from max-age
	Stop      string        // why the source must not be polled again; "" if it can be
	Unmarked  bool          // the site forbids the page, and not all its matches are marked as stale yet
}

// ByClock reports whether the clock caused the poll whose task has this TID. Otherwise the
// activation of the source did.
func (p Poll) ByClock(tid event.TID) bool { return tid != p.Activated }

// Task returns the task for the poll, made at that time. The same poll gives the same task ID. tid
// is the job that the task belongs to. cause is the ID of the event that activated the source. The
// task expires after ttl, when the next poll replaces it.
func (p Poll) Task(tid event.TID, cause string, at time.Time, ttl time.Duration) (broker.Task, error) {
	t, err := broker.NewTask(PagePoll, tid, p, at, max(ttl, time.Millisecond))
	t.ID = event.IncidentID("poll", p.Source.ID, strconv.FormatInt(p.Due.UnixMilli(), 10))
	t.CausationID = cause
	return t, err
}
