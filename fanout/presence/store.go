package presence

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	interval = 5 * time.Second  // between two reports of a node
	maxAge   = 15 * time.Second // of a report
	timeout  = 3 * time.Second  // of a call of Redis
)

// A Store shares the presence of the nodes in the Redis hash
// mw:{fanout}:presence: by node, a report as JSON.
type Store struct {
	redis redis.UniversalClient
	key   string
	node  string
}

// NewStore returns the store for a node. Its key begins with prefix.
func NewStore(r redis.UniversalClient, prefix, node string) *Store {
	return &Store{redis: r, key: prefix + "{fanout}:presence", node: node}
}

type report struct {
	At       time.Time `json:"at"`
	Presence Presence  `json:"presence"`
}

// Run stores the node's own presence again and again until ctx ends.
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

// Put stores the node's own presence.
func (s *Store) Put(ctx context.Context, own Presence) error {
	text, err := json.Marshal(report{time.Now(), own})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return s.redis.HSet(ctx, s.key, s.node, text).Err()
}

// Others returns the latest presence of the other nodes. It removes that of nodes
// that no longer report.
func (s *Store) Others(ctx context.Context) (all []Presence, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	texts, err := s.redis.HGetAll(ctx, s.key).Result()
	if err != nil {
		return nil, fmt.Errorf("reading the presence of other nodes: %w", err)
	}
	for node, text := range texts {
		var r report
		if err := json.Unmarshal([]byte(text), &r); err != nil || time.Since(r.At) > maxAge {
			s.redis.HDel(ctx, s.key, node)
		} else if node != s.node {
			all = append(all, r.Presence)
		}
	}
	return all, nil
}
