package consumertest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// A log collects log lines. It is safe for concurrent use.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Secret is the value to use for every password, key and token in the settings of a [Subject]. The
// test fails if a log line or an error contains Secret as plain text, hexadecimal or base64.
const Secret = "hunter2-S3cret"

// noSecret fails the test if a log or an error contains [Secret] as plain text, hexadecimal or base64.
func noSecret(t testing.TB, output any) {
	t.Helper()
	text := fmt.Sprintf("%v\n%+v", output, output)
	forms := []string{Secret, hex.EncodeToString([]byte(Secret))}
	for offset := range 3 { // base64 of a secret depends on the bytes around it, so omit the first and last characters
		b := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:offset] + Secret))
		forms = append(forms, b[4:len(b)-2])
	}
	for _, f := range forms {
		if strings.Contains(text, f) {
			t.Errorf("the output contains the secret as %q:\n%s", f, text)
			return
		}
	}
}
