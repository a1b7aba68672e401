package presence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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

// Others returns the presence of every other node that has a valid report. It deletes reports that are
// too old or invalid.
func (s *Store) Others(ctx context.Context) (all []Presence, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	fail := func(err error) ([]Presence, error) {
		return nil, fmt.Errorf("reading the presence of other nodes: %w", err)
	}
	now, err := s.redis.Time(ctx).Result()
	if err != nil {
		return fail(err)
	}
	nodes, err := s.redis.HKeys(ctx, s.key).Result()
	if err != nil {
		return fail(err)
	}
	for _, node := range nodes { // one by one, because a report can be large, and other clients of Redis would wait
		if node == s.node {
			continue
		}
		text, err := s.redis.HGet(ctx, s.key, node).Bytes()
		if errors.Is(err, redis.Nil) {
			continue // another node has just deleted it
		}
		if err != nil {
			return fail(err)
		}
		var r report
		if err := json.Unmarshal(text, &r); err != nil || r.age(now.UnixMilli()) > maxAge {
			s.redis.HDel(ctx, s.key, node)
		} else {
			all = append(all, r.Presence)
		}
	}
	return all, nil
}
