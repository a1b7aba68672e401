package testenv

import (
	"encoding/base64"
	"errors"
	"testing"
)

// The assertion that all others rely on can fail.
func TestNoSecretFindsIt(t *testing.T) {
	for _, said := range []any{
		"amqp://guest:" + Secret + "@host/", errors.New(Secret), []byte(Secret),
		base64.StdEncoding.EncodeToString([]byte("\x00guest\x00" + Secret)), // SASL PLAIN
		base64.StdEncoding.EncodeToString([]byte("me:" + Secret)),
		base64.StdEncoding.EncodeToString([]byte("user:" + Secret + "!")),
	} {
		var f failing
		NoSecret(&f, said)
		if !f.failed {
			t.Errorf("not found in %v", said)
		}
	}
	NoSecret(t, "amqp://guest@host/", nil, errors.New("refused"))
}

type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.failed = true }
