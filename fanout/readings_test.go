package fanout_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/eventlog"
)

// A blockingLog counts the calls of ReadLog. Like a slow broker, it blocks each call for an unknown
// cursor until enough calls are running.
type blockingLog struct {
	broker.Log
	enough int

	mu                   sync.Mutex
	calls, running, most int           // all calls, running calls, and the maximum of running calls
	full                 chan struct{} // closed when enough calls are running
}

func (l *blockingLog) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	l.mu.Lock()
	l.calls++
	if l.running++; l.running == l.enough {
		close(l.full)
	}
	l.most = max(l.most, l.running)
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.running--
	}()
	if from.Offset >= 1_000_000 {
		select {
		case <-l.full:
		case <-ctx.Done():
		}
	}
	return l.Log.ReadLog(ctx, from, caughtUp, h)
}

// Clients with unknown cursors share a few reads of the log.
func TestUnknownCursorsShareReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 200
		b := memory.New(nil, nil)
		publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
		log := &blockingLog{Log: b, enough: clients, full: make(chan struct{})}
		n := newPipeNode(t, log, fanout.Options{})
		n.follow(t, "").read()
		var all sync.WaitGroup
		for i := range clients {
			c := n.follow(t, "cursor="+broker.CursorAt(1_000_000+uint64(i), fmt.Sprint("unknown ", i)).String())
			all.Go(func() {
				if f := c.read(); *f.Resumed || score(f) != 1 {
					t.Errorf("client %d: first frame %+v, want a snapshot", i, f)
				}
			})
		}
		all.Wait()
		log.mu.Lock()
		defer log.mu.Unlock()
		if log.calls > clients/4 || log.most > 2 {
			t.Errorf("%d clients caused %d reads of the log, %d of them concurrent, want at most %d reads, 2 concurrent",
				clients, log.calls, log.most, clients/4)
		}
	})
}

// A stalledLog blocks each call of ReadLog until its ctx ends, except the first call, with which the
// node reads the log.
type stalledLog struct {
	broker.Log

	mu            sync.Mutex
	called        bool // ReadLog was called
	stalled, most int  // blocked calls, and the maximum of blocked calls
}

func (l *stalledLog) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	l.mu.Lock()
	if !l.called {
		l.called = true
		l.mu.Unlock()
		return l.Log.ReadLog(ctx, from, caughtUp, h)
	}
	l.stalled++
	l.most = max(l.most, l.stalled)
	l.mu.Unlock()
	<-ctx.Done()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stalled--
	return nil
}

// If the broker sends nothing, the node closes each client whose cursor is ahead of the node. The
// close code is 1013. These clients share reads of the log, and only one read runs at a time.
func TestClientsShareStalledRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 500
		b := memory.New(nil, nil)
		publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
		log := &stalledLog{Log: b}
		n := newPipeNode(t, log, fanout.Options{})
		n.follow(t, "").read()
		var all sync.WaitGroup
		for i := range clients {
			time.Sleep(50 * time.Millisecond) // on the clock of synctest
			c := n.follow(t, "cursor="+broker.CursorAt(1_000_000+uint64(i), fmt.Sprint("unknown ", i)).String())
			all.Go(func() {
				_ = c.conn.SetReadDeadline(time.Now().Add(time.Hour))
				_, _, err := c.conn.ReadMessage()
				if !websocket.IsCloseError(err, websocket.CloseTryAgainLater) {
					t.Errorf("client %d: error %v, want close code 1013", i, err)
				}
			})
		}
		all.Wait()
		log.mu.Lock()
		defer log.mu.Unlock()
		if log.most != 1 {
			t.Errorf("%d clients caused %d concurrent reads of the log, want 1", clients, log.most)
		}
	})
}

// A slowLog delays each call of ReadLog, as a network does, and counts the calls.
type slowLog struct {
	broker.Log

	reads atomic.Int64
}

func (l *slowLog) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	l.reads.Add(1)
	select {
	case <-ctx.Done():
	case <-time.After(100 * time.Millisecond):
	}
	return l.Log.ReadLog(ctx, from, caughtUp, h)
}

// oldEvents publishes 300 events of m1. The page of the first event was read 90 minutes ago, and each
// further page 15 seconds after the previous page. oldEvents returns checkpoints that are 50 events
// apart. The latest checkpoint is after event 251.
func oldEvents(t *testing.T, b *memory.Broker) *eventlog.Checkpoints {
	t.Helper()
	shared, saved := watchedCheckpoints(t)
	watch := newNodeWith(t, b, shared.Every(50)).follow(t, "match=m1")
	watch.read()
	began := time.Now().Add(-90 * time.Minute)
	for i := range int64(300) {
		publishNthAt(t, b, "m1", "soccer.mls.goal", i+1, began.Add(time.Duration(i)*15*time.Second), nil)
		watch.event()
		if i > 50 && i%50 == 25 {
			<-saved
		}
	}
	return shared
}

// Clients that connect at the same time with the same delay share a few reads of the log, even if their
// place is no longer in memory.
func TestClientsWithOneDelayShareReads(t *testing.T) {
	const clients = 100
	b := memory.New(nil, nil)
	shared := oldEvents(t, b)
	log := &slowLog{Log: b}
	n := newNodeWith(t, log, shared) // the history of n begins at a checkpoint
	n.follow(t, "match=none").read()
	var all sync.WaitGroup
	for range clients {
		c := n.follow(t, "delay=3300")
		all.Go(func() { c.read() })
	}
	all.Wait()
	if reads, most := log.reads.Load(), int64(20); reads < 2 || reads > most {
		t.Errorf("%d clients with one delay caused %d reads of the log, want 2 to %d", clients, reads, most)
	}
}

// The node closes a client that, while it waits for a timeline, sends pings and reads nothing. The close
// code is 4001, even if the client has set conflate, because the node has no snapshot for the client yet.
func TestCaseSlowBeforeAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
		n := newPipeNode(t, &stalledLog{Log: b}, fanout.Options{})
		n.follow(t, "").read()
		c := n.follow(t, "conflate=true&cursor="+broker.CursorAt(1_000_000, "unknown").String())
		ping := fmt.Appendf(nil, `{"ping":"%s"}`, strings.Repeat("x", 16_000))
		for i := range 73 { // 1.1 MiB, within the 5 seconds in which the node waits for the message at the cursor
			if i >= 50 {
				time.Sleep(200 * time.Millisecond)
			}
			if err := c.conn.WriteMessage(websocket.TextMessage, ping); err != nil {
				t.Fatal(err)
			}
		}
		if code := c.closed(); code != 4001 {
			t.Errorf("close code %d, want 4001", code)
		}
	})
}
