package consumertest

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"
)

// A recorder is a testing.TB that records whether the test has failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestSecretIsDetected(t *testing.T) {
	base := base64.StdEncoding.EncodeToString
	for _, output := range []any{
		"https://user:" + Secret + "@host/", errors.New(Secret), hex.EncodeToString([]byte(Secret)),
		base([]byte(Secret + "!")), base([]byte("u:" + Secret)), base([]byte("user:" + Secret + "?x")),
		base([]byte("me:" + Secret)),
	} {
		var r recorder
		noSecret(&r, output)
		if !r.failed {
			t.Errorf("noSecret did not detect the secret in %v", output)
		}
	}
	noSecret(t, "https://user@host/")
}
