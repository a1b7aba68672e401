package notify

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
)

// A Notification describes an event to a recipient. Its JSON is the default body of a webhook's request.
type Notification = send.Notification

// silent reports whether the notification of an event should make no sound. replaces is true if an
// earlier notification of the incident was, or may have been, delivered.
func silent(e event.Event, replaces bool, sound send.CorrectionSound) bool {
	switch {
	case !replaces || sound == send.SoundAll:
		return false
	case sound == send.SoundNone:
		return true
	}
	return !changesScorer(e.Data)
}

// changesScorer reports whether an event corrects who scored: the team, the player, or whether it
// was an own goal. If the player was unknown before, adding the player is not such a correction.
func changesScorer(d event.Data) bool {
	if d.Action != event.Corrected || !d.Sport.Scores(d.Kind) {
		return false
	}
	detail := d.Changes["detail"]
	return d.Changes["player"].Old != "" || d.Changes["team"].Old != "" || d.Changes["side"].Old != "" ||
		(detail.Old == event.OwnGoal) != (detail.New == event.OwnGoal)
}

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
