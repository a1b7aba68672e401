package poll

import (
	"strconv"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// PagePoll is the name of a task for one poll of a source. The task's data is a [Poll].
const PagePoll = "parser.page.poll"

// A Poll is a request to fetch and ingest the page of a source once.
type Poll struct {
	Source event.Source `json:"source"`
	Due    time.Time    `json:"due"` // a poll is skipped if a poll that is due later was claimed
	// Activated is the TID of the job that activated the source. If the schedule caused the poll,
	// its task has a different TID.
	Activated event.TID `json:"activated,omitzero"`
	// Asked is true if an operator has asked for the poll. The TID of the task is then that of the request.
	Asked bool `json:"asked,omitempty"`
}

// A Result is the result of a poll. The scheduler uses it to decide when the next poll is due.
type Result struct {
	Due       time.Time     // when the poll was due
	At        time.Time     // when the poll ended
	Took      time.Duration // from the request to the first byte of the response
	Matches   []event.Match // matches on the page; nil if there is no usable page
	Many      bool          // whether the page lists many matches; if so, the source does not end with a match
	Scored    bool          // whether the page produced an event that changed the score
	Unchanged int           // number of polls in a row with an unchanged page
	Failures  int           // number of polls in a row without a usable page
	Busy      bool          // whether no request was sent because too many requests were waiting for the host
	Problem   string        // what went wrong in the poll, without secrets; "" if nothing did
	Wait      time.Duration // minimum pause before the next poll, from Retry-After or a quarantine
	Fresh     time.Duration // how long the page stays fresh, from max-age
	Stop      string        // why the source must not be polled again; "" if it can be polled
	Unmarked  bool          // whether the site forbids the page and some matches are not marked as stale yet

	Measured Measured `json:"-"`
}

// A Measured is what a poll has measured. It is for metrics, and not stored.
type Measured struct {
	Began     time.Time     // when the poll began
	Bytes     int           // size of the pages that the site has sent
	Parse     time.Duration // time to parse the pages
	Reconcile time.Duration // time to reconcile the matches and to save their states
	Events    []event.Event // events of the pages
}

// add adds what the poll of another page has measured.
func (m *Measured) add(other Measured) {
	m.Bytes += other.Bytes
	m.Parse += other.Parse
	m.Reconcile += other.Reconcile
	m.Events = append(m.Events, other.Events...)
}

// ByClock reports whether the schedule caused the poll, rather than the activation of the source or an operator.
// tid is the TID of the poll's task.
func (p Poll) ByClock(tid event.TID) bool { return tid != p.Activated && !p.Asked }

// Task returns the task for the poll, created at the given time. The same poll always has the same
// task ID. tid is the TID of the job that the task belongs to. cause is the ID of the event that
// activated the source. The task expires after ttl, because the next poll then replaces it.
func (p Poll) Task(tid event.TID, cause string, at time.Time, ttl time.Duration) (broker.Task, error) {
	t, err := broker.NewTask(PagePoll, tid, p, at, max(ttl, time.Millisecond))
	t.ID = event.IncidentID("poll", p.Source.ID, strconv.FormatInt(p.Due.UnixMilli(), 10))
	t.CausationID = cause
	return t, err
}
