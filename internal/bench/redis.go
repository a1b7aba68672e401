package bench

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// redisCPU is the name of the Redis servers in sample.cpu.
const redisCPU = "redis"

// readRedis adds the CPU time and the commands of the Redis servers to s. It does nothing without servers.
func (w *world) readRedis(ctx context.Context, s *sample) error {
	if w.redis == nil {
		return nil
	}
	s.commands = 0
	cluster, ok := w.redis.(*redis.ClusterClient)
	if !ok {
		return s.addRedis(ctx, w.redis)
	}
	var mu sync.Mutex
	return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		return s.addRedis(ctx, node)
	})
}

// addRedis adds the counters of one server to s.
func (s *sample) addRedis(ctx context.Context, r redis.Cmdable) error {
	text, err := r.Info(ctx, "cpu", "stats").Result()
	if err != nil {
		return fmt.Errorf("reading the counters of Redis: %w", err)
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil: // a heading, or a counter with a unit
		case name == "used_cpu_user", name == "used_cpu_sys":
			s.cpu[redisCPU] += n
		case name == "total_commands_processed":
			s.commands += n
		}
	}
	return lines.Err()
}
