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

// The processes of one installation share the consumer's queue. If each wrote to a file of its own,
// each file would hold a part of the events. So the first process claims its file in Redis. A
// process with another file writes nothing and stops.
const (
	claimTTL   = time.Minute
	claimEvery = 20 * time.Second
)

var claimFile = redis.NewScript(`
local file = redis.call('get', KEYS[1])
if file and file ~= ARGV[1] then return file end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return ''`)

// An otherFileError reports that another file is claimed.
type otherFileError struct{ ours, other string }

func (o *otherFileError) Error() string {
	return fmt.Sprintf("events are archived in %s, not in %s: each file would hold a part of the events; "+
		"run one archive, and start it here a minute after the other has stopped", o.other, o.ours)
}

// claim claims the file for claimTTL. If another file is claimed, the error wraps an
// otherFileError.
func (a *archive) claim(ctx context.Context) error {
	host, _ := os.Hostname()
	file, err := filepath.Abs(a.file)
	if err != nil {
		return err
	}
	ours := host + ":" + file
	other, err := claimFile.Run(ctx, a.redis, []string{a.key}, ours, claimTTL.Milliseconds()).Text()
	if err != nil {
		return fmt.Errorf("claiming the archive: %w", consumers.RedisError(err))
	}
	if other != "" {
		return broker.Unavailable(&otherFileError{ours, other})
	}
	return nil
}

// keepClaim renews the claim until ctx ends. It returns an error if another file is claimed.
func (a *archive) keepClaim(ctx context.Context) error {
	renew := time.NewTicker(claimEvery)
	defer renew.Stop()
	for {
		var other *otherFileError
		if err := a.claim(ctx); errors.As(err, &other) {
			return other
		}
		select {
		case <-ctx.Done():
			return nil
		case <-renew.C:
		}
	}
}
