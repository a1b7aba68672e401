package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Redis timeouts. The client obeys the deadline of a context, but not its cancellation.
const (
	callTimeout    = 10 * time.Second // for a call, with all its attempts and the wait for a connection
	attemptTimeout = 3 * time.Second  // for connecting, writing or reading in one attempt
)

// OpenRedis returns a client for the Redis server, or for a new embedded server. If the
// server does not respond within 3 seconds, OpenRedis logs a warning and returns the
// client anyway. It returns an error if the URL is invalid, or if the server is a node of
// a cluster or a Sentinel. stop closes the client and the embedded server.
func (s Servers) OpenRedis(ctx context.Context, log *slog.Logger) (r redis.UniversalClient, stop func(), err error) {
	r, stop, err = s.redisClient(log)
	if err != nil || s.Embedded() {
		return r, stop, err
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if err := r.Ping(ctx).Err(); err != nil {
		log.Warn("Redis is unreachable; each call will retry", "error", err)
		return r, stop, nil
	}
	info, _ := redisInfo(ctx, r) // a server that does not report its mode may be usable
	if err := checkMode(info); err != nil {
		stop()
		return nil, nil, UsageError(err)
	}
	return r, stop, nil
}

// redisClient is like OpenRedis, but does not call the server.
func (s Servers) redisClient(log *slog.Logger) (r redis.UniversalClient, stop func(), err error) {
	if s.Embedded() {
		return embeddedRedis()
	}
	opts, err := redis.ParseURL(s.Redis)
	if err != nil || strings.Contains(opts.Addr, ",") {
		// The library's error would contain the URL with its password.
		return nil, nil, UsageError(errors.New("REDIS_URL: want redis://user:password@host:port/database or rediss://…"))
	}
	redis.SetLogger(redisLog{log})
	c := newRedisClient(opts, callTimeout)
	return c, func() { c.Close() }, nil
}

// newRedisClient returns a client that limits the duration of each call to timeout. Shorter
// timeouts in o and in the call's context apply too.
func newRedisClient(o *redis.Options, timeout time.Duration) *redis.Client {
	o.ContextTimeoutEnabled = true
	o.DialTimeout = cmp.Or(o.DialTimeout, attemptTimeout)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, attemptTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, attemptTimeout)
	o.PoolTimeout = cmp.Or(o.PoolTimeout, attemptTimeout)
	o.DialerRetries = 1 // the client retries the whole call instead
	// The client then sends fewer commands when it connects, so its user needs fewer rights.
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	c := redis.NewClient(o)
	c.AddHook(callTimeoutHook(timeout))
	return c
}

// A callTimeoutHook limits the duration of each command and each pipeline, including all attempts.
type callTimeoutHook time.Duration

func (d callTimeoutHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (d callTimeoutHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(d))
		defer cancel()
		return next(ctx, cmd)
	}
}

func (d callTimeoutHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(d))
		defer cancel()
		return next(ctx, cmds)
	}
}

// embeddedRedis starts a Redis server in this process and returns a client for it. stop closes
// the client and the server.
func embeddedRedis() (r redis.UniversalClient, stop func(), err error) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		return nil, nil, fmt.Errorf("embedded Redis: %w", err)
	}
	c := newRedisClient(&redis.Options{Addr: m.Addr()}, callTimeout)
	// miniredis expires keys only in FastForward.
	done, ticking := make(chan struct{}), sync.WaitGroup{}
	ticking.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				m.FastForward(time.Second)
			case <-done:
				return
			}
		}
	})
	return c, func() {
		close(done)
		ticking.Wait()
		c.Close()
		m.Close()
	}, nil
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
