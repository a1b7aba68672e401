package redisclient

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// EachKey calls f with each key that matches a pattern, on all masters of a cluster. It can call f twice with a key.
// It stops at the first error. f is never called concurrently.
func EachKey(ctx context.Context, r redis.UniversalClient, pattern string, f func(key string) error) error {
	scan := func(r redis.Cmdable, f func(key string) error) error {
		keys := r.Scan(ctx, 0, pattern, 1000).Iterator()
		for keys.Next(ctx) {
			if err := f(keys.Val()); err != nil {
				return err
			}
		}
		return keys.Err()
	}
	cluster, ok := r.(*redis.ClusterClient)
	if !ok {
		return scan(r, f)
	}
	var mu sync.Mutex
	return cluster.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		return scan(node, func(key string) error {
			mu.Lock()
			defer mu.Unlock()
			return f(key)
		})
	})
}
