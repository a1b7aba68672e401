// Package instances is the registry of running processes. Each process announces
// itself and its health in Redis every few seconds:
//
//	mw:{instances}       hash: announcements by name of the instance, as JSON
//	mw:{instances}:seen  sorted set: names by the time of the last announcement,
//	                     in Unix milliseconds by Redis's clock
//
// Everyone who can write to Redis can add an announcement. Processes that share a key sign their
// announcements, so that a reader with this key can tell which ones to trust (signature.go).
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
	interval    = 5 * time.Second // time between two announcements
	illInterval = time.Second     // interval while the status is not "pass", so that a recovery is visible soon
	// GoneAfter is the time without an announcement after which an instance counts as gone. An
	// instance normally announces itself twice or more in this time.
	GoneAfter    = 15 * time.Second
	removeAfter  = 10 * time.Minute // minimum time from the last announcement to the removal
	redisTimeout = 3 * time.Second  // time limit for a call to Redis
)

// An Instance describes a running process.
type Instance struct {
	Name    string    `json:"name"`
	Roles   []string  `json:"roles"`
	Address string    `json:"address,omitempty"` // host:port for HTTP clients; "" if the process does not serve HTTP
	TLS     bool      `json:"tls,omitempty"`     // the process serves HTTP over TLS
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Status  string    `json:"status"` // as on /healthz: pass, warn or fail
	Issues  []string  `json:"troubles,omitempty"`
	// Consumers are the consumers that the process runs. Earlier versions of matchwire announce none.
	Consumers []Consumer `json:"consumers,omitempty"`
	Clients   *int       `json:"clients,omitempty"` // connected to the streams; nil without the role fanout

	// SilentSeconds is the time since the last announcement, in seconds.
	// [Registry.List] sets it.
	SilentSeconds float64 `json:"silent_seconds"`

	// Untrusted is the reason why anyone who can write to Redis may have written this announcement. It is
	// nil if a process with the key of the registry has signed it recently. It is [ErrNoKey] if the registry
	// has no key. [Registry.List] sets it.
	Untrusted error `json:"-"`
}

// A Consumer is a consumer, or the role parser or scheduler, in a process.
type Consumer struct {
	Name    string  `json:"name"`
	Handled int     `json:"handled"` // messages handled since the start
	Rate    float64 `json:"rate"`    // messages handled per second, since the previous announcement
}

// SilentFor returns the time since the last announcement.
func (i Instance) SilentFor() time.Duration {
	return time.Duration(i.SilentSeconds * float64(time.Second))
}

// Gone reports whether the instance has been silent for at least [GoneAfter].
func (i Instance) Gone() bool { return i.SilentFor() >= GoneAfter }

// A Registry stores the instances of one installation.
type Registry struct {
	redis  redis.UniversalClient
	keys   []string
	secret string // the key for signatures; can be ""
}

// New returns the registry in r whose keys begin with prefix. The registry signs announcements with
// secret, and verifies the signatures of listed instances. If secret is "", it does neither.
func New(r redis.UniversalClient, prefix, secret string) *Registry {
	return &Registry{
		redis: r, keys: []string{prefix + "{instances}", prefix + "{instances}:seen"}, secret: secret,
	}
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

// Announce announces the instance that self returns, every few seconds, until ctx
// ends. Then it removes the instance from the registry. It logs errors and continues.
// self must return the same name each time. When changed is closed, Announce announces the instance
// again at once. changed may be nil.
func (r *Registry) Announce(
	ctx context.Context, changed <-chan struct{}, log *slog.Logger, self func(context.Context) Instance,
) {
	name := ""
	for {
		i := self(ctx)
		name = i.Name
		if err := r.announce(ctx, i); err != nil && ctx.Err() == nil {
			log.Warn("cannot announce instance", "error", err)
		}
		pause := interval
		if i.Status != "pass" {
			pause = illInterval
		}
		select {
		case <-time.After(pause):
			continue
		case <-changed:
			changed = nil
			continue
		case <-ctx.Done():
		}
		break
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redisTimeout)
	defer cancel()
	if err := r.remove(ctx, name); err != nil {
		log.Warn("cannot remove instance from registry", "error", err)
	}
}

func (r *Registry) announce(ctx context.Context, i Instance) error {
	text, err := r.announcement(i, time.Now())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	return announce.Run(ctx, r.redis, r.keys, i.Name, text, removeAfter.Milliseconds()).Err()
}

func (r *Registry) remove(ctx context.Context, name string) error {
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
local seen = redis.call('zrevrange', KEYS[2], 0, ARGV[1] - 1, 'withscores')
for i = 1, #seen, 2 do
  local text = redis.call('hget', KEYS[1], seen[i])
  if text then
    all[#all+1] = text
    all[#all+1] = tostring(now - seen[i+1])
  end
end
return all`)

// maxListed is the maximum number of instances that List returns.
const maxListed = 1000

// List returns the instances in the registry, sorted by name. If there are more than maxListed, it
// returns those that announced themselves last. A killed instance stays in the list, and is
// [Instance.Gone] after 15 seconds. After ten minutes, the next announcement by another instance removes
// the killed instance.
func (r *Registry) List(ctx context.Context) ([]Instance, error) {
	found, err := list.Run(ctx, r.redis, r.keys, maxListed).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("listing instances: %w", err)
	}
	var all []Instance
	for pair := range slices.Chunk(found, 2) {
		var a announcement
		if err := json.Unmarshal([]byte(pair[0]), &a); err != nil {
			return nil, fmt.Errorf("listing instances: %w", err)
		}
		i := a.Instance
		i.Untrusted = r.verify(pair[0], a.Announced, time.Now())
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
