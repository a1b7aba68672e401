package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/monitor"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// ownRedis starts a Redis server for the test and returns its URL and a client.
func ownRedis(t *testing.T) (url string, r *redis.Client) {
	t.Helper()
	url = testenv.OwnRedis(t).URL
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	r = redis.NewClient(o)
	t.Cleanup(func() { r.Close() })
	return url, r
}

// redisDo runs Redis commands, like "config set maxmemory 1".
func redisDo(t *testing.T, r *redis.Client, commands ...string) {
	t.Helper()
	for _, c := range commands {
		var args []any
		for _, word := range strings.Fields(c) {
			args = append(args, strings.Trim(word, "'"))
		}
		if err := r.Do(t.Context(), args...).Err(); err != nil {
			t.Fatalf("%s: %v", c, err)
		}
	}
}

// healthz returns the response of /healthz for roles that use the Redis server at url. Each call runs the
// checks again.
func healthz(t *testing.T, url string, roles ...Role) (status int, body string) {
	t.Helper()
	p := New(Config{}, Servers{AMQP: "amqp://unused.example", Redis: url}, slog.New(slog.DiscardHandler), nil)
	store, stop, err := p.servers.OpenRedis(t.Context(), p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	h := &monitor.Monitor{}
	h.Add(monitor.Check{Name: "redis", Run: p.newRedisHealth(store, "mw:", "test", roles).check})
	runMonitor(t, h)
	for { // until the first result
		if status, body = answer(h, "/healthz"); !strings.Contains(body, "no result yet") {
			return status, body
		}
	}
}

// runMonitor runs m until the test ends.
func runMonitor(t *testing.T, m *monitor.Monitor) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

// answer returns the response of m, with details, to a request for path.
func answer(m *monitor.Monitor, path string) (status int, body string) {
	mux := http.NewServeMux()
	m.Handle(mux, func(*http.Request) bool { return true })
	response := httptest.NewRecorder()
	mux.ServeHTTP(response, httptest.NewRequest(http.MethodGet, path, nil))
	return response.Code, response.Body.String()
}

// While Redis refuses writes, /healthz fails for roles that need writes, and warns for the others. It passes
// again when Redis accepts writes. The tests named TestCase… cover situations that earlier versions
// handled wrongly.
func TestCaseRedisRefusesWrites(t *testing.T) {
	url, r := ownRedis(t)
	for _, tc := range []struct{ name, refuse, recover, want string }{
		{"replica", "replicaof 127.0.0.1 1", "replicaof no one", "READONLY"},
		{"memory is full", "config set maxmemory 1", "config set maxmemory 0", "OOM"},
		{"too few replicas", "config set min-replicas-to-write 1", "config set min-replicas-to-write 0", "NOREPLICAS"},
		{"user may only read", "acl setuser default -@write", "acl setuser default +@all", "NOPERM"},
	} {
		redisDo(t, r, tc.refuse)
		for role, code := range map[Role]int{
			RoleParser: 503, RoleScheduler: 503, RoleConsumers: 503, RoleAPI: 200, RoleFanout: 200,
		} {
			got, body := healthz(t, url, role)
			if got != code || !strings.Contains(body, "Redis refuses writes: "+tc.want) {
				t.Errorf("%s, role %s: response %d %s, want %d and %s", tc.name, role, got, body, code, tc.want)
			}
		}
		redisDo(t, r, tc.recover)
		if code, body := healthz(t, url, RoleParser); code != 200 || !strings.Contains(body, `"pass"`) {
			t.Errorf("%s: response %d %s after the recovery, want pass", tc.name, code, body)
		}
	}
}

// The same health check notices each change to the settings of Redis. It logs a wrong setting once.
func TestRedisHealthFollowsTheServer(t *testing.T) {
	_, r := ownRedis(t)
	var log testenv.Log
	h := &redisHealth{redis: r, probe: "mw:probe", log: slog.New(slog.NewTextHandler(&log, nil)), writes: true}
	check := func() string {
		h.inspected = time.Time{} // the next check inspects the settings
		return fmt.Sprint(h.check(t.Context()))
	}
	for _, step := range []struct{ command, want string }{
		{"config set maxmemory-policy allkeys-lru", "maxmemory-policy allkeys-lru"},
		{"config set maxmemory-policy volatile-ttl", "maxmemory-policy volatile-ttl"},
		{"config set maxmemory-policy noeviction", "[]"},
		{"config set appendonly no", "appendonly no"},
		{"replicaof 127.0.0.1 1", "Redis is a replica of 127.0.0.1:1"},
		{"replicaof no one", "appendonly no"},
		{"config set appendonly yes", "[]"},
	} {
		redisDo(t, r, step.command)
		if got := check(); !strings.Contains(got, step.want) {
			t.Errorf("after %q, health is %s, want %s", step.command, got, step.want)
		}
		check() // must not log the same issue again
	}
	if n := strings.Count(log.String(), "allkeys-lru"); n != 1 {
		t.Errorf("the wrong policy is logged %d times, want once:\n%s", n, log.String())
	}
	if ttl := r.TTL(t.Context(), "mw:probe").Val(); ttl <= 0 || ttl > probeTime {
		t.Errorf("the TTL of the probe is %v, want more than 0 and at most %v", ttl, probeTime)
	}
}

// At startup, a process logs wrong settings of Redis.
func TestCaseRedisIsChecked(t *testing.T) {
	url, r := ownRedis(t)
	redisDo(t, r, "config set maxmemory-policy allkeys-lru", "config set appendonly no")
	var log testenv.Log
	p := New(Config{}, Servers{AMQP: "amqp://unused.example", Redis: url}, slog.New(slog.NewTextHandler(&log, nil)), nil)
	store, stop, err := p.servers.OpenRedis(t.Context(), p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	broker, err := p.servers.OpenBroker("", p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	if _, err := p.prepare(t.Context(), broker, store, []Role{RoleFanout}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"maxmemory-policy allkeys-lru", "set maxmemory-policy noeviction", "set appendonly yes",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
	code, body := healthz(t, url, RoleFanout)
	if code != 200 || !strings.Contains(body, "warn") || !strings.Contains(body, "appendonly no") {
		t.Errorf("response %d %s, want warn with appendonly no", code, body)
	}
}

// An ACL can forbid INFO or CONFIG. Either command is enough to check the settings. If the ACL forbids
// both, the log says so.
func TestRedisForbidsConfig(t *testing.T) {
	url, r := ownRedis(t)
	redisDo(t, r, "config set maxmemory-policy allkeys-lru")
	for user, want := range map[string]string{
		"noconfig": "maxmemory-policy allkeys-lru",
		"noinfo":   "maxmemory-policy allkeys-lru",
		"neither":  "cannot check the settings of Redis",
	} {
		redisDo(t, r, "acl setuser "+user+" on >"+testenv.Secret+" ~* &* +@all"+
			map[string]string{"noconfig": " -config", "noinfo": " -info", "neither": " -config -info"}[user])
		var log testenv.Log
		withUser := strings.Replace(url, "://", "://"+user+":"+testenv.Secret+"@", 1)
		servers := Servers{AMQP: "amqp://unused.example", Redis: withUser}
		store, stop, err := servers.OpenRedis(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		h := &redisHealth{redis: store, probe: "mw:probe", log: slog.New(slog.NewTextHandler(&log, nil))}
		h.check(t.Context())
		stop()
		if !strings.Contains(log.String(), want) {
			t.Errorf("user %s: log %s, want %q", user, log.String(), want)
		}
		testenv.NoSecret(t, log.String())
	}
}

// OpenRedis refuses the URL of a single server for a node of a cluster, and the other way round.
func TestCaseRedisClusterNeedsItsURL(t *testing.T) {
	port, err := servers.FreePort() // by default, the port of the cluster can be that of an outgoing connection
	if err != nil {
		t.Fatal(err)
	}
	node := testenv.OwnRedis(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(port))
	single := testenv.OwnRedis(t)
	for url, want := range map[string]string{
		node.URL: "add ?addr=", single.URL + "?addr=" + strings.TrimPrefix(single.URL, "redis://"): "remove addr",
	} {
		_, _, err = Servers{AMQP: "amqp://unused.example", Redis: url}.OpenRedis(t.Context(), slog.New(slog.DiscardHandler))
		if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("OpenRedis: %v, want a usage error with %q", err, want)
		}
	}
	o, err := redis.ParseURL(node.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := redis.NewClient(o)
	defer r.Close()
	// If the server was unreachable when the process started, the health check reports cluster mode.
	h := &redisHealth{redis: r, probe: "mw:probe", log: slog.New(slog.DiscardHandler)}
	if got := fmt.Sprint(h.check(t.Context())); !strings.Contains(got, "add ?addr=") {
		t.Errorf("health is %s, want an issue about cluster mode", got)
	}
}

// clockIssues reports a wrong clock. It does not report a slow answer from Redis.
func TestClockIssues(t *testing.T) {
	now := time.Now()
	for _, tc := range []struct {
		redis time.Duration // the clock of Redis, relative to the clock of this machine
		took  time.Duration // how long Redis took to answer
		want  string
		down  bool
	}{
		{0, 0, "", false},
		{900 * time.Millisecond, 0, "", false},
		{-900 * time.Millisecond, 0, "", false},
		{2500 * time.Millisecond, 3 * time.Second, "", false}, // Redis may have answered 2.5 s after the request
		{2 * time.Second, 0, "2s behind the clock of Redis", false},
		{-2 * time.Second, 3 * time.Second, "2s ahead of the clock of Redis", false},
		{-time.Minute, 0, "1m0s ahead of", true},
		{time.Minute, 0, "1m0s behind", true},
	} {
		got := clockIssues(now.Add(tc.redis), now, now.Add(tc.took))
		if tc.want == "" {
			if got != nil {
				t.Errorf("clock of Redis off by %v, answer after %v: issues %v, want none", tc.redis, tc.took, got)
			}
			continue
		}
		if len(got) != 1 || !strings.Contains(got[0].Text, tc.want) || got[0].Down != tc.down {
			t.Errorf("clock of Redis off by %v, answer after %v: issues %v, want %q, down: %v",
				tc.redis, tc.took, got, tc.want, tc.down)
		}
	}
}
