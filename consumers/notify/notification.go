package notify

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A Notification is what is sent of an event. It is the body of a webhook's POST.
type Notification struct {
	Type      string    `json:"type"`      // routing key of the event
	Timestamp time.Time `json:"timestamp"` // its time
	Title     string    `json:"title"`     // "Goal for Toronto FC: Sebastian Giovinco"
	Body      string    `json:"body"`      // "6', New York City FC 0–1 Toronto FC"
	Text      string    `json:"text"`      // both in one line; chat services show it as it is
	// Thread is the same for all that is told of one incident: a correction
	// replaces what stands under it. At most 32 of A-Z, a-z, 0-9, - and _.
	Thread string `json:"thread"`
	// URL is that of the match, where the settings have a link.
	URL string `json:"url,omitempty"`
	// Replaces says that something has been told of the incident before.
	Replaces bool        `json:"replaces"`
	Event    event.Event `json:"event"`
}

func notification(e event.Event, t Text, replaces bool, link string) Notification {
	incident, _ := incidentOf(e)
	sum := sha256.Sum256([]byte(incident))
	address := ""
	if link != "" && e.Subject != "" {
		address = strings.ReplaceAll(link, "{match}", url.PathEscape(e.Subject))
	}
	return Notification{URL: address, Type: e.Type, Timestamp: e.Time, Title: t.Title, Body: t.Body, Text: t.Line(),
		Thread: base64.RawURLEncoding.EncodeToString(sum[:24]), Replaces: replaces, Event: e}
}

// urgent reports whether somebody wants to be woken by it.
func (n Notification) urgent() bool { return n.Event.Data.Sport.Scores(n.Event.Data.Kind) }

// logSender is the sender of a log channel. It does nothing: every channel logs what it sends.
type logSender struct{}

func (logSender) send(context.Context, recipient, Notification) error { return nil }
