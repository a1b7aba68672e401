package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/presence"
	"github.com/matchwire/matchwire/internal/testenv"
)

const attacker, victim = "203.0.113.7", "198.51.100.9"

// One address has at most Options.ConnectionsPerAddress connections. Another address is not affected.
func TestConnectionsOfOneAddress(t *testing.T) {
	n := newNodeOf(t, memory.New(nil, nil), fanout.Options{Limits: fanout.Limits{ConnectionsPerAddress: 3}})
	var held []*client
	for range 3 {
		c := n.followFrom(t, attacker, "")
		c.read()
		held = append(held, c)
	}
	for _, path := range []string{"/ws", "/sse"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = from(attacker)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: status %d, Retry-After %q, want 429 with Retry-After", path, resp.StatusCode,
				resp.Header.Get("Retry-After"))
		}
	}
	n.followFrom(t, victim, "").read()
	held[0].conn.Close()
	testenv.Eventually(t, func() bool {
		status, _, _ := n.try(t, "", from(attacker))
		return status == http.StatusSwitchingProtocols
	}, "status 101 after a client of the address has disconnected")
}

// One address that asks for 256 delays gets Options.TimelinesPerAddress of them. Another address still
// gets its own delay, and can use the delays of the first address.
func TestTimelinesOfOneAddress(t *testing.T) {
	b := memory.New(nil, nil)
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	n := newNode(t, b)
	refused := 0
	for i := range 256 {
		c := n.followFrom(t, attacker, fmt.Sprint("delay=", i+1))
		_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, _, err := c.conn.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed) && closed.Code == websocket.CloseTryAgainLater &&
			strings.Contains(closed.Text, "your address"):
			refused++
		case err != nil:
			t.Fatal(err)
		}
	}
	if refused != 256-32 {
		t.Errorf("%d of 256 clients were refused, want 224", refused)
	}
	n.followFrom(t, victim, "delay=1800").read()
	shared := n.followFrom(t, victim, "delay=1")
	shared.read()
	n.followFrom(t, attacker, "delay=1").read() // a delay that this address already uses
	if got := metric(t, n.hub, "matchwire_fanout_timelines"); got != 1+32+1 {
		t.Errorf("%v timelines, want 34: the live one, 32 of one address and 1 of the other", got)
	}
}

// An address whose clients disconnect still holds their timelines until the timelines end. So the address
// cannot start many timelines one after the other. If another address also uses such a timeline, the
// first address no longer holds it.
func TestTimelinesAfterTheirClients(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNodeOf(t, b, fanout.Options{Limits: fanout.Limits{TimelinesPerAddress: 2}})
	one := n.followFrom(t, attacker, "delay=1")
	one.read()
	two := n.followFrom(t, attacker, "delay=2")
	two.read()
	guest := n.followFrom(t, victim, "delay=1")
	guest.read()
	connections := func(want float64) {
		t.Helper()
		testenv.Eventually(t, func() bool { return metric(t, n.hub, "matchwire_fanout_connections") == want },
			"%v connections", want)
	}
	one.conn.Close() // the victim still uses this timeline
	connections(2)
	n.followFrom(t, attacker, "delay=3").read()
	// The attacker now holds the delays 2 and 3, and the victim holds the delay 1.
	if code := n.followFrom(t, attacker, "delay=4").closed(); code != websocket.CloseTryAgainLater {
		t.Errorf("a third delay: closed with %d, want 1013", code)
	}
	connections(3)
	two.conn.Close()
	connections(2)
	started := 0
	count := func() {
		t.Helper()
		if got := metric(t, n.hub, "matchwire_fanout_timelines"); got > 4 {
			t.Errorf("%v timelines, want at most the live one and 3 with delays", got)
		}
	}
	testenv.Eventually(t, func() bool {
		count()
		c := n.followFrom(t, attacker, fmt.Sprint("delay=", 100+started))
		started++
		_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, _, err := c.conn.ReadMessage()
		return err == nil
	}, "another delay after a timeline of the address has ended")
	count()
}

// A gatedLog blocks each call of ReadLog after the first until gate is closed.
type gatedLog struct {
	broker.Log
	gate chan struct{}

	mu      sync.Mutex
	begun   int // calls of ReadLog
	waiting int // calls that the gate has blocked
}

func (l *gatedLog) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	l.mu.Lock()
	l.begun++
	first := l.begun == 1
	if !first {
		l.waiting++
	}
	l.mu.Unlock()
	if !first {
		select {
		case <-l.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return l.Log.ReadLog(ctx, from, caughtUp, h)
}

// blocked returns the number of calls that the gate has blocked.
func (l *gatedLog) blocked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting
}

