package fanout_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// Many clients resume at the same time from different cursors that are no longer in the node's memory. One client
// reads nothing. All other clients receive each missed event once, and then the new events.
func TestManyClientsCatchUp(t *testing.T) {
	testenv.NotShort(t)
	const clients, missed, more = 60, 1500, 300
	b := memory.New(nil, nil)
	shared := checkpoints(t).Every(250)
	old := newNodeWith(t, b, shared)
	watch := old.follow(t, "match=m1")
	watch.read()
	var cursors []string
	for i := range int64(missed) {
		match := "m1"
		if i%2 == 1 {
			match = "m2"
		}
		publishNth(t, b, match, "soccer.mls.goal", i/2+1, func(d *event.Data) { d.Reason = strings.Repeat("x", 500) })
		if match == "m1" {
			_, f := watch.event()
			cursors = append(cursors, f.Cursor)
		}
	}
	next := newNodeWith(t, b, shared) // has the last 250 to 500 messages in memory
	var group sync.WaitGroup
	for i := range clients {
		last := rand.IntN(missed / 4) // index of the last event that the client received
		c := next.follow(t, "match=m1&cursor="+cursors[last])
		if i == 0 {
			continue // this client reads nothing
		}
		group.Go(func() {
			if f := c.read(); !*f.Resumed {
				t.Errorf("client %d: first frame %+v, want it to resume from cursor %s", i, f, cursors[last])
				return
			}
			for want := int64(last) + 2; want <= missed/2+more; want++ {
				_ = c.conn.SetReadDeadline(time.Now().Add(60 * time.Second))
				_, text, err := c.conn.ReadMessage()
				if err == nil && !strings.Contains(string(text), `"event"`) {
					want-- // a frame with only a cursor
					continue
				}
				if err != nil || !strings.Contains(string(text), fmt.Sprintf(`"seq":%d`, want)) {
					t.Errorf("client %d received %.300s, error %v, want event %d", i, text, err, want)
					return
				}
			}
		})
	}
	for i := range int64(more) {
		publishNth(t, b, "m1", "soccer.mls.goal", missed/2+i+1, nil)
	}
	group.Wait()
}

// The node closes a client whose delay would need more timelines than the maximum. This client does
// not affect other clients, even if it sends a frame.
func TestDelayLimit(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	live := n.follow(t, "")
	live.read()
	for i := range 256 { // from 16 addresses
		n.followFrom(t, fmt.Sprint("203.0.113.", i/16), fmt.Sprint("delay=", i+1)).read()
	}
	n.followFrom(t, "203.0.113.200", "delay=256").read() // a delay that already has a timeline
	c := n.followFrom(t, "203.0.113.201", "delay=999")
	_ = c.conn.WriteMessage(websocket.TextMessage, []byte(`{"subscribe":{"match":["m1"]}}`))
	if code := c.closed(); code != websocket.CloseTryAgainLater {
		t.Errorf("the client with the 257th delay: closed with %d, want 1013", code)
	}
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	if e, _ := live.event(); e.Data.Seq != 1 {
		t.Errorf("the live client received event %d, want 1", e.Data.Seq)
	}
}

// Playbacks for clients with different delays start at the same time. Each snapshot shows the state at
// the time that the client's delay determines.
func TestPlaybacksWithDifferentDelays(t *testing.T) {
	const clients = 30
	b := memory.New(nil, nil)
	log := &slowLog{Log: b}
	n := newNodeWith(t, log, oldEvents(t, b)) // the history of n begins at a checkpoint
	n.follow(t, "match=none").read()
	var group sync.WaitGroup
	for i := range clients {
		delay := 3300 + i // so 138 to 141 events are due, and some more while the test runs
		c := n.follow(t, fmt.Sprint("delay=", delay))
		group.Go(func() {
			if s := score(c.read()); s < 138 || s > 150 {
				t.Errorf("the snapshot with a delay of %d s has score %d, want 138 to 150", delay, s)
			}
		})
	}
	group.Wait()
	// Each delay needs its own read of the log, in addition to the read for the live timeline.
	if reads := log.reads.Load(); reads <= clients {
		t.Errorf("%d clients with different delays caused %d reads of the log, want more than %[1]d", clients, reads)
	}
}
