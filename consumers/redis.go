package consumers

import (
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
)

// RedisError converts an error of a Redis call to the error that a handler should return. The result
// wraps [broker.ErrUnavailable], unless err is nil or Redis rejected the command itself.
func RedisError(err error) error {
	var reply redis.Error
	if err == nil || errors.As(err, &reply) && !unavailable(reply) {
		return err
	}
	return broker.Unavailable(err)
}

// unavailable reports whether an error reply is caused by the state of the server, not by the command.
func unavailable(reply redis.Error) bool {
	for _, prefix := range []string{
		"LOADING", "READONLY", "OOM", "MISCONF", "MASTERDOWN", "NOREPLICAS", "BUSY",
		"CLUSTERDOWN", "CROSSSLOT", "MOVED", "ASK", "TRYAGAIN", // a cluster during a failover, or with the wrong form of URL
		"NOAUTH", "WRONGPASS", "NOPERM",
	} {
		if redis.HasErrorPrefix(reply, prefix) {
			return true
		}
	}
	return false
}
