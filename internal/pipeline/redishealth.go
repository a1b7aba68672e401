package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/redisclient"
)

const (
	probeTime       = time.Minute      // time until the key of a write probe expires
	inspectInterval = 30 * time.Second // time between two inspections of the settings of Redis
)

// pingRedis returns a health check for a process that only reads. The check reports an issue if
// Redis does not answer.
func pingRedis(r redis.UniversalClient) func(context.Context) []health.Issue {
	return func(ctx context.Context) []health.Issue {
		if err := r.Ping(ctx).Err(); err != nil {
			return []health.Issue{{Text: fmt.Sprintf("Redis does not answer: %v", err), Down: true}}
		}
		return nil
	}
}

// A redisHealth checks that Redis accepts writes and keeps data.
type redisHealth struct {
	redis    redis.UniversalClient
	log      *slog.Logger
	probe    string // key that each check writes
	writes   bool   // the process cannot work while Redis refuses writes
	embedded bool   // an embedded Redis has no settings to inspect

	inspected time.Time
	settings  []health.Issue // from the latest inspection
}

// newRedisHealth returns the health check for a process that runs roles.
func (p *Pipeline) newRedisHealth(r redis.UniversalClient, prefix, instance string, roles []Role) *redisHealth {
	// The API and fanout still serve stored data while Redis refuses writes.
	needsWrites := func(r Role) bool { return r == RoleScheduler || r == RoleParser || r == RoleConsumers }
	return &redisHealth{redis: r, log: p.log, probe: prefix + "{health}:" + instance,
		writes: slices.ContainsFunc(roles, needsWrites), embedded: p.servers.Embedded()}
}

// check returns the issues of Redis, and of the clock of this machine. Only one call may run at a
// time.
func (h *redisHealth) check(ctx context.Context) []health.Issue {
	pipe := h.redis.Pipeline()
	write, clock := pipe.Set(ctx, h.probe, 1, probeTime), pipe.Time(ctx)
	asked := time.Now()
	_, _ = pipe.Exec(ctx) // the commands have the errors
	answered := time.Now()
	err := write.Err()
	var refusal redis.Error
	if err != nil && h.embedded { // the data folder cannot be written
		return []health.Issue{{Text: err.Error(), Down: true}}
	}
	if err != nil && !errors.As(err, &refusal) {
		return []health.Issue{{Text: fmt.Sprintf("Redis does not answer: %v", err), Down: true}}
	}
	h.inspect(ctx)
	all := slices.Clone(h.settings)
	if clock.Err() == nil {
		all = append(all, clockIssues(clock.Val(), asked, answered)...)
	}
	if err == nil {
		return all
	}
	text := "Redis refuses writes: " + strings.TrimSuffix(err.Error(), ".") + advice(refusal)
	return append([]health.Issue{{Text: text, Down: h.writes}}, all...)
}

const (
	// clockWarn is the minimum difference between the clocks at which poll tasks can expire too early.
	clockWarn = time.Second
	// clockDown is the minimum difference at which poll tasks expire before a parser receives them.
	clockDown = 10 * time.Second
)

// clockIssues compares the clock of this machine with the clock of Redis. redis is the time that Redis
// returned, at some time between asked and answered.
func clockIssues(redis, asked, answered time.Time) []health.Issue {
	difference, direction := asked.Sub(redis), "ahead of"
	if redis.After(answered) {
		difference, direction = redis.Sub(answered), "behind"
	}
	if difference < clockWarn {
		return nil
	}
	return []health.Issue{
		{Down: difference >= clockDown, Text: fmt.Sprintf("the clock of this machine is %v %s the clock of Redis: "+
			"synchronise both, for example with NTP", difference.Round(100*time.Millisecond), direction)},
	}
}

// advice returns ": " and what an operator can do about an error reply, or "".
func advice(reply redis.Error) string {
	for _, a := range []struct{ prefix, text string }{
		{"READONLY", "set REDIS_URL to the primary, not to a replica"},
		{"OOM", "raise maxmemory"},
		{"MISCONF", "free space on its disk, and see its log"},
		{"NOREPLICAS", "connect its replicas, or lower min-replicas-to-write"},
		{"NOPERM", "give the user in REDIS_URL the rights of its role in deploy/redis/users.acl"},
		{"NOAUTH", "set the password in REDIS_URL"},
		{"WRONGPASS", "correct the user and the password in REDIS_URL"},
	} {
		if redis.HasErrorPrefix(reply, a.prefix) {
			return ": " + a.text
		}
	}
	return ""
}

