package consumers

import (
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
)

// RedisError returns the error that a handler returns for an error of Redis. It wraps
// [broker.ErrUnavailable], unless Redis replied that the command is wrong.
func RedisError(err error) error {
	var answer redis.Error
	if err == nil || errors.As(err, &answer) && !busy(answer) {
		return err
	}
	return broker.Unavailable(err)
}

// busy reports whether a reply is about the state of the server, not about the command.
func busy(answer redis.Error) bool {
	for _, prefix := range []string{"LOADING", "READONLY", "OOM", "MISCONF", "MASTERDOWN", "NOREPLICAS", "BUSY"} {
		if redis.HasErrorPrefix(answer, prefix) {
			return true
		}
	}
	return false
}
