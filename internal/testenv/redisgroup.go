package testenv

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// A RedisGroup is a Redis cluster, or a master with a replica and Sentinels.
type RedisGroup struct {
	URL   string            // REDIS_URL for clients of the group
	Nodes []*servers.Server // the servers that store data
}

// OwnRedisCluster starts a Redis cluster of three masters, each with a replica, for this test only. The
// masters are the first three nodes. The test may kill nodes.
func OwnRedisCluster(t testing.TB) *RedisGroup {
	t.Helper()
	const masters = 3
	g := &RedisGroup{}
	var clients []*redis.Client
	buses := map[int]int{} // the port of the cluster, by the index of the node
	for i := range 2 * masters {
		port := freePort(t)
		buses[i] = port
		s := OwnRedis(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(port), "--cluster-node-timeout", "2000",
			"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0")
		g.Nodes = append(g.Nodes, s)
		clients = append(clients, clientOf(t, s.URL))
	}
	ctx := t.Context()
	do := func(r *redis.Client, args ...any) string {
		t.Helper()
		reply, err := r.Do(ctx, args...).Result()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return fmt.Sprint(reply)
	}
	var ids []string
	for i, r := range clients {
		ids = append(ids, do(r, "cluster", "myid"))
		do(r, "cluster", "set-config-epoch", i+1) // nodes with the same epoch need time to agree on new ones
		if i > 0 {
			host, port, _ := net.SplitHostPort(r.Options().Addr)
			do(clients[0], "cluster", "meet", host, port, buses[i])
		}
	}
	const slots = 16384
	for i, r := range clients[:masters] {
		do(r, "cluster", "addslotsrange", i*slots/masters, (i+1)*slots/masters-1)
	}
	for i, r := range clients {
		Eventually(t, func() bool {
			return strings.Count(do(r, "cluster", "nodes"), "connected") >= 2*masters
		}, "node %d to know all nodes of the cluster", i)
	}
	for i, r := range clients[masters:] {
		do(r, "cluster", "replicate", ids[i])
	}
	for i, r := range clients {
		Eventually(t, func() bool {
			return strings.Contains(do(r, "cluster", "info"), "cluster_state:ok") &&
				(i < masters || strings.Contains(do(r, "info", "replication"), "master_link_status:up"))
		}, "node %d to be ready", i)
	}
	g.URL = g.Nodes[0].URL
	for i, s := range g.Nodes[1:] {
		separator := "&"
		if i == 0 {
			separator = "?"
		}
		g.URL += separator + "addr=" + strings.TrimPrefix(s.URL, "redis://")
	}
	return g
}

// SentinelMaster is the name of the master of [OwnSentinels].
const SentinelMaster = "matchwire"

// OwnSentinels starts a Redis server with a replica, and three Sentinels, for this test only. The master is
// the first node. The test may kill nodes.
func OwnSentinels(t testing.TB) *RedisGroup {
	t.Helper()
	master := OwnRedis(t, "--repl-diskless-sync-delay", "0")
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(master.URL, "redis://"))
	replica := OwnRedis(t, "--replicaof", host+" "+port)
	r := clientOf(t, replica.URL)
	Eventually(t, func() bool {
		return strings.Contains(r.Info(t.Context(), "replication").Val(), "master_link_status:up")
	}, "the replica to have the data of the master")
	var sentinels []string
	for range 3 {
		config := filepath.Join(t.TempDir(), "sentinel.conf")
		text := fmt.Sprintf("sentinel monitor %s %s %s 2\nsentinel down-after-milliseconds %[1]s 1000\n"+
			"sentinel failover-timeout %[1]s 10000\n", SentinelMaster, host, port)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := servers.Sentinel(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Stop)
		sentinels = append(sentinels, strings.TrimPrefix(s.URL, "redis://"))
	}
	for _, address := range sentinels {
		s := redis.NewSentinelClient(&redis.Options{Addr: address})
		t.Cleanup(func() { s.Close() })
		Eventually(t, func() bool {
			others, _ := s.Sentinels(t.Context(), SentinelMaster).Result()
			replicas, _ := s.Replicas(t.Context(), SentinelMaster).Result()
			return len(others) == len(sentinels)-1 && len(replicas) == 1
		}, "Sentinel %s to know the others and the replica", address)
	}
	url := fmt.Sprintf("redis://%s?master_name=%s&addr=%s&addr=%s",
		sentinels[0], SentinelMaster, sentinels[1], sentinels[2])
	return &RedisGroup{Nodes: []*servers.Server{master, replica}, URL: url}
}

// clientOf returns a client of a single server, which closes when the test ends.
func clientOf(t testing.TB, url string) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	r := redis.NewClient(o)
	t.Cleanup(func() { r.Close() })
	return r
}

func freePort(t testing.TB) int {
	t.Helper()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Masters returns the indexes in Nodes of the servers that are masters now.
func (g *RedisGroup) Masters(ctx context.Context) (all []int) {
	for i, s := range g.Nodes {
		o, err := redis.ParseURL(s.URL)
		if err != nil {
			continue
		}
		o.DialTimeout, o.MaxRetries = time.Second, -1
		r := redis.NewClient(o)
		if strings.Contains(r.Info(ctx, "replication").Val(), "role:master") {
			all = append(all, i)
		}
		r.Close()
	}
	return all
}
