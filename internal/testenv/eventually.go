package testenv

import (
	"testing"
	"time"
)

// patience bounds [Eventually]. It is long, since other tests take the machine's
// time; a test passes as soon as its condition holds.
const patience = time.Minute

// Eventually waits until ok returns true, and fails the test if that takes
// longer than a minute. The format says what was waited for. Its arguments are
// formatted only then, so a Stringer among them shows its latest state. It is
// for conditions that nothing signals, like the state of another process.
func Eventually(t testing.TB, ok func() bool, format string, args ...any) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for "+format, args...)
		}
	}
}
