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

// answer returns the error of a server that replies with message.
func answer(t *testing.T, r *redis.Client, message string) error {
	t.Helper()
	return r.Eval(t.Context(), "return redis.error_reply(ARGV[1])", nil, message).Err()
}

func TestRedisError(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		for _, tc := range []struct {
			err  error
			away bool
		}{
			{io.EOF, true},
			{answer(t, r, "OOM command not allowed when used memory > 'maxmemory'."), true},
			{answer(t, r, "LOADING Redis is loading the dataset in memory"), true},
			{answer(t, r, "WRONGTYPE Operation against a key holding the wrong kind of value"), false},
			{nil, false},
		} {
			if tc.err != nil {
				tc.err = fmt.Errorf("storing: %w", tc.err)
			}
			if got := errors.Is(consumers.RedisError(tc.err), broker.ErrUnavailable); got != tc.away {
				t.Errorf("%v: unavailable %v, want %v", tc.err, got, tc.away)
			}
		}
	})
}
