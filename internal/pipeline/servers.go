package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/embedded"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/migrate"
	"github.com/matchwire/matchwire/internal/redisclient"
	"github.com/matchwire/matchwire/parser/poll"
)

// ErrUsage marks errors in arguments, environment or config files. Retrying does not
// help.
var ErrUsage = errors.New("usage error")

// UsageError returns an error that wraps err and [ErrUsage]. It has the text of err.
func UsageError(err error) error { return usageError{err} }

type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func (e usageError) Is(target error) bool { return target == ErrUsage }

// Servers holds the URLs of RabbitMQ and Redis. If neither is set, the process uses embedded
// servers. A command that needs only one of the servers can leave the other URL empty.
type Servers struct{ AMQP, Redis string }

// ServersFrom reads the URLs from AMQP_URL and REDIS_URL, or from the files that
// AMQP_URL_FILE and REDIS_URL_FILE name. If only one URL is set, it returns an error.
func ServersFrom(getenv func(string) string) (Servers, error) {
	s, err := AnyServersFrom(getenv)
	if err != nil {
		return Servers{}, err
	}
	if (s.AMQP == "") != (s.Redis == "") {
		set, unset := "AMQP_URL", "REDIS_URL"
		if s.AMQP == "" {
			set, unset = unset, set
		}
		err := fmt.Errorf("%s is set and %s is not: set both, or neither for embedded servers", set, unset)
		return Servers{}, UsageError(err)
	}
	return s, nil
}

// AnyServersFrom is like [ServersFrom], but accepts a single URL.
func AnyServersFrom(getenv func(string) string) (s Servers, err error) {
	if s.AMQP, err = envOrFile(getenv, "AMQP_URL"); err != nil {
		return Servers{}, err
	}
	if s.Redis, err = envOrFile(getenv, "REDIS_URL"); err != nil {
		return Servers{}, err
	}
	return s, nil
}

// APITokenFrom reads the API token from MATCHWIRE_API_TOKEN, or from the file that
// MATCHWIRE_API_TOKEN_FILE names. It returns "" if neither is set.
func APITokenFrom(getenv func(string) string) (string, error) {
	return envOrFile(getenv, "MATCHWIRE_API_TOKEN")
}

// InstanceKeyFrom reads the key for the announcements of instances from MATCHWIRE_INSTANCE_KEY, or from
// the file that MATCHWIRE_INSTANCE_KEY_FILE names. It returns "" if neither is set.
func InstanceKeyFrom(getenv func(string) string) (string, error) {
	key, err := envOrFile(getenv, "MATCHWIRE_INSTANCE_KEY")
	if err == nil && key != "" && len(key) < instances.MinSecret {
		return "", UsageError(fmt.Errorf("MATCHWIRE_INSTANCE_KEY: %d bytes, want at least %d", len(key), instances.MinSecret))
	}
	return key, err
}

// readLater are variables that Go's standard library can read at any time.
var readLater = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "PATH", "HOME", "TMPDIR", "TZ",
}

// SecretVariables returns the names of the environment variables that can contain secrets and are no longer needed
// when all roles have started. These are the variables that matchwire itself reads and those that the config refers
// to, except the variables in readLater.
func (c Config) SecretVariables() []string {
	names := append([]string{
		"AMQP_URL", "REDIS_URL", "MATCHWIRE_API_TOKEN", "MATCHWIRE_INSTANCE_KEY", "OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS",
	}, c.variables...)
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(readLater, strings.ToUpper(name)) })
}

