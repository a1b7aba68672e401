package testenv

import (
	"testing"
	"time"
)

// patience bounds [Eventually]. It is long because other tests use the same processors. A test
// continues as soon as its condition is true.
const patience = time.Minute

// Eventually waits until ok returns true, and fails the test after a minute. The format says what
// the test waits for. Its arguments are formatted after the wait, so a Stringer among them shows
// its latest state. Use Eventually only for conditions that nothing signals, such as the state of
// another process.
func Eventually(t testing.TB, ok func() bool, format string, args ...any) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for "+format, args...)
		}
	}
}
