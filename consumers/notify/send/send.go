// Package send sends notifications to services. Each kind of channel is one file: its settings, their
// check and its sender. [Channel] lists the kinds.
//
// A sender sends once and never retries. Its error says what the caller should do:
//
//   - nil: the service has accepted the notification.
//   - [broker.ErrPermanent]: trying again cannot help.
//   - [broker.PostponedError]: the service asks to be left alone until then.
//   - [ErrGone]: the recipient no longer exists.
//   - any other error: try again.
//
// A [RefusedError] says besides that the notification has certainly not arrived.
//
// The text of a notification comes from web pages. Each sender makes sure that it arrives as text: it
// cannot mention anyone, make a link or use the service's markup. No error contains a secret.
package send

import (
	"context"
	"errors"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A Sender sends notifications over one channel. It is safe for concurrent use.
type Sender interface {
	// Send sends n to one recipient. It returns before ctx ends, or soon after.
	Send(ctx context.Context, to Recipient, n Notification) error
}

// A Lister is a Sender with a fixed list of recipients.
type Lister interface {
	Sender
	Recipients() []Recipient
}

// A Recipient is one of the recipients of a channel. A channel that does not distinguish recipients
// has a single one, the zero Recipient.
type Recipient struct {
	ID      string       // identifies the recipient within the channel; not secret
	Address string       // of a mailbox
	Push    Subscription // of a browser
}

// A Notification tells people about an event. Its JSON is the body of a webhook's POST.
type Notification struct {
	Type      string    `json:"type"`      // routing key of the event
	Timestamp time.Time `json:"timestamp"` // of the event
	Title     string    `json:"title"`     // "Goal for Toronto FC: Sebastian Giovinco"
	Body      string    `json:"body"`      // "6', New York City FC 0–1 Toronto FC"
	Text      string    `json:"text"`      // title and body in one line
	// Thread identifies the incident. A notification replaces earlier ones of its thread. At most
	// 32 of A-Z, a-z, 0-9, - and _.
	Thread string `json:"thread"`
	// URL is the address of the match, if the settings have a link.
	URL string `json:"url,omitempty"`
	// Replaces reports whether the recipient has an earlier notification of the thread.
	Replaces bool        `json:"replaces"`
	Event    event.Event `json:"event"`
}

// urgent reports whether the event changes the score.
func (n Notification) urgent() bool { return n.Event.Data.Sport.Scores(n.Event.Data.Kind) }

// message returns the body, or the title if the body is empty, for services that require a message
// and show the title separately.
func (n Notification) message() string {
	if n.Body == "" {
		return n.Title
	}
	return n.Body
}

// lines returns the title and the body in a line each.
func (n Notification) lines() string {
	if n.Body == "" {
		return n.Title
	}
	return n.Title + "\n" + n.Body
}

// ErrGone reports that a recipient no longer exists.
var ErrGone = errors.New("the recipient no longer exists")

// A RefusedError reports that a notification has certainly not arrived.
type RefusedError struct {
	Err error
	// Until, if not zero, is when the service may be called again.
	Until time.Time
}

func (r *RefusedError) Error() string { return r.Err.Error() }

// Unwrap returns Err.
func (r *RefusedError) Unwrap() error { return r.Err }

// Log is the settings of a log channel. Its sender does nothing: every channel logs what it sends.
type Log struct{}

func (Log) sender(env) (Sender, error) { return logSender{}, nil }

type logSender struct{}

func (logSender) Send(context.Context, Recipient, Notification) error { return nil }
