package testenv

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// Secret is the password or key in whatever a test gives to a component that
// holds one.
const Secret = "hunter2-S3cret"

// NoSecret fails the test if something that was said, an error, a log, a
// metric, a trace, holds Secret, in plain text, hexadecimal or base64.
func NoSecret(t testing.TB, said ...any) {
	t.Helper()
	forms := []string{Secret, hex.EncodeToString([]byte(Secret))}
	for shift := range 3 { // base64 depends on what stands before
		b := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + Secret))
		b = strings.TrimLeft(b, "A")
		forms = append(forms, b[2:len(b)-2])
	}
	for _, s := range said {
		text := fmt.Sprintf("%v\n%+v", s, s)
		if b, ok := s.([]byte); ok {
			text = string(b)
		}
		for _, f := range forms {
			if strings.Contains(text, f) {
				t.Errorf("the secret is said, as %q, in:\n%s", f, text)
				return
			}
		}
	}
}
