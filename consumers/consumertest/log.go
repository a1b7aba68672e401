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

// A log collects what a consumer logs. It can be read meanwhile.
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

// Secret is to stand in the settings wherever they hold a password, a key or a
// token: no log and no error may show it.
const Secret = "hunter2-S3cret"

// noSecret fails the test if a log text or an error shows [Secret], in plain
// text, hexadecimal or base64.
func noSecret(t testing.TB, said any) {
	t.Helper()
	text := fmt.Sprintf("%v\n%+v", said, said)
	forms := []string{Secret, hex.EncodeToString([]byte(Secret))}
	for offset := range 3 { // base64 depends on what precedes it; the outer characters mix with the neighbours
		b := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:offset] + Secret))
		forms = append(forms, b[4:len(b)-2])
	}
	for _, f := range forms {
		if strings.Contains(text, f) {
			t.Errorf("the secret is shown, as %q, in:\n%s", f, text)
			return
		}
	}
}
