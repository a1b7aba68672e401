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

// While some clients misbehave, all other clients receive every event.
func TestMisbehavingClientsDoNotAffectOthers(t *testing.T) {
	testenv.NotShort(t)
	b := memory.New(nil, nil)
	n := newNode(t, b)
	const healthy, events = 100, 300
	ended := make(chan struct{})
	request := []byte(strings.Repeat("GET / HTTP/1.1\r\n\r\n", 100))
	misbehaviours := map[string]func(c *rawClient){
		"reads nothing":       func(*rawClient) { <-ended },
		"resets":              func(c *rawClient) { _ = c.conn.(*net.TCPConn).SetLinger(0); c.conn.Close() },
		"sends a large frame": func(c *rawClient) { c.send(0x81, strings.Repeat("x", 1<<20)); c.rest() },
		"sends invalid UTF-8": func(c *rawClient) { c.send(0x81, "{\"ping\":\"\xff\"}"); c.rest() },
		"sends invalid JSON":  func(c *rawClient) { c.send(0x81, "hello"); c.rest() },
		"sends HTTP":          func(c *rawClient) { c.write(request); c.rest() },
		"sends half a frame":  func(c *rawClient) { c.write(masked(0x81, "{}")[:3]); <-ended },
		"floods": func(c *rawClient) {
			for i := range 500 {
				c.send(0x81, fmt.Sprintf(`{"subscribe":{"match":["x%d"]}}`, i))
			}
			if got := c.rest(); !strings.Contains(got, "close 4008") && !strings.Contains(got, "cut off") {
				t.Errorf("the response to a flood of subscriptions is %.200s, want close 4008 or a reset connection", got)
			}
		},
		"floods with pings": func(c *rawClient) {
			for range 2000 {
				c.send(0x89, "x")
			}
			c.send(0x88, "\x03\xe8")
			c.rest()
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
		for _, misbehave := range misbehaviours {
			bad.Go(func() {
				for {
					select {
					case <-ended:
						return
					default:
					}
					c, _ := n.raw(t, "permessage-deflate")
					misbehave(c)
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
				inside := strings.Contains(string(text), fmt.Sprintf(`"seq":%d,`, want))
				last := strings.Contains(string(text), fmt.Sprintf(`"seq":%d}`, want))
				if err != nil || !inside && !last {
					t.Errorf("healthy client %d received %.200s, error %v, want event %d", i, text, err, want)
					return
				}
				if i == 0 {
					received <- struct{}{}
				}
			}
		})
	}
	for i := range int64(events) {
		publishNth(t, b, "m1", "soccer.mls.goal", i+1, func(d *event.Data) { d.Reason = strings.Repeat("y", 700) })
		if i%20 == 19 { // waits, so that clients misbehave while events are published
			for range 20 {
				<-received
			}
		}
	}
	good.Wait()
	close(ended)
	bad.Wait()
}

// The node disconnects a client that sends nothing for a minute, but not a client that answers
// pings.
func TestSilentClientsAreDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNode(t, memory.New(nil, nil), fanout.Options{})
		began := time.Now()
		silent, _ := n.raw(t, "")
		_ = silent.conn.SetDeadline(time.Time{})
		alive := n.follow(t, "")
		alive.read()
		_ = alive.conn.SetReadDeadline(time.Time{})
		pongs := make(chan string, 1)
		go func() {
			for {
				_, text, err := alive.conn.ReadMessage() // also answers pings
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
			t.Errorf("the silent client was disconnected after %v, want 1 to 2 minutes", took)
		}
		synctest.Wait()
		if c := metric(t, n.hub, "matchwire_fanout_connections"); c != 1 {
			t.Errorf("%v connections after the silent client was disconnected, want 1", c)
		}
		if err := alive.conn.WriteMessage(websocket.TextMessage, []byte(`{"ping":2}`)); err != nil {
			t.Fatal(err)
		}
		if pong := <-pongs; pong != `{"pong":2}` {
			t.Errorf("the response to a ping is %q, want pong 2", pong)
		}
	})
}

// A client that receives no events receives a newer cursor with each ping.
func TestPingsCarryNewerCursors(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	c := n.follow(t, "topics=ice_hockey.%23")
	first := c.read().Cursor
	other := n.follow(t, "topics=soccer.%23")
	other.read()
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	other.event() // now the position of the live timeline is after the event
	n.hub.PingNow(t.Context())
	f := c.read()
	if f.Cursor == "" || f.Cursor == first || f.Event != nil || f.Snapshot != nil {
		t.Errorf("received frame %+v with the ping, want only a cursor other than %s", f, first)
	}
	if f := n.follow(t, "cursor="+f.Cursor).read(); !*f.Resumed {
		t.Errorf("first frame for the newer cursor: %+v, want resumed to be true", f)
	}
}
