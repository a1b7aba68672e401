package presence

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	interval = 5 * time.Second  // interval between two reports of a node
	maxAge   = 15 * time.Second // maximum age of a valid report
	timeout  = 3 * time.Second  // maximum time of the Redis commands in one call
)

// A Store shares the presence of the nodes in the Redis hash {fanout}:presence, whose key has the
// prefix mw: by default. Each field is the name of a node, and its value is a report as JSON. The
// clock of Redis determines the age of a report.
type Store struct {
	redis redis.UniversalClient
	key   string // the Redis key
	node  string // the name of this node
}

// NewStore returns the Store of the named node. Its Redis key begins with prefix.
func NewStore(r redis.UniversalClient, prefix, node string) *Store {
	return &Store{redis: r, key: prefix + "{fanout}:presence", node: node}
}

// A report is the stored presence of a node.
type report struct {
	At       time.Time `json:"at"`                // time by the node's clock; older versions store only this time
	HeardMS  int64     `json:"heard_ms,omitzero"` // time by the clock of Redis in Unix ms; added by putScript
	Presence Presence  `json:"presence"`
}

// age returns the age of a report. now is the time by the clock of Redis, in Unix milliseconds.
func (r report) age(now int64) time.Duration {
	if r.HeardMS == 0 {
		return time.Since(r.At)
	}
	return time.Duration(now-r.HeardMS) * time.Millisecond
}

// putScript stores a report, ARGV[2], of the node ARGV[1]. It adds heard_ms to the report.
var putScript = redis.NewScript(`
local t = redis.call('time')
local heard = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
return redis.call('hset', KEYS[1], ARGV[1], string.sub(ARGV[2], 1, -2) .. ',"heard_ms":' .. heard .. '}')`)

// listScript returns the time by the clock of Redis in Unix milliseconds, and then the fields and
// values of the hash.
var listScript = redis.NewScript(`
local t = redis.call('time')
local all = redis.call('hgetall', KEYS[1])
table.insert(all, 1, string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)))
return all`)

// Run stores the presence of this node every 5 seconds until ctx ends. own returns the presence of
// this node. Run logs errors, and tries again after 5 seconds.
func (s *Store) Run(ctx context.Context, log *slog.Logger, own func() Presence) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := s.Put(ctx, own()); err != nil && ctx.Err() == nil {
			log.Debug("presence not stored", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Put stores the presence of this node.
func (s *Store) Put(ctx context.Context, own Presence) error {
	text, err := json.Marshal(report{At: time.Now(), Presence: own})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return putScript.Run(ctx, s.redis, []string{s.key}, s.node, text).Err()
}

// Others returns the presence of every other node. It deletes reports that are too old or invalid.
func (s *Store) Others(ctx context.Context) (all []Presence, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found, err := listScript.Run(ctx, s.redis, []string{s.key}).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("reading the presence of other nodes: %w", err)
	}
	now, err := strconv.ParseInt(found[0], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the presence of other nodes: %w", err)
	}
	for pair := range slices.Chunk(found[1:], 2) {
		node := pair[0]
		var r report
		if err := json.Unmarshal([]byte(pair[1]), &r); err != nil || r.age(now) > maxAge {
			s.redis.HDel(ctx, s.key, node)
		} else if node != s.node {
			all = append(all, r.Presence)
		}
	}
	return all, nil
}
