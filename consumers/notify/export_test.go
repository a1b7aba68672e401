package notify

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
)

// Describe returns the description of an event on one line. The texts in folder replace shipped texts,
// unless folder is "".
func Describe(t testing.TB, folder, language string, e event.Event) string {
	t.Helper()
	all := shippedTexts()
	if folder != "" {
		custom, err := loadTexts(folder, false)
		if err != nil {
			t.Fatal(err)
		}
		all = custom
	}
	return all.render(e, false, language).Line()
}

// Check evaluates every shipped text with every event that Samples returns.
func Check(t testing.TB) {
	all, err := loadTexts("", false)
	if err != nil {
		t.Fatal(err)
	}
	for code := range all {
		if err := all.check(code, all[code].programs); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// Names reports whether a shipped language itself has words for a kind. It ignores the English
// fallback.
func Names(language string, k event.Kind) bool {
	l := shippedTexts()[language]
	return l != nil && (l.Kinds[string(k)] != "" || l.programs[string(k)] != nil)
}

// NameKeys returns the keys of the names of kinds and details that a shipped language itself has. Each
// key follows the name of its table, as in "kinds goal".
func NameKeys(language string) []string {
	var keys []string
	l := shippedTexts()[language]
	for table, n := range map[string]names{"kinds": l.Kinds, "details": l.Details} {
		for key := range n {
			keys = append(keys, table+" "+key)
		}
	}
	slices.Sort(keys)
	return keys
}

// TextFields returns the names of the fields that texts can read.
func TextFields() []string { return slices.Sorted(maps.Keys(textFields)) }

// Samples returns events of every kind, with and without optional data.
func Samples() []event.Event { return samples() }

// SetOptions changes how senders call services until the test ends.
func SetOptions(t testing.TB, o send.Options) {
	was := options
	options = o
	t.Cleanup(func() { options = was })
}

// Render returns the English description of an event.
func Render(e event.Event) Text { return shippedTexts().render(e, false, "en") }

// SetRemindEvery changes the interval between two reads of the upcoming matches, until the test ends.
func SetRemindEvery(t testing.TB, d time.Duration) {
	was := remindEvery
	remindEvery = d
	t.Cleanup(func() { remindEvery = was })
}

// SetSampleInterval changes the interval between two looks for a request for a test, until the test ends.
func SetSampleInterval(t testing.TB, d time.Duration) {
	was := sampleInterval
	sampleInterval = d
	t.Cleanup(func() { sampleInterval = was })
}
