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
)

// Timeouts of Redis. The client honours the deadline of a context, but not its cancellation.
const (
	callTimeout    = 10 * time.Second // of a call: waiting for a connection and all attempts
	attemptTimeout = 3 * time.Second  // of one attempt: connecting, writing, reading
)

// Store opens the Redis server, or a new one in this process. If the server does not answer soon,
// Store logs that and returns a client all the same. stop closes the client.
func (s Servers) Store(ctx context.Context, log *slog.Logger) (r redis.UniversalClient, stop func(), err error) {
	r, stop, err = s.openRedis(log)
	if err != nil || s.Embedded() {
		return r, stop, err
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if err := r.Ping(ctx).Err(); err != nil {
		log.Warn("Redis unreachable, trying again with each use", "error", err)
	}
	return r, stop, nil
}

// openRedis is Store without waiting for an answer.
func (s Servers) openRedis(log *slog.Logger) (r redis.UniversalClient, stop func(), err error) {
	if s.Embedded() {
		return embeddedRedis()
	}
	opts, err := redis.ParseURL(s.Redis)
	if err != nil || strings.Contains(opts.Addr, ",") {
		// The error would quote the URL, and with it the password.
		return nil, nil, Misuse(errors.New("REDIS_URL: want redis://user:password@host:port/database or rediss://…"))
	}
	redis.SetLogger(redisLog{log})
	c := newRedis(opts, callTimeout)
	return c, func() { c.Close() }, nil
}

// newRedis returns a client whose every call returns within timeout, or by the deadline of its
// context if that is sooner. The timeouts that the URL names stand within that bound.
func newRedis(o *redis.Options, timeout time.Duration) *redis.Client {
	o.ContextTimeoutEnabled = true
	o.DialTimeout = cmp.Or(o.DialTimeout, attemptTimeout)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, attemptTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, attemptTimeout)
	o.PoolTimeout = cmp.Or(o.PoolTimeout, attemptTimeout)
	o.DialerRetries = 1 // a call that fails to connect is tried again as a whole
	c := redis.NewClient(o)
	c.AddHook(deadline(timeout))
	return c
}

// deadline is a hook that gives each command and each pipeline a deadline, all its attempts
// included.
type deadline time.Duration

func (d deadline) DialHook(next redis.DialHook) redis.DialHook { return next }

func (d deadline) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(d))
		defer cancel()
		return next(ctx, cmd)
	}
}

func (d deadline) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(d))
		defer cancel()
		return next(ctx, cmds)
	}
}

func embeddedRedis() (redis.UniversalClient, func(), error) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		return nil, nil, fmt.Errorf("embedded Redis: %w", err)
	}
	c := newRedis(&redis.Options{Addr: m.Addr()}, callTimeout)
	// Its clock stands still unless driven, and nothing would ever expire.
	stop, ticking := make(chan struct{}), sync.WaitGroup{}
	ticking.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				m.FastForward(time.Second)
			case <-stop:
				return
			}
		}
	})
	return c, func() {
		close(stop)
		ticking.Wait()
		c.Close()
		m.Close()
	}, nil
}

// prefix comes before every Redis key.
func prefix(namespace string) string {
	if namespace == "" {
		return "mw:"
	}
	return "mw:" + namespace + ":"
}

// redisLog takes what the Redis client would write to stderr by itself.
type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(_ context.Context, format string, v ...any) {
	l.log.Debug("redis client", "says", fmt.Sprintf(format, v...))
}
