package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A crowd is a group of clients of one stream of events. Each client must receive each event once.
type crowd struct {
	*testing.T
	path    string // URL path and query of the stream
	dialer  websocket.Dialer
	dialing chan struct{} // limits the number of handshakes in progress

	sockets []*socket
	address atomic.Value // address to connect to
	lost    atomic.Int64 // number of connections that ended
	gaps    atomic.Int64 // number of gaps and repetitions in the seqs, and of snapshots that replaced events
}

// A socket is a client that reconnects as the JavaScript client does.
type socket struct {
	cursor       string
	last         atomic.Int64 // seq of the latest event
	disconnected atomic.Int64 // Unix ms when the connection ended; 0 while connected, 1 before the first connection
	back         atomic.Int64 // Unix ms of the latest connection
}

// follow keeps a socket connected until ctx ends.
func (c *crowd) follow(ctx context.Context, k *socket) {
	failures := 0
	for ctx.Err() == nil {
		if c.read(ctx, k, c.address.Load().(string)) {
			failures = 0
		}
		if ctx.Err() != nil {
			return
		}
		k.disconnected.CompareAndSwap(0, time.Now().UnixMilli())
		most := time.Second << min(failures, 5)
		pause := time.Duration(rand.Int64N(int64(most)))
		if failures > 0 {
			pause = most/2 + pause/2
		}
		failures++
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// read connects and reads frames until the connection ends. It reports whether it connected.
func (c *crowd) read(ctx context.Context, k *socket, address string) bool {
	c.dialing <- struct{}{}
	conn, resp, err := c.dialer.DialContext(ctx, "ws://"+address+c.path+"&cursor="+url.QueryEscape(k.cursor), nil)
	<-c.dialing
	if err != nil {
		if resp != nil && resp.StatusCode < 500 && ctx.Err() == nil {
			c.Errorf("the server rejected the connection: %v", resp.Status)
		}
		return false
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	for {
		_, b, err := conn.ReadMessage()
		if err != nil {
			if ctx.Err() == nil {
				c.lost.Add(1)
			}
			return true
		}
		c.receive(k, b)
	}
}

// receive checks a frame and updates k. It decodes only the cursor and the seq of an event, because
// there are many events.
func (c *crowd) receive(k *socket, b []byte) {
	isEvent := bytes.HasPrefix(b, []byte(`{"cursor"`)) && bytes.Contains(b[:min(len(b), 60)], []byte(`"event"`))
	if i := bytes.Index(b, []byte(`"seq":`)); i >= 0 && isEvent {
		end := i + len(`"seq":`)
		for end < len(b) && b[end] >= '0' && b[end] <= '9' {
			end++
		}
		n, _ := strconv.ParseInt(string(b[i+len(`"seq":`):end]), 10, 64)
		if n != k.last.Load()+1 {
			c.gaps.Add(1)
		}
		k.last.Store(n)
		k.cursor = string(b[len(`{"cursor":"`) : bytes.IndexByte(b[12:], '"')+12])
		return
	}
	var f struct {
		Cursor   string
		Resumed  bool
		Snapshot *struct{ Matches []struct{ Seq int64 } }
	}
	if err := json.Unmarshal(b, &f); err != nil {
		c.Errorf("frame %.100s: %v", b, err)
		return
	}
	if f.Snapshot != nil {
		if k.cursor != "" {
			c.gaps.Add(1)
		}
		for _, m := range f.Snapshot.Matches {
			k.last.Store(m.Seq)
		}
	}
	k.cursor = f.Cursor
	if k.disconnected.Load() != 0 {
		k.back.Store(time.Now().UnixMilli())
		k.disconnected.Store(0)
	}
}

// connected returns the number of connected sockets.
func (c *crowd) connected() (n int) {
	for _, k := range c.sockets {
		if k.disconnected.Load() == 0 {
			n++
		}
	}
	return n
}

// fill opens n sockets and waits until each socket has received its first frame.
func (c *crowd) fill(ctx context.Context, group *sync.WaitGroup, n int) {
	for range n {
		k := &socket{}
		k.disconnected.Store(1)
		c.sockets = append(c.sockets, k)
		group.Go(func() { c.follow(ctx, k) })
	}
	c.until("all sockets to connect", func() bool { return c.connected() == n })
}

// until waits until done returns true.
func (c *crowd) until(what string, done func() bool) {
	c.Helper()
	testenv.Eventually(c, done, "%s", what)
}

// nodes is a set of processes with the fanout role that share one broker and one Redis server.
type nodes struct {
	all    []*process
	listen []string // addresses of the nodes
	gate   string   // address of a gateway in front of the nodes
	broker *rabbit.Broker
	n      int64 // number of published events
}

// startNodes starts the servers, count nodes and a gateway.
func startNodes(t *testing.T, count int) *nodes {
	amqp, store := testenv.OwnRabbit(t, 1)[0], testenv.OwnRedis(t)
	env := []string{"AMQP_URL=" + amqp.URL, "REDIS_URL=" + store.URL}
	program, dir := build(t), t.TempDir()
	s := &nodes{gate: freeAddress(t)}
	run := func(name string, args ...string) *process {
		r := &process{t: t, name: name, program: program, env: env, log: filepath.Join(dir, name+".log"), args: args}
		t.Cleanup(r.stop)
		r.start(fanoutReady)
		return r
	}
	for i := range count {
		at := freeAddress(t)
		s.listen = append(s.listen, at)
		name := fmt.Sprint("fanout-", i+1)
		s.all = append(s.all, run(name, "run", "fanout", "--listen", at, "--name", name))
	}
	run("gateway", "gateway", "--listen", s.gate)
	var err error
	if s.broker, err = rabbit.New(amqp.URL, rabbit.Options{Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.broker.Close() })
	for _, at := range append(s.listen, s.gate) {
		testenv.Eventually(t, func() bool { return healthy(at) }, "%s to be healthy", at)
	}
	return s
}

// healthy reports whether a node or gateway is healthy.
func healthy(address string) bool {
	resp, err := http.Get("http://" + address + "/healthz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK // a gateway is healthy even if no instance serves the API
}

// connections returns the number of clients that are connected to a node.
func connections(t *testing.T, address string) int64 {
	t.Helper()
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "matchwire_fanout_connections "); ok {
			v, err := strconv.ParseFloat(n, 64)
			if err != nil || v == 0 {
				t.Fatalf("matchwire_fanout_connections %q, %v; want a positive number", n, err)
			}
			return int64(v)
		}
	}
	t.Fatal("the metrics lack matchwire_fanout_connections")
	return 0
}

// publish publishes the next event.
func (s *nodes) publish(t *testing.T) {
	n := s.n + 1
	m := goal(t, "m1", n, event.Data{Player: fmt.Sprint("Player ", n), Score: &event.Score{Home: 1}})
	_, err := s.broker.Publish(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	s.n = n
}

// goal returns event n of a match, a message of about 1,100 bytes.
func goal(t *testing.T, match string, n int64, d event.Data) broker.Message {
	t.Helper()
	d.Epoch, d.Seq, d.Rev, d.Incident, d.Reason = "e1", n, 1, fmt.Sprint("i", n%30), strings.Repeat("x", 500)
	d.Match = &event.Match{ID: match, Home: "A", Away: "B", Status: event.Live}
	e, err := event.Of("soccer.mls.goal", d, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.TID = event.NewTID()
	m, err := broker.NewMessage(e)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// When a node is killed, its clients connect to the other nodes, through a gateway or directly. Each
// client receives each event once.
func TestNodeKilled(t *testing.T) {
	parallel(t)
	type row struct {
		name                      string
		nodes, sockets, perSecond int
		gateway                   bool
		back                      time.Duration // longest time until all clients have reconnected; 0 means no limit
	}
	rows := []row{{"three nodes behind a gateway", 3, 60, 20, true, 5 * time.Second}}
	if longForm(t) {
		rows = []row{
			{"three nodes behind a gateway", 3, 1000, 20, true, 5 * time.Second},
			{"two nodes", 2, 10_000, 4, false, 0},
		}
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			s := startNodes(t, r.nodes)
			c := &crowd{T: t, path: "/ws?match=m1", dialing: make(chan struct{}, 200), dialer: websocket.Dialer{
				ReadBufferSize: 4096, WriteBufferPool: &sync.Pool{}, HandshakeTimeout: 30 * time.Second,
				NetDialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			}}
			ctx, cancel := context.WithCancel(t.Context())
			var group sync.WaitGroup
			defer group.Wait()
			defer cancel()
			s.publish(t)
			c.address.Store(s.listen[0]) // the node that will be killed
			if r.gateway {
				c.address.Store(s.gate)
			}
			began := time.Now()
			c.fill(ctx, &group, r.sockets)
			connected := time.Since(began)

			traffic, stop := context.WithCancel(ctx)
			var publishing sync.WaitGroup
			publishing.Go(func() {
				tick := time.NewTicker(time.Second / time.Duration(r.perSecond))
				defer tick.Stop()
				for traffic.Err() == nil {
					s.publish(t)
					<-tick.C
				}
			})
			defer publishing.Wait()
			defer stop()
			awaitEvents := func() { // waits for the events of the next two seconds
				n := c.sockets[0].last.Load() + int64(2*r.perSecond)
				c.until("events to flow", func() bool { return c.sockets[0].last.Load() >= n })
			}
			awaitEvents()
			if !r.gateway {
				c.address.Store(s.listen[1]) // for the sockets that reconnect
			}
			clients := connections(t, s.listen[0])
			killed := time.Now()
			s.all[0].kill()
			c.until("the clients of the killed node to lose their connections", func() bool { return c.lost.Load() >= clients })
			c.until("all sockets to reconnect", func() bool { return c.connected() == r.sockets })
			var last time.Duration
			for _, k := range c.sockets {
				last = max(last, time.UnixMilli(k.back.Load()).Sub(killed))
			}
			awaitEvents()
			stop()
			publishing.Wait()
			c.until("every socket to have every event", func() bool {
				for _, k := range c.sockets {
					if k.last.Load() != s.n {
						return false
					}
				}
				return true
			})
			t.Logf("%d sockets connected in %.1f s; %d lost their node, the last socket reconnected after %.1f s",
				r.sockets, connected.Seconds(), c.lost.Load(), last.Seconds())
			t.Logf("%d gaps or repetitions, with %d events for each socket, at %d a second", c.gaps.Load(), s.n, r.perSecond)
			if c.gaps.Load() > 0 {
				t.Errorf("%d gaps or repetitions in the events, want 0", c.gaps.Load())
			}
			if r.back > 0 && last > r.back && !testenv.Race {
				t.Errorf("the last socket reconnected after %v, want at most %v", last, r.back)
			}
		})
	}
}