// envOrFile returns the value of the environment variable name, or the trimmed content of
// the file that the variable with the suffix _FILE names.
func envOrFile(getenv func(string) string, name string) (string, error) {
	value, file := getenv(name), getenv(name+"_FILE")
	switch {
	case file == "":
		return value, nil
	case value != "":
		return "", UsageError(fmt.Errorf("%s and %s_FILE are both set: set only one", name, name))
	}
	b, err := os.ReadFile(file)
	if err != nil {
		if strings.Contains(file, "://") { // a URL, which can contain a password
			return "", UsageError(fmt.Errorf("%s_FILE: want the name of a file, not a URL", name))
		}
		return "", UsageError(fmt.Errorf("%s_FILE: %w", name, err))
	}
	value = strings.TrimSpace(string(b))
	if value == "" {
		return "", UsageError(fmt.Errorf("%s_FILE: %s is empty", name, file))
	}
	return value, nil
}

// Embedded reports whether the broker and Redis are embedded in this process.
func (s Servers) Embedded() bool { return s == Servers{} }

// OpenBroker returns a client for the RabbitMQ server, or a new in-memory broker. It does
// not wait for a connection.
func (s Servers) OpenBroker(namespace string, log *slog.Logger) (broker.Broker, error) {
	if s.Embedded() {
		return memory.New(nil, log), nil
	}
	return s.rabbit(namespace, log)
}

func (s Servers) rabbit(namespace string, log *slog.Logger) (*rabbit.Broker, error) {
	b, err := rabbit.New(s.AMQP, rabbit.Options{Namespace: namespace, Log: log})
	if err != nil {
		return nil, UsageError(fmt.Errorf("AMQP_URL: %w", err))
	}
	return b, nil
}

// connectTimeout is the time limit for a connection that a person waits for. If a node of a cluster does not answer,
// there is still time for the next node.
const connectTimeout = 6 * time.Second

// ConnectBroker is like OpenBroker, but waits up to 6 seconds for a connection. If the server refuses the login, it
// returns an error immediately. Commands such as emit and tail use it.
func (s Servers) ConnectBroker(
	ctx context.Context, namespace string, log *slog.Logger,
) (broker.Broker, error) {
	if s.Embedded() {
		return s.OpenBroker(namespace, log)
	}
	b, err := s.rabbit(namespace, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := reach(ctx, b, slog.New(slog.DiscardHandler)); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// reach waits for a connection, and writes failed attempts to log. If the server refuses the login, it returns an
// error immediately.
func reach(ctx context.Context, b *rabbit.Broker, log *slog.Logger) error {
	err := b.Reach(ctx, log)
	switch {
	case rabbit.LoginRefused(err):
		return UsageError(fmt.Errorf("%w: check the user, the password and the virtual host in AMQP_URL", err))
	case err != nil && !errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%w: start RabbitMQ, or correct AMQP_URL", err)
	}
	return err
}

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

// ConnectRedis is like OpenRedis, but returns an error if it cannot reach the server, or if the server refuses the
// login.
// Commands such as rebuild and migrate use it.
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
		advised := withAdvice(err)
		if command && advised != nil {
			stop()
			return nil, nil, advised
		}
		log.Warn("Redis is unreachable; each call will retry", "error", cmp.Or(withLoginAdvice(err), err))
		return r, stop, nil
	}
	info, _ := redisInfo(ctx, r) // a server that does not report its mode may be usable
	if err := checkMode(r, info); err != nil {
		stop()
		return nil, nil, UsageError(err)
	}
	return r, stop, nil
}

// withAdvice returns the error of a call to Redis as an error that says what to do, or nil if the server has answered
// and has not refused the login.
func withAdvice(err error) error {
	var failed net.Error // also the error of a context whose deadline has passed
	if errors.As(err, &failed) {
		return fmt.Errorf("the Redis server does not answer: %w: start Redis, or correct REDIS_URL", err)
	}
	return withLoginAdvice(err)
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

// Renew gives the saved state of each match a new epoch, and forgets which events consumers were handling. It returns
// the number of matches.
func (s Servers) Renew(ctx context.Context, namespace string, log *slog.Logger) (int, error) {
	r, stop, err := s.ConnectRedis(ctx, log)
	if err != nil {
		return 0, err
	}
	defer stop()
	if err := consumers.ForgetOrders(ctx, r, prefix(namespace)); err != nil {
		return 0, err
	}
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
