package chaos

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/testenv/servers"
)

const (
	recoverWithin = 10 * time.Second // of the broker's return
	patience      = 2 * time.Minute  // until all of a wave is everywhere
	notifyLimit   = 8                // notifications that one process has under way
)

// A world is the pipeline and all that it stands on.
type world struct {
	*testing.T
	seed uint64
	rand *rand.Rand

	nodes      []*servers.Rabbit
	redis      *servers.Server
	amqpNet    []*testenv.Proxy // between the roles and each node
	redisNet   *testenv.Proxy
	store      *redis.Client // past the proxy
	site       *site
	config     string
	health     string // address of the parser's
	listen     string // address of fanout
	env        []string
	parser     *role
	consumers  [2]*role
	fanout     *role
	log        *ledger // what the event log holds
	hook       *ledger // what was sent out of the house
	socket     *ledger // what a client of fanout got
	waves      []wave
	size       wave // of each
	socketGaps atomic.Int64
}

// newWorld starts everything, on a broker of n nodes.
func newWorld(t *testing.T, nodes int, seed uint64) *world {
	w := &world{T: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 1)), log: newLedger(), hook: newLedger(), socket: newLedger()}
	w.nodes = testenv.OwnRabbit(t, nodes)
	w.redis = testenv.OwnRedis(t)
	var urls []string
	for _, n := range w.nodes {
		p := testenv.NewProxy(t, n.URL)
		w.amqpNet = append(w.amqpNet, p)
		urls = append(urls, p.URL)
	}
	w.redisNet = testenv.NewProxy(t, w.redis.URL)
	w.env = []string{"AMQP_URL=" + strings.Join(urls, ","), "REDIS_URL=" + w.redisNet.URL}
	opts, err := redis.ParseURL(w.redis.URL)
	if err != nil {
		t.Fatal(err)
	}
	w.store = redis.NewClient(opts)
	t.Cleanup(func() { w.store.Close() })

	w.site = newSite(t)
	w.listen = freeAddress(t)
	w.config = w.writeConfig(newHook(t, w.hook).URL, w.listen)
	program := build(t)
	run := func(name, kind string) *role {
		r := &role{t: t, name: name, program: program, env: w.env, log: filepath.Join(filepath.Dir(w.config), name+".log"),
			args: []string{"run", kind, "--config", w.config}}
		t.Cleanup(r.stop)
		return r
	}
	w.parser, w.fanout = run("parser", "parser"), run("fanout", "fanout")
	w.health = freeAddress(t)
	w.parser.args = append(w.parser.args, "--health", w.health)
	w.consumers = [2]*role{run("consumers-1", "consumers"), run("consumers-2", "consumers")}

	return w
}

// watch has what comes out counted: in the event log and by a client of fanout.
func (w *world) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	var direct []string
	for _, n := range w.nodes {
		direct = append(direct, n.URL)
	}
	var watching sync.WaitGroup
	watching.Go(func() { w.readLog(ctx, strings.Join(direct, ",")) })
	watching.Go(func() { follow(ctx, w.listen, w.socket, &w.socketGaps) })
	w.Cleanup(func() { cancel(); watching.Wait() })
}

func freeAddress(t *testing.T) string {
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + strconv.Itoa(port)
}

// begin starts the roles, the listening ones first. The site must be playing.
func (w *world) begin() {
	w.fanout.start("fanout serves")
	for _, c := range w.consumers {
		c.start("consumer=scoreboard keys")
	}
	w.parser.start("polling")
}

func (w *world) writeConfig(hook, listen string) string {
	w.Helper()
	dir := w.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "chaos.yaml"), []byte(profile), 0o600); err != nil {
		w.Fatal(err)
	}
	var c strings.Builder
	fmt.Fprintf(&c, "fetch: {ignore_robots: true}\nfanout: {listen: '%s'}\nconsumers:\n  scoreboard:\n  notify: {webhook: '%s', keys: ['#']}\nsources:\n", listen, hook)
	for _, url := range w.site.urls {
		fmt.Fprintf(&c, "  - {url: '%s', profile: chaos.yaml, every: 1s}\n", url)
	}
	file := filepath.Join(dir, "matchwire.yaml")
	if err := os.WriteFile(file, []byte(c.String()), 0o600); err != nil {
		w.Fatal(err)
	}
	return file
}

