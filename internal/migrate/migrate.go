// Package migrate brings the data of earlier versions in Redis to the names of this version. Since Redis
// Cluster is supported, keys that one script uses have a common part in braces, so they are in one slot.
package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Keys renames all keys with an old name. prefix is the prefix of every key, such as "mw:". The processes
// must be stopped. renamed is called with the old and the new name of each key. If a key with the new name
// exists, Keys keeps both and returns an error after it has renamed the others. Keys may be called again.
func Keys(ctx context.Context, r redis.UniversalClient, prefix string, renamed func(from, to string)) error {
	if _, ok := r.(*redis.ClusterClient); ok {
		return errors.New("earlier versions stored nothing in a Redis cluster: " +
			"set REDIS_URL to the server that they used")
	}
	var failed error
	keys := r.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		from := keys.Val()
		name, ok := newName(strings.TrimPrefix(from, prefix))
		if !ok {
			continue
		}
		to := prefix + name
		done, err := r.RenameNX(ctx, from, to).Result()
		switch {
		case err != nil && strings.Contains(err.Error(), "no such key"): // it has expired, or SCAN returned it twice
		case err != nil:
			return fmt.Errorf("renaming %s to %s: %w", from, to, err)
		case !done:
			failed = errors.Join(failed, fmt.Errorf("%s: the key %s exists too", from, to))
		default:
			renamed(from, to)
		}
	}
	return errors.Join(keys.Err(), failed)
}

// newName returns the name of this version for the name of a key, without the prefix. It returns false if
// the name has not changed.
func newName(name string) (string, bool) {
	if strings.Contains(name, "{") {
		return "", false
	}
	kind, rest, _ := strings.Cut(name, ":")
	switch kind {
	case "scoreboards": // the lists of matches
		if rest == "" || rest == "live" {
			return strings.Replace(name, "scoreboards", "{scoreboards}", 1), true
		}
	case "push": // the subscriptions of a channel
		channel, what, _ := strings.Cut(rest, ":")
		if channel != "" && (what == "" || what == "unproven") {
			return "push:" + strings.Replace(rest, channel, "{"+channel+"}", 1), true
		}
	case "handled": // the marks of a consumer: the ID of the event, and sometimes more
		consumer, mark, ok := strings.Cut(rest, ":")
		event, more, found := strings.Cut(mark, ":")
		if !ok || event == "" {
			return "", false
		}
		if found {
			more = ":" + more
		}
		return "handled:" + consumer + ":{" + event + "}" + more, true
	}
	return "", false
}
