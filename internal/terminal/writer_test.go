package terminal

import (
	"strings"
	"testing"
)

// Text from a page can neither control the terminal nor change the order of other text.
func TestWriter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\x1b[2J\x1b]0;title\x07":     "\ufffd[2J\ufffd]0;title\ufffd",
		"a\u009b31mb\x7f\x00\r\nc\td": "a\ufffd31mb\ufffd\ufffd\ufffd\nc\td",
		"a\u202eb\u2066c\u200f\u061c": "a\ufffdb\ufffdc\ufffd\ufffd",
		"a\u200bb\ufeffc\u2028d":      "a\ufffdb\ufffdc\ufffdd",
		"می\u200cخواهم 👨\u200d👧 é":    "می\u200cخواهم 👨\u200d👧 é",
	} {
		var b strings.Builder
		if n, err := NewWriter(&b).Write([]byte(text)); n != len(text) || err != nil || b.String() != want {
			t.Errorf("%q is written as %q (%d, %v), want %q", text, b.String(), n, err, want)
		}
	}
}
