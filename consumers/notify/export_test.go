package notify

import (
	"testing"

	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
)

// Describe describes an event in one line. The texts of a folder, if it is not "", replace shipped
// ones.
func Describe(t testing.TB, folder, language string, e event.Event) string {
	t.Helper()
	all := english()
	if folder != "" {
		own, err := loadTexts(folder, false)
		if err != nil {
			t.Fatal(err)
		}
		all = own
	}
	return all.render(e, false, language).Line()
}

// Check executes every shipped template with every event of Samples.
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

// Names reports whether a shipped language itself, not the English one, has words for a kind.
func Names(language string, k event.Kind) bool {
	l := english()[language]
	return l != nil && (l.Kinds[string(k)] != "" || l.templates[string(k)] != nil)
}

// Samples returns events of every kind.
func Samples() []event.Event { return samples() }

// SetOptions changes how senders reach services until the test ends.
func SetOptions(t testing.TB, o send.Options) {
	was := options
	options = o
	t.Cleanup(func() { options = was })
}

// Render describes an event in English.
func Render(e event.Event) Text { return english().render(e, false, "en") }
