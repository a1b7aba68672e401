package testenv

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// Secret is the value to use for a password, key or token that a test passes to a component.
const Secret = "hunter2-S3cret"

// NoSecret fails the test if an output contains [Secret] as plain text, hexadecimal or base64. An
// output is an error, a log, a metric, a trace or any other text that is visible to users.
func NoSecret(t testing.TB, outputs ...any) {
	t.Helper()
	forms := []string{Secret, hex.EncodeToString([]byte(Secret))}
	for shift := range 3 { // the base64 form depends on the bytes before the secret
		b := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + Secret))
		b = strings.TrimLeft(b, "A")
		forms = append(forms, b[2:len(b)-2])
	}
	for _, o := range outputs {
		text := fmt.Sprintf("%v\n%+v", o, o)
		if b, ok := o.([]byte); ok {
			text = string(b)
		}
		for _, f := range forms {
			if strings.Contains(text, f) {
				t.Errorf("the secret occurs as %q in:\n%s", f, text)
				return
			}
		}
	}
}