// readLog reads all of the event log, past the proxy.
func (w *world) readLog(ctx context.Context, urls string) {
	b, err := rabbit.New(urls, rabbit.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.Error(err)
		return
	}
	defer b.Close()
	err = b.ReadLog(ctx, event.Start, nil, func(_ event.Cursor, m event.Message) error {
		if e, err := event.Decode(m.Body); err == nil {
			w.log.add(e)
		}
		return nil
	})
	if err != nil {
		w.Errorf("reading the log: %v", err)
	}
}

// A fault happens to a world, and is over when do returns.
type fault struct {
	name string
	do   func(*world)

	forgets bool // what Redis held is gone
	breaks  int  // how often it takes the broker or their lives from the consumers: what they are sending then may be sent again
}

func (w *world) pause(least, most time.Duration) {
	time.Sleep(least + time.Duration(w.rand.Int64N(int64(most-least))))
}

// restarted starts a server again after a while.
func (w *world) restart(s *servers.Server) {
	w.pause(time.Second, 4*time.Second)
	if err := s.Start(); err != nil {
		w.Fatal(err)
	}
}

func (w *world) ctl(args ...string) {
	if _, err := w.nodes[0].Ctl(args...); err != nil {
		w.Fatal(err)
	}
}

// leader is the node that leads most of the queues and streams.
func (w *world) leader() *servers.Rabbit {
	said, err := w.nodes[0].Ctl("list_queues", "--silent", "leader")
	if err != nil {
		w.Fatal(err)
	}
	return slices.MaxFunc(w.nodes, func(a, b *servers.Rabbit) int {
		return strings.Count(said, a.Node) - strings.Count(said, b.Node)
	})
}

// replicated checks that all that is declared stands on every node.
func (w *world) replicated() {
	w.Helper()
	said, err := w.nodes[0].Ctl("list_queues", "--silent", "name", "members")
	if err != nil {
		w.Fatal(err)
	}
	queues := 0
	for line := range strings.Lines(said) {
		queues++
		for _, n := range w.nodes {
			if !strings.Contains(line, n.Node) {
				w.Errorf("%s has no member of %s", n.Node, line)
			}
		}
	}
	if queues < 3 {
		w.Errorf("%d queues:\n%s", queues, said)
	}
}

var (
	nothing      = fault{name: "nothing", do: func(*world) {}}
	brokerKilled = fault{name: "broker killed", breaks: 1, do: func(w *world) {
		w.nodes[0].Kill()
		w.restart(w.nodes[0].Server)
	}}
	networkCut = fault{name: "network cut", breaks: 3, do: func(w *world) {
		for range 3 {
			w.amqpNet[0].Down()
			w.redisNet.Cut()
			w.pause(200*time.Millisecond, 2*time.Second)
			w.amqpNet[0].Up()
			w.pause(0, time.Second)
		}
	}}
	networkStalled = fault{name: "network stalled", breaks: 1, do: func(w *world) {
		w.amqpNet[0].Stall()
		w.pause(3*time.Second, 8*time.Second)
		w.amqpNet[0].Flow()
		w.redisNet.Stall()
		w.pause(3*time.Second, 8*time.Second)
		w.redisNet.Flow()
	}}
	networkSlow = fault{name: "network slow", do: func(w *world) {
		w.amqpNet[0].Slow(50 * time.Millisecond)
		w.redisNet.Slow(5 * time.Millisecond)
		w.pause(3*time.Second, 8*time.Second)
		w.amqpNet[0].Flow()
		w.redisNet.Flow()
	}}
	redisKilled = fault{name: "Redis killed", do: func(w *world) {
		w.redis.Kill()
		w.restart(w.redis)
	}}
	redisLost = fault{name: "Redis lost empty", forgets: true, breaks: 1, do: func(w *world) {
		w.redis.Kill()
		if err := servers.Forget(w.redis); err != nil {
			w.Fatal(err)
		}
		w.restart(w.redis)
	}}
	parserKilled = fault{name: "parser killed", do: func(w *world) {
		w.parser.kill()
		w.pause(0, 3*time.Second)
		w.parser.start("polling")
	}}
	consumersKilled = fault{name: "consumers killed", breaks: 1, do: func(w *world) {
		w.consumers[0].kill()
		w.pause(0, 3*time.Second)
		w.consumers[0].start("consumer=scoreboard keys")
		w.consumers[1].kill()
		w.consumers[1].start("consumer=scoreboard keys")
	}}
	fanoutKilled = fault{name: "fanout killed", do: func(w *world) {
		w.fanout.kill()
		w.pause(0, 3*time.Second)
		w.fanout.start("fanout serves")
	}}
	leaderKilled = fault{name: "leader node killed", breaks: 1, do: func(w *world) {
		leader := w.leader()
		w.replicated()
		leader.Kill()
		killed := time.Now()
		for _, l := range []*ledger{w.log, w.socket, w.hook} {
			w.until("events while a node is away", func() bool { return l.newest().After(killed.Add(2 * time.Second)) })
		}
		w.Logf("events at every receiver %.1f s after the leader's end", time.Since(killed).Seconds())
		if err := leader.Start(); err != nil {
			w.Fatal(err)
		}
	}}
	diskAlarm = fault{name: "disk alarm", do: func(w *world) {
		w.ctl("set_disk_free_limit", "1000000GB")
		w.pause(3*time.Second, 8*time.Second)
		w.ctl("set_disk_free_limit", "50MB")
	}}
)