// inspect updates h.settings, at most once per inspectInterval. It logs each new issue, and logs when
// all issues are resolved. If it cannot read the settings, it keeps the issues of the previous
// inspection.
func (h *redisHealth) inspect(ctx context.Context) {
	if h.embedded || time.Since(h.inspected) < inspectInterval {
		return
	}
	issues, err := inspectRedis(ctx, h.redis)
	if err != nil {
		if h.inspected.IsZero() {
			h.log.Warn("cannot check the settings of Redis: it needs appendonly yes and maxmemory-policy noeviction",
				"error", err)
		}
		issues = h.settings
	}
	for _, issue := range issues {
		if !slices.Contains(h.settings, issue) {
			h.log.Warn("Redis is not configured for matchwire", "problem", issue.Text)
		}
	}
	if len(h.settings) > 0 && len(issues) == 0 {
		h.log.Info("Redis is configured for matchwire now")
	}
	h.settings, h.inspected = issues, time.Now()
}

// inspectRedis returns an issue for each setting of Redis that makes matchwire lose data or fail. It
// inspects all masters of a cluster. It returns an error if it cannot read the settings.
func inspectRedis(ctx context.Context, r redis.UniversalClient) (issues []health.Issue, err error) {
	cluster, ok := r.(*redis.ClusterClient)
	if !ok {
		info, err := redisInfo(ctx, r)
		if err != nil {
			return nil, err
		}
		if err := checkMode(r, info); err != nil {
			return []health.Issue{{Text: err.Error(), Down: true}}, nil
		}
		return inspectServer(info, redisclient.Replicated(r)), nil
	}
	var mu sync.Mutex
	err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		info, err := redisInfo(ctx, node)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, issue := range inspectServer(info, true) {
			issue.Text = "on the node " + node.Options().Addr + ": " + issue.Text
			issues = append(issues, issue)
		}
		return nil
	})
	slices.SortFunc(issues, func(a, b health.Issue) int { return strings.Compare(a.Text, b.Text) })
	return issues, err
}

// inspectServer returns the issues of one server, from its INFO. replicated reports whether it should have
// a replica that can replace it.
func inspectServer(info map[string]string, replicated bool) (issues []health.Issue) {
	if role := info["role"]; role == "slave" || role == "replica" {
		issues = append(issues, health.Issue{Text: fmt.Sprintf("Redis is a replica of %s:%s, so it refuses or loses writes: "+
			"set REDIS_URL to the primary", info["master_host"], info["master_port"])})
	}
	if replicated && info["connected_slaves"] == "0" {
		issues = append(issues, health.Issue{Text: "no replica of Redis is connected, so none can take over if " +
			"Redis fails: connect a replica"})
	}
	if policy := info["maxmemory_policy"]; policy != "noeviction" {
		issues = append(issues, health.Issue{Text: fmt.Sprintf("Redis removes match data when its memory is full "+
			"(maxmemory-policy %s): set maxmemory-policy noeviction", policy)})
	}
	if aof := info["aof_enabled"]; aof == "0" || aof == "no" {
		issues = append(issues, health.Issue{Text: "Redis loses recent match data when it restarts (appendonly no): " +
			"set appendonly yes"})
	}
	return issues
}

// errNoCluster reports the URL of a cluster for a single server. Such a server refuses the first command of
// a client for clusters.
var errNoCluster = errors.New("REDIS_URL lists the nodes of a Redis cluster (addr), but the server is not in " +
	"cluster mode: remove addr")

// checkMode returns an error if the URL of r does not fit the server: a node of a cluster or a Sentinel
// needs its own form of URL.
func checkMode(r redis.UniversalClient, info map[string]string) error {
	_, forCluster := r.(*redis.ClusterClient)
	mode := cmp.Or(info["redis_mode"], info["server_mode"]) // Valkey may use the second name
	switch {
	case mode == "cluster" && !forCluster:
		return errors.New("REDIS_URL names one node of a Redis cluster: add ?addr=host:port with another node, " +
			"so that the client finds all nodes")
	case mode == "standalone" && forCluster:
		return errNoCluster
	case mode == "sentinel":
		return errors.New("REDIS_URL names a Redis Sentinel, which stores no data: add ?master_name=NAME, " +
			"so that the client asks it for the server")
	}
	return nil
}

// redisInfo returns the fields of INFO. If the server refuses INFO or INFO lacks a setting, redisInfo
// reads the setting with CONFIG GET. It returns an error if a setting is still unknown.
func redisInfo(ctx context.Context, r redis.UniversalClient) (map[string]string, error) {
	info := map[string]string{}
	text, err := r.Info(ctx).Result()
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	for _, f := range []struct{ field, setting string }{
		{"maxmemory_policy", "maxmemory-policy"}, {"aof_enabled", "appendonly"},
	} {
		if info[f.field] != "" {
			continue
		}
		values, cerr := r.ConfigGet(ctx, f.setting).Result()
		if cerr != nil || values[f.setting] == "" {
			return info, errors.Join(err, cerr, fmt.Errorf("%s is unknown", f.setting))
		}
		info[f.field] = values[f.setting]
	}
	return info, nil
}
