package consumertest

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"
)

// failing records that the test that it stands for would have failed.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.failed = true }

func TestSecretIsFound(t *testing.T) {
	base := base64.StdEncoding.EncodeToString
	for _, said := range []any{
		"https://user:" + Secret + "@host/", errors.New(Secret), hex.EncodeToString([]byte(Secret)),
		base([]byte(Secret + "!")), base([]byte("u:" + Secret)), base([]byte("user:" + Secret + "?x")), base([]byte("me:" + Secret)),
	} {
		var f failing
		noSecret(&f, said)
		if !f.failed {
			t.Errorf("not found in %v", said)
		}
	}
	noSecret(t, "https://user@host/")
}