// Clients of one address with old cursors use at most half of the shared playbacks, so clients of
// another address can catch up at the same time.
func TestPlaybacksOfOneAddress(t *testing.T) {
	b := memory.New(nil, nil)
	shared, saved := watchedCheckpoints(t)
	watch := newNodeWith(t, b, shared.Every(50)).follow(t, "")
	old := watch.read().Cursor
	for i := range int64(200) {
		publishNth(t, b, "m1", "soccer.mls.goal", i+1, nil)
		if _, f := watch.event(); i == 0 {
			old = f.Cursor
		}
		if i%50 == 49 && i > 50 {
			<-saved
		}
	}
	log := &gatedLog{Log: b, gate: make(chan struct{})}
	n := newNodeWith(t, log, shared) // its history begins at a checkpoint
	n.follow(t, "match=none").read()
	var clients []*client
	for i := range 6 { // one after the other, so that they do not share playbacks
		clients = append(clients, n.followFrom(t, attacker, "cursor="+old))
		want := min(i+1, 4)
		testenv.Eventually(t, func() bool { return log.blocked() == want }, "%d playbacks of one address", want)
	}
	clients = append(clients, n.followFrom(t, victim, "cursor="+old))
	testenv.Eventually(t, func() bool { return log.blocked() == 5 }, "a playback of the other address")
	close(log.gate)
	for _, c := range clients {
		if f := c.read(); f.Resumed == nil || !*f.Resumed {
			t.Errorf("first frame %+v, want resumed to be true", f)
		}
		if e, _ := c.event(); e.Data.Seq != 2 {
			t.Errorf("received event %d, want 2", e.Data.Seq)
		}
	}
}

// Searches for the start of a playback take turns: the address with the fewest searches is next.
func TestSearchesTakeTurns(t *testing.T) {
	b := memory.New(nil, nil)
	log := &turnLog{Log: b, turn: make(chan struct{})}
	const clients = 100
	n := newNodeOf(t, log, fanout.Options{
		Checkpoints: oldEvents(t, b), // the history begins at a checkpoint
		Limits:      fanout.Limits{TimelinesPerAddress: clients},
	})
	n.follow(t, "match=none").read()
	for i := range clients {
		n.followFrom(t, attacker, fmt.Sprint("delay=", 3300+i))
	}
	testenv.Eventually(t, func() bool { return log.blocked() == 8 }, "8 searches of one address")
	c := n.followFrom(t, victim, "delay=3500")
	testenv.Eventually(t, func() bool { return n.hub.SearchesWaiting() == clients+1-8 }, "all other searches to wait")
	for range 8 + 8 { // the 8 in progress, and the 8 that take their places, which include the victim's
		log.turn <- struct{}{}
	}
	if f := c.read(); f.Snapshot == nil {
		t.Errorf("first frame %+v, want a snapshot", f)
	}
	close(log.turn)
}

// A turnLog blocks each call of ReadLog after the first until it receives a value from turn.
type turnLog struct {
	broker.Log
	turn chan struct{}

	mu      sync.Mutex
	begun   int
	waiting int // calls that are blocked now
}

func (l *turnLog) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	l.mu.Lock()
	l.begun++
	first := l.begun == 1
	l.mu.Unlock()
	if !first {
		l.count(1)
		select {
		case <-l.turn:
		case <-ctx.Done():
		}
		l.count(-1)
	}
	return l.Log.ReadLog(ctx, from, caughtUp, h)
}

func (l *turnLog) count(change int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting += change
}

// blocked returns the number of calls that are blocked now.
func (l *turnLog) blocked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting
}

// A readCounter counts how often the presence of all nodes is read.
type readCounter struct{ reads atomic.Int64 }

func (*readCounter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (*readCounter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (c *readCounter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "hkeys" {
			c.reads.Add(1)
		}
		return next(ctx, cmd)
	}
}

// A node reads the presence of the other nodes at most once a second, for any number of requests.
func TestPresenceIsReadOncePerSecond(t *testing.T) {
	r := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { r.Close() })
	count := &readCounter{}
	r.AddHook(count)
	n := newNodeOf(t, memory.New(nil, nil), fanout.Options{Presence: presence.NewStore(r, "mw:", "one")})
	n.follow(t, "match=m1").read()
	began := time.Now()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				resp, err := http.Get(n.URL + "/presence")
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("status %d, want 200", resp.StatusCode)
				}
			}
		})
	}
	all.Wait()
	if reads, most := count.reads.Load(), int64(time.Since(began)/time.Second)+2; reads > most {
		t.Errorf("%d reads for 400 requests, want at most %d", reads, most)
	}
}
