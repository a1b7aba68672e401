package notify

import (
	"net/http"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
)

// Say puts an event into words, with the texts of a folder over the shipped ones.
func Say(t testing.TB, folder, language string, e event.Event) string {
	t.Helper()
	all := english()
	if folder != "" {
		own, err := loadTexts(folder, false)
		if err != nil {
			t.Fatal(err)
		}
		all = own
	}
	return all.say(e, false, language).Line()
}

// Check has every shipped template say everything.
func Check(t testing.TB) {
	all, err := loadTexts("", false)
	if err != nil {
		t.Fatal(err)
	}
	for code := range all {
		if err := all.check(code); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// Samples are events of every kind.
func Samples() []event.Event { return samples() }

// CallTimeout shortens the time of a call.
func CallTimeout(t testing.TB, d time.Duration) {
	was := callTimeout
	callTimeout = d
	t.Cleanup(func() { callTimeout = was })
}

// Client replaces what makes the client of channels.
func Client(t testing.TB, f func() *http.Client) {
	was := newClient
	newClient = f
	t.Cleanup(func() { newClient = was })
}
