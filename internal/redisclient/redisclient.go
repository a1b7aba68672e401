// Package redisclient connects to Redis: to a single server, to a cluster, or to the master that
// Sentinels name.
package redisclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// AttemptTimeout is the time limit for connecting, writing or reading in one attempt of a call, unless the
// URL sets another limit. The client obeys the deadline of a context, but not its cancellation.
const AttemptTimeout = 3 * time.Second

// New returns a client for the server, the cluster or the Sentinels that a URL names:
//
//	redis://user:password@host:port/database            a single server
//	redis://user:password@host:port?addr=host:port…     a cluster: two or more of its nodes
//	redis://host:port?master_name=NAME&addr=host:port…  Sentinels, and the name of their master
//
// The scheme rediss uses TLS. The client limits the duration of each call to timeout. Shorter timeouts
// in the URL and in the call's context apply too. An error does not contain the URL, because the URL can
// contain a password.
func New(text string, timeout time.Duration) (redis.UniversalClient, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || strings.Contains(u.Host, ",") {
		return nil, errors.New("want redis://user:password@host:port/database or rediss://…; " +
			"add ?addr=host:port for a cluster, or ?master_name=NAME for Sentinels")
	}
	query := u.Query()
	for name := range query {
		if slices.Contains([]string{
			"read_only", "replica_only", "route_by_latency", "route_randomly", "use_disconnected_replicas",
		}, name) {
			return nil, fmt.Errorf("%s: matchwire does not read from replicas, because their data can be old", name)
		}
	}
	var c redis.UniversalClient
	switch {
	case query.Has("master_name"):
		c, err = newSentinelClient(text)
	case query.Has("addr"):
		c, err = newClusterClient(text)
	default:
		c, err = newSingleClient(text)
	}
	if err != nil {
		return nil, err
	}
	c.AddHook(callTimeoutHook(timeout))
	return c, nil
}

// The client retries the whole call, so each connection is attempted once.
const dialerRetries = 1

// Without these notifications and without a client name, the client sends fewer commands when it
// connects, so its user needs fewer rights.
var noNotifications = maintnotifications.Config{Mode: maintnotifications.ModeDisabled}

func newSingleClient(text string) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(text)
	if err != nil {
		return nil, withoutURL(err)
	}
	setOptions(o)
	return redis.NewClient(o), nil
}

func setOptions(o *redis.Options) {
	o.ContextTimeoutEnabled, o.DisableIdentity, o.DialerRetries = true, true, dialerRetries
	o.MaintNotificationsConfig = new(noNotifications)
	setTimeouts(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolTimeout)
}

func newClusterClient(text string) (redis.UniversalClient, error) {
	o, err := redis.ParseClusterURL(text)
	if err != nil {
		return nil, withoutURL(err)
	}
	o.ContextTimeoutEnabled, o.DisableIdentity, o.DialerRetries = true, true, dialerRetries
	o.MaintNotificationsConfig = new(noNotifications)
	setTimeouts(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolTimeout)
	c := redis.NewClusterClient(o)
	c.AddHook(reloadHook{c})
	return c, nil
}

// A reloadHook makes the client ask for the current masters after a call failed because of the network.
// Without it, the client of go-redis 9.22 and 9.23 sends commands to a dead master for up to a minute; see
// https://github.com/redis/go-redis/issues/3979.
type reloadHook struct{ cluster *redis.ClusterClient }

func (h reloadHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		h.check(ctx, err)
		return conn, err
	}
}

func (h reloadHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		h.check(ctx, err)
		return err
	}
}

func (h reloadHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		h.check(ctx, err)
		return err
	}
}

// check reloads the masters, in another goroutine, if err is an error of the network.
func (h reloadHook) check(ctx context.Context, err error) {
	if _, ok := errors.AsType[net.Error](err); ok {
		h.cluster.ReloadState(ctx)
	}
}

func newSentinelClient(text string) (redis.UniversalClient, error) {
	o, err := redis.ParseFailoverURL(text)
	if err != nil {
		return nil, withoutURL(err)
	}
	if o.MasterName == "" {
		return nil, errors.New("master_name: want the name that the Sentinels give the master, such as mymaster")
	}
	o.ContextTimeoutEnabled, o.DisableIdentity, o.DialerRetries = true, true, dialerRetries
	setTimeouts(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolTimeout)
	return redis.NewFailoverClient(o), nil
}

// setTimeouts sets the timeouts that the URL does not set.
func setTimeouts(timeouts ...*time.Duration) {
	for _, t := range timeouts {
		*t = cmp.Or(*t, AttemptTimeout)
	}
}

// withoutURL removes the URL from an error of the library's parsers.
func withoutURL(err error) error {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return errors.New("the URL is invalid")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "redis: "))
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
