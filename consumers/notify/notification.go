package notify

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
)

// A Notification describes an event to a recipient. It is the default body of a webhook's request.
type Notification = send.Notification

// notification returns the notification of an event. link is the URL of a match page, with {match}
// for the match ID, or "".
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
