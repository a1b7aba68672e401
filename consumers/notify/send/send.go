// Package send sends notifications to services. Each kind of channel has one file with its settings,
// their validation and its sender. [Channel] lists the kinds.
//
// A sender sends once and never retries. Its error tells the caller what to do:
//
//   - nil: the service has accepted the notification.
//   - [broker.ErrPermanent]: a retry cannot help.
//   - [broker.PostponedError]: call the service again only after the time in the error.
//   - [ErrGone]: the recipient no longer exists.
//   - any other error: retry.
//
// A [RefusedError] also means that the notification was definitely not delivered.
//
// The text of a notification comes from web pages. Each sender ensures that services show the text
// as plain text. So the text cannot mention anyone, become a link or use the service's markup. No
// error contains a secret.
package send

import (
	"context"
	"errors"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A Sender sends the notifications of one channel. It is safe for concurrent use.
type Sender interface {
	// Send sends n to one recipient. It returns before ctx ends, or soon after that.
	Send(ctx context.Context, to Recipient, n Notification) error
}

// A Lister is a Sender with a fixed list of recipients.
type Lister interface {
	Sender
	Recipients() []Recipient
}

// A Spaced is a Sender whose service can change the order of notifications, unless they are far
// enough apart.
type Spaced interface {
	Sender
	// Spacing returns the shortest time between two notifications of a match.
	Spacing() time.Duration
}

// A Formatter is a Sender whose settings can determine what is sent in place of a notification.
type Formatter interface {
	Sender
	// Format returns what is sent in place of n, as JSON. It returns nil if n itself is sent.
	Format(n Notification) ([]byte, error)
}

// A Recipient is a browser or a mailbox. Other kinds of channels have a single recipient, the zero
// Recipient.
type Recipient struct {
	ID      string       // identifies the recipient within the channel; not secret
	Address string       // email address, if the recipient is a mailbox
	Push    Subscription // push subscription, if the recipient is a browser
}

// A Notification describes an event to a recipient. Its JSON is the default body of a webhook's request.
type Notification struct {
	Type      string    `json:"type"`      // routing key of the event
	Timestamp time.Time `json:"timestamp"` // time of the event
	Title     string    `json:"title"`     // "Goal for Toronto FC: Sebastian Giovinco"
	Body      string    `json:"body"`      // "6', New York City FC 0–1 Toronto FC"
	Text      string    `json:"text"`      // title and body on one line
	// Thread identifies the incident. A notification replaces earlier notifications of its thread.
	// Thread has at most 32 characters from A-Z, a-z, 0-9, - and _.
	Thread string `json:"thread"`
	// URL is the URL of the match page. It is "" if the settings have no link.
	URL string `json:"url,omitempty"`
	// Replaces is true if an earlier notification of the thread was, or may have been, delivered.
	Replaces bool `json:"replaces"`
	// Silent is true if the notification should make no sound.
	Silent bool        `json:"silent"`
	Event  event.Event `json:"event"`
}

// urgent reports whether the event is about a score, such as a goal. Missed attempts are not urgent.
func (n Notification) urgent() bool {
	d := &n.Event.Data
	return d.Sport.Scores(d.Kind) && !d.Sport.Misses(d.Kind, d.Detail)
}

// message returns the body, or the title if the body is empty, for services that require a message
// and show the title separately.
func (n Notification) message() string {
	if n.Body == "" {
		return n.Title
	}
	return n.Body
}

// lines returns the title and the body on separate lines.
func (n Notification) lines() string {
	if n.Body == "" {
		return n.Title
	}
	return n.Title + "\n" + n.Body
}

// ErrGone means that a recipient no longer exists.
var ErrGone = errors.New("the recipient no longer exists")

// A RefusedError means that a notification was definitely not delivered.
type RefusedError struct {
	Err error
	// Until, if not zero, is the time after which the service may be called again.
	Until time.Time
}

func (r *RefusedError) Error() string { return r.Err.Error() }

// Unwrap returns Err.
func (r *RefusedError) Unwrap() error { return r.Err }

// Log holds the settings of a log channel. There are no settings. The sender of a log channel does
// nothing, because every channel logs what it sends.
type Log struct{}

func (Log) sender(env) (Sender, error) { return logSender{}, nil }

type logSender struct{}

func (logSender) Send(context.Context, Recipient, Notification) error { return nil }
