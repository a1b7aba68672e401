// Package instances lets running processes be found. Each says in Redis, again
// and again, who and how it is:
//
//	mw:{instances}       hash of JSON, by name
//	mw:{instances}:seen  sorted set of names by when they were last heard, Unix milliseconds of Redis' clock
package instances

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	beat      = 5 * time.Second // between two announcements
	soonAgain = time.Second     // while something is down: others wait to hear that it is not
	// SilentAfter is from when on an instance is taken for dead: it has missed
	// two announcements.
	SilentAfter = 15 * time.Second
	forgetAfter = 10 * time.Minute
	timeout     = 3 * time.Second
)

// An Instance is a running process, as it describes itself.
type Instance struct {
	Name    string    `json:"name"`
	Roles   []string  `json:"roles"`
	Address string    `json:"address,omitempty"` // host:port at which others reach what it serves; "" if nothing
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Status  string    `json:"status"` // as on /healthz: pass, warn or fail
	Issues  []string  `json:"troubles,omitempty"`

	// SilentSeconds is how long ago it was last heard. From [Registry.List].
	SilentSeconds float64 `json:"silent_seconds"`
}

// Silent is how long ago it was last heard.
func (i Instance) Silent() time.Duration {
	return time.Duration(i.SilentSeconds * float64(time.Second))
}

// Gone reports whether the instance has been silent for too long to be running.
func (i Instance) Gone() bool { return i.Silent() >= SilentAfter }

// A Registry knows the instances of one installation.
type Registry struct {
	redis redis.UniversalClient
	keys  []string
}

// New keeps the registry in r, under keys that begin with prefix.
func New(r redis.UniversalClient, prefix string) *Registry {
	return &Registry{redis: r, keys: []string{prefix + "{instances}", prefix + "{instances}:seen"}}
}

var announce = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for _, old in ipairs(redis.call('zrangebyscore', KEYS[2], '-inf', now - ARGV[3])) do
  redis.call('hdel', KEYS[1], old)
  redis.call('zrem', KEYS[2], old)
end
redis.call('hset', KEYS[1], ARGV[1], ARGV[2])
redis.call('zadd', KEYS[2], now, ARGV[1])
return 1`)

// Announce tells of an instance, as self describes it each time, until ctx
// ends; then it takes the instance off the list.
func (r *Registry) Announce(ctx context.Context, log *slog.Logger, self func(context.Context) Instance) {
	name := ""
	for {
		i := self(ctx)
		name = i.Name
		if err := r.announce(ctx, i); err != nil && ctx.Err() == nil {
			log.Warn("instance not announced", "error", err)
		}
		pause := beat
		if i.Status == "fail" {
			pause = soonAgain
		}
		select {
		case <-time.After(pause):
			continue
		case <-ctx.Done():
		}
		break
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if err := r.leave(after, name); err != nil {
		log.Warn("instance not taken off the list", "error", err)
	}
}

func (r *Registry) announce(ctx context.Context, i Instance) error {
	text, err := json.Marshal(i)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return announce.Run(ctx, r.redis, r.keys, i.Name, text, forgetAfter.Milliseconds()).Err()
}

func (r *Registry) leave(ctx context.Context, name string) error {
	pipe := r.redis.TxPipeline()
	pipe.HDel(ctx, r.keys[0], name)
	pipe.ZRem(ctx, r.keys[1], name)
	_, err := pipe.Exec(ctx)
	return err
}

var list = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local all = {}
local seen = redis.call('zrange', KEYS[2], 0, -1, 'withscores')
for i = 1, #seen, 2 do
  local text = redis.call('hget', KEYS[1], seen[i])
  if text then
    all[#all+1] = text
    all[#all+1] = tostring(now - seen[i+1])
  end
end
return all`)

// List returns the instances that were heard in the last ten minutes, by name.
func (r *Registry) List(ctx context.Context) ([]Instance, error) {
	found, err := list.Run(ctx, r.redis, r.keys).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("listing instances: %w", err)
	}
	var all []Instance
	for pair := range slices.Chunk(found, 2) {
		var i Instance
		if err := json.Unmarshal([]byte(pair[0]), &i); err != nil {
			return nil, fmt.Errorf("listing instances: %w", err)
		}
		silent, err := time.ParseDuration(pair[1] + "ms")
		if err != nil {
			return nil, fmt.Errorf("listing instances: %w", err)
		}
		i.SilentSeconds = silent.Seconds()
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b Instance) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}
