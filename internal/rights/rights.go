// Package rights defines the users of RabbitMQ and Redis, one for each role, with only the rights
// that the role needs. It renders them for the servers, with or without passwords. The folder deploy
// contains the result for the default namespace, without passwords.
package rights

import (
	"slices"
	"strings"
)

// A User is a user of the servers. A role, a command or an operator logs in as this user.
type User struct {
	Role   string  // such as "parser"
	Name   string  // name on the servers, such as "matchwire-parser"
	Rabbit *Rabbit // nil if the user does not log in to RabbitMQ
	Redis  *Redis  // nil if the user does not log in to Redis
}

// Rabbit holds the regular expressions of a user's permissions. "" matches no name.
type Rabbit struct {
	Configure, Write, Read string
	// Retries matches the queues that the user may publish to through the exchange retries.
	Retries string
}

// Redis holds the key patterns, channels and commands of a user.
type Redis struct {
	Keys     []string // keys that the user may read and write
	Read     []string // keys that the user may only read
	Channels []string // channels that the user may publish to
	Commands []string
}

// Regular expressions for names on RabbitMQ. own matches the queues that consumers consume: it excludes
// the queue of the scheduler, and the dead-letter and retry queues.
const (
	events   = `live_events`
	tasks    = `tasks`
	retries  = `retries`
	log      = `live_events\.log`
	polls    = `task\.parser\.page\.poll`
	schedule = `consumer\.scheduler`
	own      = `consumer\.(?!scheduler$|.+\.dead$|.+\.retry\.).+`
	failed   = `\.(dead|retry\..+)`
)

// nothing is a regular expression that matches no name.
const nothing = "^$"

// session contains the commands that every Redis user needs. The client of a cluster sends the last two.
var session = []string{"ping", "select", "cluster|slots", "command"}

// instance contains the rights of a process that runs roles. The process announces itself, checks its
// servers, its queues and the schedule, and records the steps of jobs.
var instance = Redis{
	Keys: []string{"{instances}", "{instances}:seen", "{health}:*", "{trace:*", "{schedule}:deadline"},
	Read: []string{
		"{schedule}:sources", "{schedule}:due", "{schedule}:interval", "{schedule}:polled", "{schedule}:paused",
	},
	Commands: []string{
		"info", "eval", "evalsha", "multi", "exec", "time", "set", "mget", "expire", "hget", "hset", "hdel", "zadd", "zcount",
		"zrem", "zrangebyscore", "zremrangebyrank", "zscore", "rpush", "ltrim",
	},
}

// outbox contains the rights of a process that publishes the events in outboxes. If no process polls
// a source, the process also marks the matches of the source as stale.
var outbox = Redis{
	Keys: []string{"{*}:outbox", "{*}:outbox:fence", "outboxes", "{*}:state", "upcoming", "{schedule}:*"},
	Commands: []string{
		"lrange", "lindex", "lpop", "llen", "rpush", "zrange", "zscore", "zadd", "zrem", "time", "hget", "hmget", "hset",
		"expire", "set", "eval", "evalsha", "wait",
	},
}

// slots contains the commands for rate limits.
var slots = Redis{Commands: []string{"time", "get", "set", "hget", "hset", "pexpire", "pttl", "eval", "evalsha"}}

// boards contains the rights of a process that writes scoreboards.
var boards = Redis{
	Keys: []string{
		"{*}:scoreboard", "{*}:incidents", "{scoreboards}", "{scoreboards}:live", "{scoreboards}:positions",
		"{*}:scoreboard:fence", "{scoreboards}:fence",
	},
	Channels: []string{"scoreboards:changes"},
	Commands: []string{
		"evalsha", "script|load", "hget", "hset", "del", "pexpireat", "pexpire", "pttl", "zadd", "zrem",
		"hdel", "zrangebyscore", "publish", "set", "wait",
	},
}

// archive contains the rights of a process that writes the archive.
var archive = Redis{Keys: []string{"archive:file"}, Commands: []string{"eval", "evalsha", "get", "set"}}

