package testenv

import (
	"testing"
	"time"
)

// patience is the longest wait of [Eventually]. It is long because other tests run at the same time.
const patience = 3 * time.Minute

// Eventually calls ok until it returns true, and fails the test after three minutes. The format and its
// arguments describe the condition. They are formatted after the wait, so a Stringer shows its
// latest state. Use Eventually only for conditions without a signal, such as the state of another
// process.
func Eventually(t testing.TB, ok func() bool, format string, args ...any) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited three minutes for "+format, args...)
		}
	}
}
