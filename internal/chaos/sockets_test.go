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

// A stadium is many clients of one stream of events, which must see each once.
type stadium struct {
	*testing.T
	path    string // of the streams, with what they ask for
	dialer  websocket.Dialer
	dialing chan struct{} // tokens of handshakes under way

	sockets []*socket
	address atomic.Value // where to connect
	lost    atomic.Int64 // connections that ended
	gaps    atomic.Int64 // events missed, come twice, or a snapshot in place of events
}

// A socket comes back as the client in JavaScript does.
type socket struct {
	cursor string
	last   atomic.Int64 // seq of the latest event
	away   atomic.Int64 // since when it is not connected, in Unix ms; 0: it is
	back   atomic.Int64 // when it was last connected again, in Unix ms
}

// follow keeps a socket connected until ctx ends.
func (s *stadium) follow(ctx context.Context, k *socket) {
	failures := 0
	for ctx.Err() == nil {
		if s.read(ctx, k, s.address.Load().(string)) {
			failures = 0
		}
		if ctx.Err() != nil {
			return
		}
		k.away.CompareAndSwap(0, time.Now().UnixMilli())
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

// read reads one connection to its end, and reports whether there was one.
func (s *stadium) read(ctx context.Context, k *socket, address string) bool {
	s.dialing <- struct{}{}
	conn, resp, err := s.dialer.DialContext(ctx, "ws://"+address+s.path+"&cursor="+url.QueryEscape(k.cursor), nil)
	<-s.dialing
	if err != nil {
		if resp != nil && resp.StatusCode < 500 && ctx.Err() == nil {
			s.Errorf("refused: %v", resp.Status)
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
				s.lost.Add(1)
			}
			return true
		}
		s.take(k, b)
	}
}

// take looks at a frame, with as little work as will do: there are many.
func (s *stadium) take(k *socket, b []byte) {
	if i := bytes.Index(b, []byte(`"seq":`)); i >= 0 && bytes.HasPrefix(b, []byte(`{"cursor"`)) && bytes.Contains(b[:60], []byte(`"event"`)) {
		end := i + len(`"seq":`)
		for end < len(b) && b[end] >= '0' && b[end] <= '9' {
			end++
		}
		n, _ := strconv.ParseInt(string(b[i+len(`"seq":`):end]), 10, 64)
		if n != k.last.Load()+1 {
			s.gaps.Add(1)
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
		s.Errorf("frame %.100s: %v", b, err)
		return
	}
	if f.Snapshot != nil {
		if k.cursor != "" {
			s.gaps.Add(1)
		}
		for _, m := range f.Snapshot.Matches {
			k.last.Store(m.Seq)
		}
	}
	k.cursor = f.Cursor
	if k.away.Load() != 0 {
		k.back.Store(time.Now().UnixMilli())
		k.away.Store(0)
	}
}

// connected counts those that are.
func (s *stadium) connected() (n int) {
	for _, k := range s.sockets {
		if k.away.Load() == 0 {
			n++
		}
	}
	return n
}

// fill opens the sockets and waits until all have their first frame.
func (s *stadium) fill(ctx context.Context, group *sync.WaitGroup, n int) {
	for range n {
		k := &socket{}
		k.away.Store(1)
		s.sockets = append(s.sockets, k)
		group.Go(func() { s.follow(ctx, k) })
	}
	s.until("all to be connected", func() bool { return s.connected() == n })
}

func (s *stadium) until(what string, done func() bool) {
	s.Helper()
	testenv.Eventually(s, done, "%s", what)
}

// nodes are processes of role fanout on one broker and one Redis.
type nodes struct {
	all    []*role
	listen []string
	gate   string // address of a gateway before them
	broker *rabbit.Broker
	n      int64 // events published
}

func startNodes(t *testing.T, count int) *nodes {
	amqp, store := testenv.OwnRabbit(t, 1)[0], testenv.OwnRedis(t)
	env := []string{"AMQP_URL=" + amqp.URL, "REDIS_URL=" + store.URL}
	program, dir := build(t), t.TempDir()
	s := &nodes{gate: freeAddress(t)}
	run := func(name string, args ...string) *role {
		r := &role{t: t, name: name, program: program, env: env, log: filepath.Join(dir, name+".log"), args: args}
		t.Cleanup(r.stop)
		r.start("msg=serving")
		return r
	}
	for i := range count {
		at := freeAddress(t)
		s.listen = append(s.listen, at)
		s.all = append(s.all, run(fmt.Sprint("fanout-", i+1), "run", "fanout", "--listen", at, "--name", fmt.Sprint("fanout-", i+1)))
	}
	run("gateway", "gateway", "--listen", s.gate)
	var err error
	if s.broker, err = rabbit.New(amqp.URL, rabbit.Options{Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.broker.Close() })
	for _, at := range append(s.listen, s.gate) {
		testenv.Eventually(t, func() bool { return well(at) }, "%s to be well", at)
	}
	return s
}

func well(address string) bool {
	resp, err := http.Get("http://" + address + "/healthz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	// A gateway without api is not down, and lists its nodes within a second.
	return resp.StatusCode == http.StatusOK
}

// connections is how many clients a node has.
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
				t.Fatalf("connections: %q, %v", n, err)
			}
			return int64(v)
		}
	}
	t.Fatal("no matchwire_fanout_connections among the metrics")
	return 0
}