// A result is a line of the table.
type result struct {
	fault           string
	emitted         int
	log, hook, sock count
	boards          int // that are right
	lost, doubled   int
	recovered       time.Duration // from the end of the fault to an event of after it at every receiver
}

// suffer plays a wave, has the fault happen in the midst of it, and waits until
// all is everywhere.
func (w *world) suffer(f fault) result {
	w.Helper()
	wv := w.size
	wv.name = fmt.Sprint("w", len(w.waves))
	w.waves = append(w.waves, wv)
	w.site.play(wv)
	if len(w.waves) == 1 {
		w.begin()
	}
	at := 0.15 + 0.25*w.rand.Float64()
	w.until("the wave to come", func() bool { return w.site.progress() >= at })
	f.do(w)
	over := time.Now()
	// What was only told as backfill alerts nobody.
	missing := func(l *ledger) int {
		m := l.of(wv).missing
		if l == w.hook && f.forgets {
			return w.log.asNews(m)
		}
		return len(m)
	}
	receivers := []*ledger{w.log, w.socket, w.hook}
	for _, l := range receivers {
		w.until("events after the fault", func() bool { return l.newest().After(over) || missing(l) == 0 })
	}
	recovered := time.Since(over)
	for _, l := range receivers {
		w.until("the whole wave at every receiver", func() bool { return missing(l) == 0 })
	}
	w.until("the scoreboards", func() bool { wrong, _ := boards(w.Context(), w.store, wv); return wrong == 0 })
	time.Sleep(2 * time.Second) // for what should not come
	wrong, _ := boards(w.Context(), w.store, wv)
	r := result{fault: f.name, emitted: wv.incidents(), log: w.log.of(wv), hook: w.hook.of(wv), sock: w.socket.of(wv),
		boards: slots*wv.matches - wrong, recovered: recovered}
	r.lost = missing(w.log) + missing(w.socket) + missing(w.hook)
	r.doubled = r.log.doubled + r.hook.doubled + r.sock.doubled + r.sock.repeated + wrong
	if f.forgets {
		w.rebuild()
	} else {
		r.doubled += r.log.retold + r.hook.retold + r.sock.retold
	}
	w.check(f, r)
	return r
}

// rebuild has the scoreboards of the waves before made again from the log.
func (w *world) rebuild() {
	w.Helper()
	missing := 0
	for _, wv := range w.waves {
		wrong, _ := boards(w.Context(), w.store, wv)
		missing += wrong
	}
	if missing == 0 && len(w.waves) > 1 {
		w.Error("Redis was lost and still has the scoreboards of the waves before")
	}
	cmd := exec.Command(w.parser.program, "rebuild", "scoreboard", "--config", w.config)
	cmd.Env = append(os.Environ(), w.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("rebuild: %v: %s", err, out)
	}
	w.Logf("%d scoreboards of the waves before were lost; rebuild: %s", missing, strings.TrimSpace(string(out)))
	for _, wv := range w.waves {
		if wrong, example := boards(w.Context(), w.store, wv); wrong > 0 {
			w.Errorf("%d scoreboards of wave %s are wrong after the rebuild: %s", wrong, wv.name, example)
		}
	}
}

