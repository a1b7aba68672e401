package redisclient

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	confirmTime  = time.Second      // how long Confirm waits for a replica of each server
	confirmLimit = 10 * time.Second // time limit for Confirm; the clients of the nodes of a cluster have none
	fenceFor     = time.Minute      // time until the key that Confirm writes expires
)

// ErrNotConfirmed reports that a replica is connected, but does not have the latest writes yet.
var ErrNotConfirmed = errors.New("no replica of Redis has confirmed the latest writes")

// Replicated reports whether a replica can replace the server of r: r connects to a cluster, or to a
// master that Sentinels name.
func Replicated(r redis.UniversalClient) bool {
	switch c := r.(type) {
	case *redis.ClusterClient:
		return true
	case *redis.Client:
		return c.Options().Addr == "FailoverClient" // set by go-redis
	}
	return false
}

// Confirm waits until a replica has all earlier writes to the servers of keys, so that the writes survive
// the failure of these servers. It returns [ErrNotConfirmed] if
// no connected replica confirms the writes within a second. It returns nil if no replica is connected,
// because then none can take over, and if r is not [Replicated].
func Confirm(ctx context.Context, r redis.UniversalClient, keys ...string) error {
	if !Replicated(r) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, confirmLimit)
	defer cancel()
	cluster, ok := r.(*redis.ClusterClient)
	if !ok {
		return confirm(ctx, r, keys[0])
	}
	confirmed := map[*redis.Client]bool{}
	for _, key := range keys {
		node, err := cluster.MasterForKey(ctx, key)
		if err == nil && !confirmed[node] {
			err = confirm(ctx, node, key)
			confirmed[node] = true
		}
		if err != nil {
			cluster.ReloadState(ctx) // the slot may have another master now
			return err
		}
	}
	return nil
}

// fenceKey returns the key that [Confirm] writes for key. It is in the slot of key.
func fenceKey(key string) string { return key + ":fence" }

// confirm waits until a replica of one server has all earlier writes. WAIT covers the writes of its own
// connection, so a pipeline writes the fence first: replicas receive all writes in order.
func confirm(ctx context.Context, node redis.UniversalClient, key string) error {
	pipe := node.Pipeline()
	pipe.Set(ctx, fenceKey(key), 1, fenceFor)
	replicas := pipe.Do(ctx, "wait", 1, confirmTime.Milliseconds())
	info := pipe.Info(ctx, "replication")
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("waiting for a replica: %w", err)
	}
	if n, _ := replicas.Int(); n == 0 && !strings.Contains(info.Val(), "connected_slaves:0") {
		return ErrNotConfirmed
	}
	return nil
}
