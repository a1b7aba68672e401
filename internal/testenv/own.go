package testenv

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// OwnRedis starts a Redis server for this test only. The test may kill or stop the server. args are
// additional arguments for the server.
func OwnRedis(t testing.TB, args ...string) *servers.Server {
	t.Helper()
	requireProgram(t, servers.RedisPrograms)
	s, err := servers.Redis(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// OwnRabbit starts a RabbitMQ cluster of n nodes for this test only. The test may kill or stop nodes.
func OwnRabbit(t testing.TB, n int) []*servers.Rabbit {
	t.Helper()
	requireProgram(t, servers.RabbitPrograms)
	nodes, err := servers.RabbitCluster(n)
	if err != nil { // a free port can be taken before the server listens on it
		t.Logf("RabbitMQ is started again, on other ports: %v", err)
		nodes, err = servers.RabbitCluster(n)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range nodes {
		t.Cleanup(r.Stop) // cleanups run in reverse order, so the first node stops last
	}
	return nodes
}

// requireProgram skips the test under -short. If none of the programs is installed, it calls
// Missing.
func requireProgram(t testing.TB, programs []string) {
	t.Helper()
	NotShort(t)
	installed := func(p string) bool { _, err := exec.LookPath(p); return err == nil }
	if !slices.ContainsFunc(programs, installed) {
		Missing(t, fmt.Sprintf("none of %v is installed", programs))
	}
}
