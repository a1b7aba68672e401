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

const (
	claimTTL   = time.Minute      // time until a claim expires without a renewal
	claimEvery = 20 * time.Second // time between two renewals of a claim
)

// claimFile sets or renews the claim and returns "". If another file is claimed, it returns that file.
var claimFile = redis.NewScript(`
local file = redis.call('get', KEYS[1])
if file and file ~= ARGV[1] then return file end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return ''`)

// An otherFileError reports that another file is claimed. Each file has the form HOST:PATH.
type otherFileError struct{ ours, other string }

func (o *otherFileError) Error() string {
	return fmt.Sprintf("events are archived in %s, not in %s: each file would contain only part of the events; "+
		"run only one archive; to move it, stop the other and start this one after a minute", o.other, o.ours)
}

// claim claims the archive's file in Redis for claimTTL, or renews the claim. If another file is
// claimed, the error wraps an otherFileError and [broker.ErrUnavailable].
//
// All processes with this consumer share one queue. If each process wrote to a different file, each
// file would contain only part of the events. So the first process claims its file. A process with
// another file writes nothing and stops.
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

// keepClaim claims the file, and renews the claim every claimEvery until ctx ends. If another file is
// claimed, it returns an otherFileError. It ignores other errors: the next renewal tries again.
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
