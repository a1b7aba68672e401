package archive

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/testenv"
)

// The Redis client repeats a script when the reply is lost. The archive still claims its file.
func TestClaimWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, _, lossy *redis.Client) {
		dir := t.TempDir()
		one := &archive{redis: lossy, key: "mw:archive", file: filepath.Join(dir, "one.db")}
		two := &archive{redis: lossy, key: "mw:archive", file: filepath.Join(dir, "two.db")}
		for range 2 {
			if err := one.claim(t.Context()); err != nil {
				t.Errorf("claiming the first file: error %v, want nil", err)
			}
			if err := two.claim(t.Context()); !errors.As(err, new(*otherFileError)) {
				t.Errorf("claiming another file: error %v, want an otherFileError", err)
			}
		}
	})
}
