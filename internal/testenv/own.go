package testenv

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// OwnRedis starts a Redis server for a test that kills or stops it.
func OwnRedis(t testing.TB) *servers.Server {
	t.Helper()
	needs(t, servers.RedisPrograms)
	s, err := servers.Redis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// OwnRabbit starts a RabbitMQ cluster of n nodes for a test that kills or stops nodes.
func OwnRabbit(t testing.TB, n int) []*servers.Rabbit {
	t.Helper()
	needs(t, servers.RabbitPrograms)
	nodes, err := servers.RabbitCluster(n)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range nodes {
		t.Cleanup(r.Stop) // cleanups run in reverse order, so the first node stops last
	}
	return nodes
}

// needs skips the test under -short, and if none of the programs is installed.
func needs(t testing.TB, programs []string) {
	t.Helper()
	NotShort(t)
	installed := func(p string) bool { _, err := exec.LookPath(p); return err == nil }
	if !slices.ContainsFunc(programs, installed) {
		Missing(t, fmt.Sprintf("none of %v is installed", programs))
	}
}
