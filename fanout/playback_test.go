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

// Many clients come back at once, each from another place that only the log
// still has, while events flow and one of them reads nothing: every other gets
// all that it missed, once, and then what comes.
func TestCatchUpOfMany(t *testing.T) {
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
			continue // reads nothing
		}
		group.Go(func() {
			if f := c.read(); !*f.Resumed {
				t.Errorf("client %d: not resumed from %s", i, cursors[had])
				return
			}
			for want := int64(had) + 2; want <= missed/2+more; want++ {
				_ = c.conn.SetReadDeadline(time.Now().Add(60 * time.Second))
				_, text, err := c.conn.ReadMessage()
				if err == nil && !strings.Contains(string(text), `"event"`) {
					want-- // a cursor alone
					continue
				}
				if err != nil || !strings.Contains(string(text), fmt.Sprintf(`"seq":%d`, want)) {
					t.Errorf("client %d: want %d: %.300s %v", i, want, text, err)
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

// There are so many delays at a time and no more; who is refused does no harm,
// whatever it says meanwhile.
func TestDelaysAreBounded(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	live := n.follow(t, "")
	live.read()
	for i := range 256 {
		n.follow(t, fmt.Sprint("delay=", i+1)).read()
	}
	n.follow(t, "delay=256").read() // one that there is already
	c := n.follow(t, "delay=999")
	_ = c.conn.WriteMessage(websocket.TextMessage, []byte(`{"subscribe":{"match":["m1"]}}`))
	if code := c.closed(); code != websocket.CloseTryAgainLater {
		t.Errorf("one delay too many: closed with %d, want 1013", code)
	}
	seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	if e, _ := live.event(); e.Data.Seq != 1 {
		t.Errorf("%+v", e)
	}
}
