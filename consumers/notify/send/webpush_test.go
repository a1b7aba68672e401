package send

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
)

// encodePush returns a message that fits. It omits a URL that is too long, so that the text has room.
// If other members are too long, it returns an error.
func TestCasePushMessagesFit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2*maxPush)
	for name, tc := range map[string]struct {
		n       Notification
		url, ok bool // whether the message has a URL, and whether there is a message
	}{
		"short":     {Notification{Title: "Goal", Body: "1-0", URL: "https://a.example/m1"}, true, true},
		"long text": {Notification{Title: "Goal " + long, Body: long, URL: "https://a.example/m1"}, true, true},
		"long URL":  {Notification{Title: "Goal " + long, Body: "1-0", URL: "https://a.example/" + long}, false, true},
		"URL that leaves little room": {
			Notification{Title: "Goal " + long, Body: "1-0", URL: "https://a.example/" + long[:maxPush-200]}, false, true},
		"URL that is long as JSON": {
			Notification{Title: "Goal", Body: "1-0", URL: "https://a.example/?" + strings.Repeat("&", 1500)}, false, true},
		"long event ID": {Notification{Title: "Goal", Event: event.Event{ID: long}}, false, false},
	} {
		tc.n.Event.TID = event.NewTID()
		b, err := encodePush(tc.n)
		if !tc.ok {
			if err == nil || !strings.Contains(err.Error(), "want at most 3900") {
				t.Errorf("%s: error %v, want one that contains \"want at most 3900\"", name, err)
			}
			continue
		}
		var m pushMessage
		if err != nil || json.Unmarshal(b, &m) != nil || len(b) > maxPush {
			t.Errorf("%s: error %v, %d bytes, want at most %d bytes of JSON", name, err, len(b), maxPush)
		}
		if !strings.HasPrefix(m.Title, "Goal") || m.Body == "" || (m.URL != "") != tc.url {
			t.Errorf("%s: title %.20q, body %.20q, URL %.20q, want a title, a body, and a URL: %v",
				name, m.Title, m.Body, m.URL, tc.url)
		}
	}
}
