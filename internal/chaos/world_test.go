package chaos

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/redisclient"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// A world is the pipeline with its servers and receivers.
type world struct {
	*testing.T
	seed uint64
	rand *rand.Rand

	nodes      []*servers.Rabbit
	redis      *servers.Server       // nil if group is not nil
	group      *testenv.RedisGroup   // nil if there is a single Redis server
	amqpNet    []*testenv.Proxy      // one between the roles and each node
	redisNet   *testenv.Proxy        // between the roles and a single Redis server
	store      redis.UniversalClient // connected without the proxy
	site       *site
	config     string   // path of the config file
	health     string   // address of the parser's health endpoint
	listen     string   // address of fanout
	token      string   // token of the client of fanout; "" if it needs none
	env        []string // environment variables of the roles
	parser     *process
	consumers  [2]*process
	fanout     *process
	log        *ledger // events in the event log
	hook       *ledger // events of notifications
	socket     *ledger // events at a client of fanout
	waves      []wave
	size       wave         // size of the waves; it has no name
	socketGaps atomic.Int64 // number of times that the client of fanout could not resume
}

// newWorld starts a Redis server and the given number of RabbitMQ nodes. It does not start the roles.
func newWorld(t *testing.T, nodes int, seed uint64) *world { return newWorldOn(t, nodes, seed, nil) }

// newWorldOn is like newWorld, but uses a group of Redis servers if group is not nil.
func newWorldOn(t *testing.T, nodes int, seed uint64, group *testenv.RedisGroup) *world {
	w := &world{T: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 1)), group: group}
	w.log, w.hook, w.socket = newLedger(), newLedger(), newLedger()
	w.nodes = testenv.OwnRabbit(t, nodes)
	var urls []string
	for _, n := range w.nodes {
		p := testenv.NewProxy(t, n.URL)
		w.amqpNet = append(w.amqpNet, p)
		urls = append(urls, p.URL)
	}
	var redisURL, direct string
	if group == nil {
		w.redis = testenv.OwnRedis(t)
		w.redisNet = testenv.NewProxy(t, w.redis.URL)
		redisURL, direct = w.redisNet.URL, w.redis.URL
	} else {
		redisURL, direct = group.URL, group.URL
	}
	w.env = []string{"AMQP_URL=" + strings.Join(urls, ","), "REDIS_URL=" + redisURL}
	var err error
	if w.store, err = redisclient.New(direct, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })

	w.site = newSite(t)
	w.listen = freeAddress(t)
	w.config = w.writeConfig(newWebhook(t, w.hook).URL, w.listen)
	program := build(t)
	run := func(name string, roles ...string) *process {
		r := &process{t: t, name: name, program: program, env: w.env, log: filepath.Join(filepath.Dir(w.config), name+".log"),
			args: append([]string{"run", "--config", w.config}, roles...)}
		t.Cleanup(r.stop)
		return r
	}
	w.parser, w.fanout = run("parser", "scheduler", "parser"), run("fanout", "fanout")
	w.health = freeAddress(t)
	w.parser.args = append(w.parser.args, "--listen", w.health)
	w.consumers = [2]*process{run("consumers-1", "consumers"), run("consumers-2", "consumers")}

	return w
}

// watch records the events in the event log and the events that a client of fanout receives, until
// the test ends.
func (w *world) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	var direct []string
	for _, n := range w.nodes {
		direct = append(direct, n.URL)
	}
	var watching sync.WaitGroup
	watching.Go(func() { w.readLog(ctx, strings.Join(direct, ",")) })
	watching.Go(func() { follow(ctx, w.listen, w.token, w.socket, &w.socketGaps) })
	w.Cleanup(func() { cancel(); watching.Wait() })
}

// freeAddress returns a free address on the loopback interface.
func freeAddress(t *testing.T) string {
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + strconv.Itoa(port)
}

// startRoles starts the roles, the parser last. The site must be playing a wave.
func (w *world) startRoles() {
	w.fanout.start(fanoutReady)
	for _, c := range w.consumers {
		c.start(consumersReady)
	}
	w.parser.start(parserReady)
}

// writeConfig writes the config and the profile, and returns the path of the config.
func (w *world) writeConfig(hook, listen string) string {
	w.Helper()
	dir := w.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "chaos.yaml"), []byte(profile), 0o600); err != nil {
		w.Fatal(err)
	}
	var c strings.Builder
	fmt.Fprintf(&c, `fetch: {ignore_robots: true, private_addresses: true}
listen: '%s'
stop_delay: 1s
consumers:
  scoreboard:
  notify: {channels: {hook: {webhook: {url: '%s'}}}, rules: [{topics: ['#']}]}
sources:
`, listen, hook)
	for _, url := range w.site.urls {
		fmt.Fprintf(&c, "  - {url: '%s', profile: chaos.yaml, every: 1s}\n", url)
	}
	file := filepath.Join(dir, "matchwire.yaml")
	if err := os.WriteFile(file, []byte(c.String()), 0o600); err != nil {
		w.Fatal(err)
	}
	return file
}

// readLog records the events in the event log until ctx ends. It connects without the proxy.
func (w *world) readLog(ctx context.Context, urls string) {
	b, err := rabbit.New(urls, rabbit.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.Error(err)
		return
	}
	defer b.Close()
	err = b.ReadLog(ctx, broker.Start, nil, func(_ broker.Cursor, m broker.Message) error {
		if e, err := event.Decode(m.Body); err == nil {
			w.log.add(e)
		}
		return nil
	})
	if err != nil {
		w.Errorf("reading the log: %v", err)
	}
}
