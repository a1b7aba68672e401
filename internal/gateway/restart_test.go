package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/internal/gateway"
	"github.com/matchwire/matchwire/internal/instances"
)

// hub starts a fanout node and adds it to the list of instances.
func (c *cluster) hub(log broker.Log) {
	hub := fanout.NewHub(fanout.Options{Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- hub.Run(ctx, log) }()
	s := httptest.NewServer(hub.Handler())
	c.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			c.Error(err)
		}
		s.Close()
	})
	c.change(func(list []instances.Instance) []instances.Instance {
		return append(list, instances.Instance{Name: s.URL, Roles: []string{"fanout"}, Address: s.Listener.Addr().String()})
	})
}

// A follower follows a match through the gateways, one after the other.
type follower struct {
	cursor string
	last   int64 // seq of the latest event
}

// follow connects to a gateway, and reads frames until it has received the event with the seq last, or
// the connection ends. After each frame, it calls received with the seq of the latest event.
func (f *follower) follow(c *cluster, last int64, received func(seq int64)) error {
	address := "ws" + strings.TrimPrefix(c.front.URL, "http") + "/ws?match=m1&cursor=" + url.QueryEscape(f.cursor)
	conn, resp, err := websocket.DefaultDialer.Dial(address, nil)
	for end := time.Now().Add(patience); err != nil; conn, resp, err = websocket.DefaultDialer.Dial(address, nil) {
		if resp == nil || resp.StatusCode != 503 || time.Now().After(end) { // 503: the dials took too long
			return err
		}
	}
	defer conn.Close()
	conn.SetPingHandler(func(data string) error { // the default handler fails if a pong takes a second
		return conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(patience))
	})
	for f.last < last {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		_, b, err := conn.ReadMessage()
		if err != nil {
			return err
		}
		if err := f.receive(b); err != nil {
			return fmt.Errorf("frame %.100s: %w", b, err)
		}
		received(f.last)
	}
	return nil
}

// receive records the cursor and the seq in a frame. It returns an error if the frame contains an event
// other than the next one, or an unexpected snapshot.
func (f *follower) receive(b []byte) error {
	if rest, ok := bytes.CutPrefix(b, []byte(`{"cursor":"`)); ok { // decoding all the JSON is slow
		cursor, rest, _ := bytes.Cut(rest, []byte(`"`))
		if i := bytes.LastIndex(rest, []byte(`"seq":`)); i >= 0 && bytes.HasPrefix(rest, []byte(`,"event":`)) {
			digits, _, _ := bytes.Cut(rest[i+len(`"seq":`):], []byte(`,`))
			seq, err := strconv.ParseInt(strings.TrimRight(string(digits), "}"), 10, 64)
			if err != nil || seq != f.last+1 {
				return fmt.Errorf("got event %s, want event %d", digits, f.last+1)
			}
			f.cursor, f.last = string(cursor), seq
			return nil
		}
	}
	var frame struct {
		Cursor   string
		Snapshot *struct{ Matches []struct{ Seq int64 } }
	}
	if err := json.Unmarshal(b, &frame); err != nil {
		return err
	}
	if frame.Snapshot != nil {
		if f.cursor != "" {
			return errors.New("got a snapshot, want to resume")
		}
		for _, m := range frame.Snapshot.Matches {
			f.last = m.Seq
		}
	}
	f.cursor = frame.Cursor
	return nil
}

// When a gateway stops, all clients get the close code 1012 between two frames. They reconnect to
// another gateway, and miss no event.
func TestClientsReconnectAfterShutdown(t *testing.T) {
	t.Parallel()
	const sockets, events = 200, 100 // in total less than 1 MiB of events, so that no client is too slow
	b := memory.New(nil, slog.New(slog.DiscardHandler))
	first := newClusterWith(t, gateway.Options{Drain: time.Second}, nil)
	second := newCluster(t)
	for _, c := range []*cluster{first, second} {
		c.hub(b)
		c.hub(b)
		c.awaitRefresh()
		c.awaitRefresh()
	}
	publish := func(n int64) {
		size := 1000
		if n%10 == 0 {
			size = 20_000 // more than a buffer of the gateway
		}
		d := event.Data{Epoch: "e1", Seq: n, Rev: 1, Incident: fmt.Sprint("i", n), Reason: strings.Repeat("x", size),
			Match: &event.Match{ID: "m1", Home: "A", Away: "B", Status: event.Live}}
		e, err := event.Of("soccer.mls.goal", d, time.Now())
		if err != nil {
			t.Error(err)
		}
		e.TID = event.NewTID()
		m, err := broker.NewMessage(e)
		if err == nil {
			_, err = b.Publish(t.Context(), m)
		}
		if err != nil {
			t.Error(err)
		}
	}
	publish(1)
	var group sync.WaitGroup
	var connected, restarted, reconnected atomic.Int64
	var highest atomic.Int64 // the highest seq that a client has received
	wake := make(chan struct{}, 1)
	received := func(seq int64) {
		for n := highest.Load(); seq > n && !highest.CompareAndSwap(n, seq); n = highest.Load() {
		}
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	await := func(what string, done func() bool) {
		for !done() && !t.Failed() {
			select {
			case <-wake:
			case <-time.After(patience):
				t.Errorf("waited a minute for %s", what)
			}
		}
	}
	for range sockets {
		group.Go(func() {
			var f follower
			once := sync.OnceFunc(func() { connected.Add(1) })
			err := f.follow(first, events, func(seq int64) { once(); received(seq) })
			var closed *websocket.CloseError
			if !errors.As(err, &closed) || closed.Code != websocket.CloseServiceRestart {
				t.Errorf("after event %d: %v, want a close frame with code 1012", f.last, err)
				return
			}
			restarted.Add(1)
			once = sync.OnceFunc(func() { reconnected.Add(1) })
			if err := f.follow(second, events, func(seq int64) { once(); received(seq) }); err != nil {
				t.Errorf("at the second gateway, after event %d: error %v, want all events", f.last, err)
			}
		})
	}
	first.until("all sockets to connect", func() bool { return connected.Load() == sockets })
	group.Go(func() {
		for n := int64(2); n <= events; n++ {
			if n == events-1 { // two events follow after all sockets have reconnected
				await("all sockets to reconnect", func() bool { return reconnected.Load() == sockets })
			}
			publish(n)
			if n < events {
				await(fmt.Sprint("event ", n), func() bool { return highest.Load() >= n })
			}
		}
	})
	first.until("events to flow", func() bool { return highest.Load() > 5 })
	began := time.Now()
	if err := first.gateway.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < (sockets-1)*time.Millisecond {
		t.Errorf("Shutdown took %v, want at least %v: a pause of 1 ms between two sockets", took,
			(sockets-1)*time.Millisecond)
	}
	group.Wait()
	if n := restarted.Load(); n != sockets {
		t.Errorf("%d of %d clients got the close code 1012, want all", n, sockets)
	}
	if n := first.metric("ended_total", "kind=websocket", "reason=stopped"); n != sockets {
		t.Errorf("%v sockets ended because the gateway stopped, want %d", n, sockets)
	}
}
