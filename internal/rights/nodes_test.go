package rights_test

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/redisclient"
	"github.com/matchwire/matchwire/internal/rights"
	"github.com/matchwire/matchwire/internal/testenv"
)

// freePorts returns ports on which no process listens.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports = append(ports, port)
	}
	return ports
}

// The scripts in deploy/three-nodes start three Redis servers and three Sentinels with the users of Write. When the
// master is killed, the user of a role reaches the new master with its URL.
func TestThreeNodesOfRedis(t *testing.T) {
	testenv.NotShort(t)
	if _, err := exec.LookPath("redis-server"); err != nil {
		testenv.Missing(t, "redis-server is not installed")
	}
	ports, dir := freePorts(t, 6), t.TempDir()
	u := url.URL{Scheme: "redis", Host: "127.0.0.1:" + ports[3], RawQuery: "master_name=matchwire&addr=127.0.0.1:" +
		ports[4] + "&addr=127.0.0.1:" + ports[5]}
	if _, err := rights.Write(dir, "", rights.Servers{AMQP: "amqp://rabbitmq:5672/", Redis: u.String()}); err != nil {
		t.Fatal(err)
	}
	var nodes []*exec.Cmd
	for i, port := range ports {
		script := "start-redis.sh"
		if i >= 3 {
			script = "start-sentinel.sh"
		}
		data := filepath.Join(dir, port)
		if err := os.Mkdir(data, 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "../../deploy/three-nodes/"+script)
		cmd.Env = append(os.Environ(), "DATA="+data, "NODE=127.0.0.1", "PORT="+port, "SECRETS="+filepath.Join(dir, "redis"),
			"MASTER=127.0.0.1 "+ports[0])
		var log strings.Builder
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if t.Failed() {
				t.Logf("%s at port %s:\n%s", script, port, log.String())
			}
		})
		nodes = append(nodes, cmd)
	}
	text, err := os.ReadFile(filepath.Join(dir, "parser", "redis_url"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := redisclient.New(string(text), redisclient.AttemptTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	info := func() string {
		found, _ := r.Info(t.Context(), "replication").Result() // fails until a server is the master
		return found
	}
	testenv.Eventually(t, func() bool { return strings.Contains(info(), "connected_slaves:2") }, "two replicas")
	sentinel := redis.NewSentinelClient(&redis.Options{Addr: "127.0.0.1:" + ports[3]})
	defer sentinel.Close()
	testenv.Eventually(t, func() bool {
		others, _ := sentinel.Sentinels(t.Context(), "matchwire").Result()
		replicas, _ := sentinel.Replicas(t.Context(), "matchwire").Result()
		return len(others) == 2 && len(replicas) == 2
	}, "the Sentinels to know each other and the replicas")
	if err := sentinel.Failover(t.Context(), "matchwire").Err(); err == nil || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("a client without a password starts a failover: error %v, want NOPERM", err)
	}

	if err := nodes[0].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, func() bool {
		found := info()
		return strings.Contains(found, "role:master") && strings.Contains(found, "connected_slaves:1")
	}, "a new master with the other replica")
}
