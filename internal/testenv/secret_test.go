package testenv

import (
	"encoding/base64"
	"errors"
	"testing"
)

// NoSecret fails the test if an output contains the secret.
func TestNoSecretFindsTheSecret(t *testing.T) {
	for _, output := range []any{
		"amqp://guest:" + Secret + "@host/", errors.New(Secret), []byte(Secret),
		base64.StdEncoding.EncodeToString([]byte("\x00guest\x00" + Secret)), // SASL PLAIN
		base64.StdEncoding.EncodeToString([]byte("me:" + Secret)),
		base64.StdEncoding.EncodeToString([]byte("user:" + Secret + "!")),
	} {
		var f failing
		NoSecret(&f, output)
		if !f.failed {
			t.Errorf("NoSecret does not find the secret in %v", output)
		}
	}
	NoSecret(t, "amqp://guest@host/", nil, errors.New("refused"))
}

// A failing is a testing.TB that records whether the test has failed.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.failed = true }
