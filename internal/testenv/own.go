package testenv

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// OwnRedis starts a Redis server for this test alone, to be broken.
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

// OwnRabbit starts a RabbitMQ of n nodes for this test alone, to be broken.
func OwnRabbit(t testing.TB, n int) []*servers.Rabbit {
	t.Helper()
	needs(t, servers.RabbitPrograms)
	nodes, err := servers.RabbitCluster(n)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range nodes {
		t.Cleanup(r.Stop) // the first last
	}
	return nodes
}

func needs(t testing.TB, programs []string) {
	t.Helper()
	NotShort(t)
	if !slices.ContainsFunc(programs, func(p string) bool { _, err := exec.LookPath(p); return err == nil }) {
		Missing(t, fmt.Sprintf("none of %v is installed", programs))
	}
}