// publish emits the next event.
func (s *nodes) publish(t *testing.T) {
	n := s.n + 1
	_, err := s.broker.Publish(t.Context(), goal(t, "m1", n, event.Data{Player: fmt.Sprint("Player ", n), Score: &event.Score{Home: 1}}))
	if err != nil {
		t.Fatal(err)
	}
	s.n = n
}

// goal is the n-th event of a match, of about 1,100 bytes.
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

// TestNodeKilled has a node killed while events flow. Its clients come back on
// the others, through a gateway or by themselves, and each has every event once.
func TestNodeKilled(t *testing.T) {
	beside(t)
	type row struct {
		name                      string
		nodes, sockets, perSecond int
		gateway                   bool
		back                      time.Duration // within which all must be
	}
	rows := []row{{"three nodes behind a gateway", 3, 60, 20, true, 5 * time.Second}}
	if incidents(t) > 0 {
		rows = []row{
			{"three nodes behind a gateway", 3, 1000, 20, true, 5 * time.Second},
			{"two nodes", 2, 10_000, 4, false, 0},
		}
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			s := startNodes(t, r.nodes)
			crowd := &stadium{T: t, path: "/ws?match=m1", dialing: make(chan struct{}, 200), dialer: websocket.Dialer{
				ReadBufferSize: 4096, WriteBufferPool: &sync.Pool{}, HandshakeTimeout: 30 * time.Second,
				NetDialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			}}
			ctx, cancel := context.WithCancel(t.Context())
			var group sync.WaitGroup
			defer group.Wait()
			defer cancel()
			s.publish(t)
			crowd.address.Store(s.listen[0]) // all on the one that is killed
			if r.gateway {
				crowd.address.Store(s.gate)
			}
			began := time.Now()
			crowd.fill(ctx, &group, r.sockets)
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
			flows := func() { // two seconds' worth of events
				n := crowd.sockets[0].last.Load() + int64(2*r.perSecond)
				crowd.until("events to flow", func() bool { return crowd.sockets[0].last.Load() >= n })
			}
			flows()
			if !r.gateway {
				crowd.address.Store(s.listen[1]) // those who come back go there
			}
			there := connections(t, s.listen[0])
			killed := time.Now()
			s.all[0].kill()
			crowd.until("the killed node's clients to notice", func() bool { return crowd.lost.Load() >= there })
			crowd.until("all to be back", func() bool { return crowd.connected() == r.sockets })
			var last time.Duration
			for _, k := range crowd.sockets {
				last = max(last, time.UnixMilli(k.back.Load()).Sub(killed))
			}
			flows()
			stop()
			publishing.Wait()
			crowd.until("all to have every event", func() bool {
				for _, k := range crowd.sockets {
					if k.last.Load() != s.n {
						return false
					}
				}
				return true
			})
			t.Logf("%d sockets connected in %.1f s; %d lost their node during %d events a second, the last was back after %.1f s; %d events missed or doubled, of %d to each",
				r.sockets, connected.Seconds(), crowd.lost.Load(), r.perSecond, last.Seconds(), crowd.gaps.Load(), s.n)
			if crowd.gaps.Load() > 0 {
				t.Errorf("%d events were missed or came twice", crowd.gaps.Load())
			}
			if r.back > 0 && last > r.back && !testenv.Race {
				t.Errorf("the last was back after %v, want %v", last, r.back)
			}
		})
	}
}
