package fanout_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/internal/testenv"
)

// One client in five does what none should; the others get every event, soon.
func TestMisbehavingClientsHarmNobody(t *testing.T) {
	testenv.NotShort(t)
	b := memory.New(nil, nil)
	n := newNode(t, b)
	const healthy, events = 100, 300
	ended := make(chan struct{})
	deeds := map[string]func(c *raw){
		"reads nothing":   func(*raw) { <-ended },
		"vanishes":        func(c *raw) { _ = c.conn.(*net.TCPConn).SetLinger(0); c.conn.Close() },
		"sends too much":  func(c *raw) { c.send(0x81, strings.Repeat("x", 1<<20)); c.said() },
		"is not UTF-8":    func(c *raw) { c.send(0x81, "{\"ping\":\"\xff\"}"); c.said() },
		"is no JSON":      func(c *raw) { c.send(0x81, "hello"); c.said() },
		"sends no frames": func(c *raw) { c.write([]byte(strings.Repeat("GET / HTTP/1.1\r\n\r\n", 100))); c.said() },
		"sends half":      func(c *raw) { c.write(masked(0x81, "{}")[:3]); <-ended },
		"floods": func(c *raw) {
			for i := range 500 {
				c.send(0x81, fmt.Sprintf(`{"subscribe":{"match":["x%d"]}}`, i))
			}
			if said := c.said(); !strings.Contains(said, "close 4008") && !strings.Contains(said, "cut off") {
				t.Errorf("a flood of subscriptions ends with %.200s", said)
			}
		},
		"floods with pings": func(c *raw) {
			for range 2000 {
				c.send(0x89, "x")
			}
			c.send(0x88, "\x03\xe8")
			c.said()
		},
	}
	var clients []*client
	for range healthy {
		c := n.follow(t, "")
		c.read()
		clients = append(clients, c)
	}
	received := make(chan struct{}, events) // one for each event that the first healthy client received
	var bad, good sync.WaitGroup
	for range 3 {
		for _, do := range deeds {
			bad.Go(func() {
				for {
					select {
					case <-ended:
						return
					default:
					}
					c, _ := n.raw(t, "permessage-deflate")
					do(c)
					c.conn.Close()
				}
			})
		}
	}
	for i, c := range clients {
		good.Go(func() {
			if i == 0 {
				defer close(received)
			}
			for want := int64(1); want <= events; want++ {
				_ = c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
				_, text, err := c.conn.ReadMessage()
				if err != nil || !strings.Contains(string(text), fmt.Sprintf(`"seq":%d,`, want)) && !strings.Contains(string(text), fmt.Sprintf(`"seq":%d}`, want)) {
					t.Errorf("event %d: %.200s %v", want, text, err)
					return
				}
				if i == 0 {
					received <- struct{}{}
				}
			}
		})
	}
	for i := range int64(events) {
		seq(t, b, "m1", "soccer.mls.goal", i+1, func(d *event.Data) { d.Reason = strings.Repeat("y", 700) })
		if i%20 == 19 { // so that the deeds go on meanwhile
			for range 20 {
				<-received
			}
		}
	}
	good.Wait()
	close(ended)
	bad.Wait()
}

// A client that sends nothing for a minute is cut off, although its connection stands;
// one that answers pings is not.
func TestSilentClientsAreEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNode(t, memory.New(nil, nil), fanout.Options{})
		began := time.Now()
		silent, _ := n.raw(t, "")
		_ = silent.conn.SetDeadline(time.Time{})
		talks := n.follow(t, "")
		talks.read()
		_ = talks.conn.SetReadDeadline(time.Time{})
		pongs := make(chan string, 1)
		go func() {
			for {
				_, text, err := talks.conn.ReadMessage() // and answers pings
				if err != nil {
					close(pongs)
					return
				}
				pongs <- string(text)
			}
		}()
		for {
			if _, _, err := silent.next(); err != nil {
				break
			}
		}
		if took := time.Since(began); took <= time.Minute || took > 2*time.Minute {
			t.Errorf("the silent client was cut off after %v", took)
		}
		synctest.Wait()
		if c := metric(t, n.hub, "matchwire_fanout_connections"); c != 1 {
			t.Errorf("%v connections, want that of the other", c)
		}
		if err := talks.conn.WriteMessage(websocket.TextMessage, []byte(`{"ping":2}`)); err != nil {
			t.Fatal(err)
		}
		if pong := <-pongs; pong != `{"pong":2}` {
			t.Errorf("answer to a ping: %q", pong)
		}
	})
}

// A client that wants little is told where the log is, so that its cursor does
// not age.
func TestCursorsDoNotAge(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	c := n.follow(t, "topics=ice_hockey.%23")
	first := c.read().Cursor
	other := n.follow(t, "topics=soccer.%23")
	other.read()
	seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	other.event() // now the node has sent it
	n.hub.PingNow(t.Context())
	f := c.read()
	if f.Cursor == "" || f.Cursor == first || f.Event != nil || f.Snapshot != nil {
		t.Errorf("%+v", f)
	}
	if f := n.follow(t, "cursor="+f.Cursor).read(); !*f.Resumed {
		t.Errorf("not resumed: %+v", f)
	}
}
