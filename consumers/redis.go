package consumers

import (
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
)

// RedisError is what a handler returns of an error of Redis: one that wraps
// [broker.ErrUnavailable], unless Redis answered and does not like the command.
func RedisError(err error) error {
	var answer redis.Error
	if err == nil || errors.As(err, &answer) && !busy(answer) {
		return err
	}
	return broker.Unavailable(err)
}

// busy reports whether an answer is about the state of the server.
func busy(answer redis.Error) bool {
	for _, prefix := range []string{"LOADING", "READONLY", "OOM", "MISCONF", "MASTERDOWN", "NOREPLICAS", "BUSY"} {
		if redis.HasErrorPrefix(answer, prefix) {
			return true
		}
	}
	return false
}
