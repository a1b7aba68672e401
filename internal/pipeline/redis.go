package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/embedded"
	"github.com/matchwire/matchwire/internal/migrate"
	"github.com/matchwire/matchwire/internal/redisclient"
	"github.com/matchwire/matchwire/parser/poll"
)

// callTimeout is the time limit for a call to Redis, with all its attempts and the wait for a connection.
const callTimeout = 10 * time.Second

// OpenRedis returns a client for the Redis server or cluster, or for a new embedded server. If the
// server does not respond within 3 seconds, OpenRedis logs a warning and returns the
// client anyway. It returns an error if the URL is invalid, or does not fit the server: a node of a
// cluster needs the URL of a cluster, and a Sentinel needs the name of a master. stop closes the client
// and the embedded server.
func (s Servers) OpenRedis(ctx context.Context, log *slog.Logger) (redis.UniversalClient, func(), error) {
	return s.openRedis(ctx, log, false)
}

// ConnectRedis is like OpenRedis for a command that a person waits for: it returns an error if the server refuses the
// login.
func (s Servers) ConnectRedis(ctx context.Context, log *slog.Logger) (redis.UniversalClient, func(), error) {
	return s.openRedis(ctx, log, true)
}

func (s Servers) openRedis(
	ctx context.Context, log *slog.Logger, command bool,
) (r redis.UniversalClient, stop func(), err error) {
	r, stop, err = s.redisClient(log)
	if err != nil || s.Embedded() {
		return r, stop, err
	}
	ctx, cancel := context.WithTimeout(ctx, redisclient.AttemptTimeout)
	defer cancel()
	if err := r.Ping(ctx).Err(); err != nil {
		if strings.Contains(err.Error(), "cluster support disabled") {
			stop()
			return nil, nil, UsageError(errNoCluster)
		}
		refused := withLoginAdvice(err)
		if command && refused != nil {
			stop()
			return nil, nil, refused
		}
		log.Warn("Redis is unreachable; each call will retry", "error", cmp.Or(refused, err))
		return r, stop, nil
	}
	info, _ := redisInfo(ctx, r) // a server that does not report its mode may be usable
	if err := checkMode(r, info); err != nil {
		stop()
		return nil, nil, UsageError(err)
	}
	return r, stop, nil
}

// withLoginAdvice returns err as a usage error that says what to correct in REDIS_URL, or nil if the server has not
// refused the login.
func withLoginAdvice(err error) error {
	var reply redis.Error
	if errors.As(err, &reply) && (redis.HasErrorPrefix(reply, "NOAUTH") || redis.HasErrorPrefix(reply, "WRONGPASS")) {
		return UsageError(fmt.Errorf("the Redis server refuses the login: %w%s", err, advice(reply)))
	}
	return nil
}

// redisClient is like OpenRedis, but does not call the server.
func (s Servers) redisClient(log *slog.Logger) (r redis.UniversalClient, stop func(), err error) {
	if s.Embedded() {
		servers, err := embedded.Open("", log)
		if err != nil {
			return nil, nil, err
		}
		return servers.Redis, func() { _ = servers.Close() }, nil
	}
	c, err := redisclient.New(s.Redis, callTimeout)
	if err != nil {
		return nil, nil, UsageError(fmt.Errorf("REDIS_URL: %w", err))
	}
	redis.SetLogger(redisLog{log})
	return c, func() { c.Close() }, nil
}

// Migrate renames the keys of an earlier version; see [migrate.Keys].
func (s Servers) Migrate(ctx context.Context, namespace string, log *slog.Logger, renamed func(from, to string)) error {
	r, stop, err := s.ConnectRedis(ctx, log)
	if err != nil {
		return err
	}
	defer stop()
	return migrate.Keys(ctx, r, prefix(namespace), renamed)
}

// Renew gives the saved state of each match a new epoch. It returns the number of matches.
func (s Servers) Renew(ctx context.Context, namespace string, log *slog.Logger) (int, error) {
	r, stop, err := s.OpenRedis(ctx, log)
	if err != nil {
		return 0, err
	}
	defer stop()
	return poll.NewStore(r, prefix(namespace)).Renew(ctx)
}

// prefix returns the prefix of every Redis key.
func prefix(namespace string) string {
	if namespace == "" {
		return "mw:"
	}
	return "mw:" + namespace + ":"
}

// redisLog sends the messages of the Redis client to log. By default, the client writes to
// standard error.
type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(_ context.Context, format string, v ...any) {
	l.log.Debug("redis client", "message", fmt.Sprintf(format, v...))
}
