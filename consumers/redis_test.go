package consumers_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/testenv"
)

// errorReply returns the error of a command to which the server replies with the error message.
func errorReply(t *testing.T, r *redis.Client, message string) error {
	t.Helper()
	return r.Eval(t.Context(), "return redis.error_reply(ARGV[1])", nil, message).Err()
}

func TestRedisError(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		for _, tc := range []struct {
			err         error
			unavailable bool
		}{
			{io.EOF, true},
			{errorReply(t, r, "OOM command not allowed when used memory > 'maxmemory'."), true},
			{errorReply(t, r, "LOADING Redis is loading the dataset in memory"), true},
			{errorReply(t, r, "READONLY You can't write against a read only replica."), true},
			{errorReply(t, r, "MISCONF Redis is configured to save RDB snapshots, but it's unable to persist to disk."), true},
			{errorReply(t, r, "CROSSSLOT Keys in request don't hash to the same slot"), true},
			{errorReply(t, r, "NOPERM this user has no permissions to run the 'set' command"), true},
			{errorReply(t, r, "WRONGTYPE Operation against a key holding the wrong kind of value"), false},
			{nil, false},
		} {
			if tc.err != nil {
				tc.err = fmt.Errorf("storing: %w", tc.err)
			}
			if got := errors.Is(consumers.RedisError(tc.err), broker.ErrUnavailable); got != tc.unavailable {
				t.Errorf("RedisError(%v) wraps ErrUnavailable: %v, want %v", tc.err, got, tc.unavailable)
			}
		}
	})
}
