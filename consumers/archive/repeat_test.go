package archive

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/testenv"
)

// The Redis client sends a script again when its answer was lost. The archive still owns its file.
func TestClaimWhenAnswersAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, _, lossy *redis.Client) {
		dir := t.TempDir()
		one := &archive{redis: lossy, key: "mw:archive", file: filepath.Join(dir, "one.db")}
		two := &archive{redis: lossy, key: "mw:archive", file: filepath.Join(dir, "two.db")}
		for range 2 {
			if err := one.claim(t.Context()); err != nil {
				t.Errorf("its own file: %v", err)
			}
			if err := two.claim(t.Context()); !errors.As(err, new(*otherFileError)) {
				t.Errorf("another file: %v, want an error that names the first", err)
			}
		}
	})
}
