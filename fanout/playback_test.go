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

// Many clients resume at once from different places that only the log still has. One of them reads
// nothing. The others receive each missed event once, and then the new events.
func TestManyClientsCatchUp(t *testing.T) {
	testenv.NotShort(t)
	const clients, missed, more = 60, 1500, 300
	b := memory.New(nil, nil)
	kept := checkpoints(t).Every(250)
	old := newNodeWith(t, b, kept)
	watch := old.follow(t, "match=m1")
	watch.read()
	var cursors []string
	for i := range int64(missed) {
		match := "m1"
		if i%2 == 1 {
			match = "m2"
		}
		seq(t, b, match, "soccer.mls.goal", i/2+1, func(d *event.Data) { d.Reason = strings.Repeat("x", 500) })
		if match == "m1" {
			_, f := watch.event()
			cursors = append(cursors, f.Cursor)
		}
	}
	next := newNodeWith(t, b, kept) // knows the last 250 to 500 messages
	var group sync.WaitGroup
	for i := range clients {
		had := rand.IntN(missed / 4)
		c := next.follow(t, "match=m1&cursor="+cursors[had])
		if i == 0 {
			continue // this client reads nothing
		}
		group.Go(func() {
			if f := c.read(); !*f.Resumed {
				t.Errorf("client %d: first frame %+v, want it resumed from %s", i, f, cursors[had])
				return
			}
			for want := int64(had) + 2; want <= missed/2+more; want++ {
				_ = c.conn.SetReadDeadline(time.Now().Add(60 * time.Second))
				_, text, err := c.conn.ReadMessage()
				if err == nil && !strings.Contains(string(text), `"event"`) {
					want-- // only a cursor
					continue
				}
				if err != nil || !strings.Contains(string(text), fmt.Sprintf(`"seq":%d`, want)) {
					t.Errorf("client %d: want event %d, received %.300s, %v", i, want, text, err)
					return
				}
			}
		})
	}
	for i := range int64(more) {
		seq(t, b, "m1", "soccer.mls.goal", missed/2+i+1, nil)
	}
	group.Wait()
}

// The node refuses a delay beyond the bound. The refused client does no harm, even if it sends a
// frame.
func TestDelaysAreBounded(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	live := n.follow(t, "")
	live.read()
	for i := range 256 {
		n.follow(t, fmt.Sprint("delay=", i+1)).read()
	}
	n.follow(t, "delay=256").read() // a delay that already has a timeline
	c := n.follow(t, "delay=999")
	_ = c.conn.WriteMessage(websocket.TextMessage, []byte(`{"subscribe":{"match":["m1"]}}`))
	if code := c.closed(); code != websocket.CloseTryAgainLater {
		t.Errorf("the 257th delay: closed with %d, want 1013", code)
	}
	seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	if e, _ := live.event(); e.Data.Seq != 1 {
		t.Errorf("the live client received event %d, want 1", e.Data.Seq)
	}
}