// Users returns the users for a namespace.
func Users(namespace string) []User {
	users := []User{
		{
			Role: "scheduler",
			Rabbit: &Rabbit{
				Write: anyOf(
					events,
					tasks,
					retries,
					schedule,
				), Read: anyOf(events, schedule), Retries: schedule + failed,
			},
			Redis: merge(instance, outbox, Redis{
				Commands: []string{
					"exists", "get", "set", "incr", "hget", "hmget", "hset", "hdel", "hexists", "hlen", "hscan", "rpush", "zadd",
					"zrem", "zrange", "zcard", "zscan", "zrangebylex", "zrevrangebyscore",
					"zrangebyscore", "zremrangebyrank", "zscore", "time", "eval", "evalsha",
				},
			}),
		},
		{
			Role:   "parser",
			Rabbit: &Rabbit{Write: anyOf(events, retries, polls), Read: anyOf(tasks, polls), Retries: polls + failed},
			Redis: merge(instance, outbox, slots, Redis{
				Keys: []string{"{source:*}:watch", "{host:*}*"},
				Commands: []string{
					"hmget", "hget", "hset", "hincrby", "hexists", "hdel", "expire", "rpush", "zadd", "zrem", "zscore", "time",
					"eval", "evalsha",
				},
			}),
		},
		{
			Role: "consumers",
			Rabbit: &Rabbit{
				Write:   anyOf(retries, own),
				Read:    anyOf(events, own),
				Retries: `consumer\.(?!scheduler\.).+` + failed,
			},
			Redis: merge(instance, slots, boards, archive, Redis{
				Keys: []string{"handled:*", "order:*", "notify:*", "notify-test:*", "push:*", "upcoming"},
				Read: []string{"{*}:state"},
				Commands: []string{
					"exists", "get", "set", "del", "hget", "hmget", "hset", "hdel", "hgetall", "pexpire", "pttl", "time",
					"zrange", "zrem",
					"zrangebyscore", "zremrangebyscore", "eval", "evalsha",
				},
			}),
		},
		{
			Role:   "fanout",
			Rabbit: &Rabbit{Read: anyOf(log)},
			Redis: merge(instance, Redis{
				Keys: []string{"{fanout}:*"},
				Read: []string{"{*}:scoreboard", "{*}:incidents"},
				Commands: []string{
					"del", "hget", "hmget", "hset", "hdel", "hgetall", "hkeys", "multi", "exec", "zadd", "zrem", "zrange",
					"zrevrange", "time", "eval", "evalsha",
				},
			}),
		},
		{
			Role:   "api",
			Rabbit: &Rabbit{Write: anyOf(events)},
			Redis: merge(instance, outbox, slots, Redis{
				Keys: []string{"push:*", "notify-test:*"},
				Read: []string{"{*}:scoreboard", "{*}:incidents", "{scoreboards}", "{scoreboards}:live"},
				Commands: []string{
					"exists", "get", "set", "hexists", "hget", "hmget", "hset", "hdel", "hgetall", "hlen", "hscan", "lrange", "rpush",
					"zadd", "zcard", "zscan", "zrangebylex", "zrevrangebyscore",
					"zrange", "zrangebyscore", "zrem", "zrevrange", "zscore", "time", "multi", "exec", "eval", "evalsha",
					"incr",
				},
			}),
		},
		{
			Role: "gateway",
			Redis: merge(Redis{
				Keys: []string{"{instances}", "{instances}:seen"},
				Commands: []string{
					"info", "eval", "evalsha", "multi", "exec", "time", "hget", "hset", "hdel", "zadd", "zrem", "zrangebyscore",
					"zrevrange",
				},
			}),
		},
		{
			Role: "setup",
			Rabbit: &Rabbit{
				Configure: anyOf(
					events,
					events+`\.(log|witness)`,
					tasks,
					tasks+`\.witness`,
					retries,
					`(consumer|task)\..+`,
				),
				// Declaring a retry queue needs the right to publish to the exchange that its messages return to.
				Write: anyOf(events, log, tasks, retries, `(consumer|task)\..+`) + `|^amq\.default$`,
				Read:  anyOf(events, events+`\.witness`, tasks, tasks+`\.witness`, retries, `(consumer|task)\..+`),
			},
		},
		{
			Role: "operator", // for the commands dead, emit, ps, rebuild, tail and trace
			Rabbit: &Rabbit{
				Write: anyOf(events) + `|^amq\.default$`, Read: anyOf(log, `(consumer|task)\..+\.dead`),
			},
			Redis: merge(boards, archive, Redis{
				Keys:     []string{"{instances}", "{instances}:seen"},
				Read:     []string{"{trace:*"},
				Commands: []string{"info", "time", "get", "hget", "lrange", "zcard", "zrange", "zrevrange", "eval", "evalsha"},
			}),
		},
	}
	for i := range users {
		users[i].Name = "matchwire-" + users[i].Role
		if namespace != "" {
			users[i].Name = "matchwire-" + namespace + "-" + users[i].Role
		}
		users[i].limitTo(namespace)
	}
	return users
}

// anyOf returns a regular expression that matches the names that any of the expressions matches.
// limitTo replaces NS with the prefix of the namespace.
func anyOf(expressions ...string) string { return "^NS(" + strings.Join(expressions, "|") + ")$" }

// merge returns the union of rights, and adds the commands of session. It leaves out keys that a pattern
// in Keys covers.
func merge(all ...Redis) *Redis {
	sum := Redis{Commands: session}
	add := func(to *[]string, words []string) {
		for _, w := range words {
			if !slices.Contains(*to, w) {
				*to = append((*to)[:len(*to):len(*to)], w)
			}
		}
	}
	for _, r := range all {
		add(&sum.Keys, r.Keys)
		add(&sum.Read, r.Read)
		add(&sum.Channels, r.Channels)
		add(&sum.Commands, r.Commands)
	}
	covered := func(key string) bool {
		return slices.ContainsFunc(sum.Keys, func(k string) bool {
			prefix, ok := strings.CutSuffix(k, "*")
			return ok && k != key && strings.HasPrefix(key, prefix)
		})
	}
	sum.Read = slices.DeleteFunc(sum.Read, covered)
	sum.Keys = slices.DeleteFunc(slices.Clone(sum.Keys), covered)
	return &sum
}

// limitTo adds the prefix of a namespace to all names and keys.
func (u *User) limitTo(namespace string) {
	names, keys := "", "mw:"
	if namespace != "" {
		names, keys = namespace+`\.`, "mw:"+namespace+":"
	}
	if r := u.Rabbit; r != nil {
		if r.Retries != "" {
			r.Retries = anyOf(r.Retries)
		}
		for _, e := range []*string{&r.Configure, &r.Write, &r.Read, &r.Retries} {
			*e = strings.ReplaceAll(*e, "NS", names)
			if *e == "" {
				*e = nothing
			}
		}
	}
	if r := u.Redis; r != nil {
		for _, list := range [][]string{r.Keys, r.Read, r.Channels} {
			for i := range list {
				list[i] = keys + list[i]
			}
		}
	}
}
