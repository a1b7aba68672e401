package consumertest

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"
)

// A failing is a test that records whether it has failed.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.failed = true }

func TestSecretIsFound(t *testing.T) {
	base := base64.StdEncoding.EncodeToString
	for _, output := range []any{
		"https://user:" + Secret + "@host/", errors.New(Secret), hex.EncodeToString([]byte(Secret)),
		base([]byte(Secret + "!")), base([]byte("u:" + Secret)), base([]byte("user:" + Secret + "?x")),
		base([]byte("me:" + Secret)),
	} {
		var f failing
		noSecret(&f, output)
		if !f.failed {
			t.Errorf("the secret is not found in %v", output)
		}
	}
	noSecret(t, "https://user@host/")
}