func (w *world) check(f fault, r result) {
	w.Helper()
	if r.lost > 0 || r.doubled > 0 {
		w.Errorf("%s: lost %d, doubled %d: %+v", f.name, r.lost, r.doubled, r)
	}
	if r.hook.repeated > f.breaks*len(w.consumers)*notifyLimit {
		w.Errorf("%s: %d notifications were repeated, more than were under way", f.name, r.hook.repeated)
	}
	if r.recovered > recoverWithin {
		w.Errorf("%s: recovered after %v", f.name, r.recovered)
	}
}

// until waits, and shows what the roles said if it waits in vain.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			if len(w.waves) > 0 {
				wv := w.waves[len(w.waves)-1]
				wrong, example := boards(w.Context(), w.store, wv)
				w.Errorf("log %+v, notifications %+v, socket %+v, %d scoreboards wrong: %s", w.log.of(wv), w.hook.of(wv), w.socket.of(wv), wrong, example)
			}
			for _, r := range []*role{w.parser, w.consumers[0], w.consumers[1], w.fanout} {
				w.Logf("%s said:\n%s", r.name, r.tail())
			}
			w.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func (w *world) table(results []result) {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "fault\temitted\tlog\tsocket\tnotified\tscoreboards\tlost\tdoubled\tcopies in log\tretold as backfill\tsends repeated\tseconds to recover\t")
	for _, r := range results {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d/%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t\n", r.fault, r.emitted, r.log.delivered, r.sock.delivered, r.hook.delivered,
			r.boards, slots*w.size.matches, r.lost, r.doubled, r.log.repeated, r.log.retold, r.hook.repeated, r.recovered.Seconds())
	}
	_ = tw.Flush()
	w.Logf("seed %d, %d connections of the socket could not resume\n%s", w.seed, w.socketGaps.Load(), b.String())
}

// size is the wave that each fault gets, of so many incidents in all.
func size(incidents, faults int) wave {
	each := incidents / faults / slots
	w := wave{matches: 5, rows: 40, step: 4}
	if each > 1000 {
		w = wave{matches: 25, rows: 100, step: 4}
		w.rows = (each/w.matches/10 + 1) * 10
	}
	return w
}

// incidents is how many there are in all: few, or as many as
// MATCHWIRE_CHAOS_EVENTS says.
func incidents(t *testing.T) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("MATCHWIRE_CHAOS_EVENTS"), "0"))
	if err != nil {
		t.Fatalf("MATCHWIRE_CHAOS_EVENTS: %v", err)
	}
	return n
}

func seed(t *testing.T) uint64 {
	n, err := strconv.ParseUint(cmp.Or(os.Getenv("MATCHWIRE_SEED"), "1"), 10, 64)
	if err != nil {
		t.Fatalf("MATCHWIRE_SEED: %v", err)
	}
	return n
}

func (w *world) sufferAll(faults []fault) {
	w.watch()
	var results []result
	defer func() { w.table(results) }()
	for _, f := range faults {
		results = append(results, w.suffer(f))
	}
}

func TestChaos(t *testing.T) {
	faults := []fault{nothing, brokerKilled, networkCut, networkStalled, networkSlow, redisKilled, parserKilled, consumersKilled, fanoutKilled, diskAlarm, redisLost}
	n := incidents(t)
	if n == 0 {
		faults = []fault{brokerKilled, networkCut, redisKilled, parserKilled, consumersKilled, redisLost}
	}
	w := newWorld(t, 1, seed(t))
	w.size = size(n, len(faults))
	w.sufferAll(faults)
}

func TestChaosCluster(t *testing.T) {
	n := incidents(t)
	if n == 0 {
		t.Skip("three nodes: make chaos")
	}
	faults := []fault{leaderKilled, leaderKilled}
	w := newWorld(t, 3, seed(t))
	w.size = size(n/5, len(faults))
	w.sufferAll(faults)
}
