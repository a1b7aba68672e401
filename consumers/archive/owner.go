package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
)

// The processes of one installation share the consumer's queue. If they wrote to
// files of their own each would have a part of the events, so the first says in
// Redis which file it is, and others with another write nothing and end.
const (
	ownedFor   = time.Minute
	ownedAgain = 20 * time.Second
)

var ownFile = redis.NewScript(`
local file = redis.call('get', KEYS[1])
if file and file ~= ARGV[1] then return file end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return ''`)

// An otherFileError says that events are archived in another file.
type otherFileError struct{ ours, other string }

func (o *otherFileError) Error() string {
	return fmt.Sprintf("events are archived in %s, and this would be another file, %s: each would have a part of them; run archive in one place (a minute after the other has ended)", o.other, o.ours)
}

// claim makes the file the archive's for a while, or says that another is.
func (a *archive) claim(ctx context.Context) error {
	host, _ := os.Hostname()
	file, err := filepath.Abs(a.file)
	if err != nil {
		return err
	}
	ours := host + ":" + file
	other, err := ownFile.Run(ctx, a.redis, []string{a.key}, ours, ownedFor.Milliseconds()).Text()
	if err != nil {
		return fmt.Errorf("asking who archives: %w", consumers.RedisError(err))
	}
	if other != "" {
		return broker.Unavailable(&otherFileError{ours, other})
	}
	return nil
}

// own claims the file again and again until ctx ends, or another is the archive's.
func (a *archive) own(ctx context.Context) error {
	again := time.NewTicker(ownedAgain)
	defer again.Stop()
	for {
		var other *otherFileError
		if err := a.claim(ctx); errors.As(err, &other) {
			return other
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}
