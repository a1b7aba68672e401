package contract_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/coder/websocket"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/eventlog"
)

// serveFanout starts a fanout node that reads the log b, and returns the URL of the node.
func serveFanout(t *testing.T, b broker.Log) string {
	t.Helper()
	r := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { r.Close() })
	hub := fanout.NewHub(fanout.Options{
		Checkpoints: eventlog.NewCheckpoints(r, "mw:"),
		Log:         slog.New(slog.DiscardHandler),
	})
	server := httptest.NewServer(hub.Handler())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- hub.Run(ctx, b) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return server.URL
}

// A client with a different WebSocket library receives events with each compression mode, receives
// pongs, and completes the closing handshake.
func TestClientWithDifferentWebSocketLibrary(t *testing.T) {
	b := memory.New(nil, nil)
	url := strings.Replace(serveFanout(t, b), "http", "ws", 1)
	for name, mode := range map[string]websocket.CompressionMode{
		"plain":        websocket.CompressionDisabled,
		"compressed":   websocket.CompressionNoContextTakeover,
		"with context": websocket.CompressionContextTakeover,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			options := &websocket.DialOptions{CompressionMode: mode, CompressionThreshold: 1}
			conn, _, err := websocket.Dial(ctx, url+"/ws?nothing=true", options)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.CloseNow() }()
			conn.SetReadLimit(1 << 20)
			type frame struct {
				Snapshot *struct{}
				Event    json.RawMessage
			}
			read := func() (f frame) {
				_, text, err := conn.Read(ctx)
				if err == nil {
					err = json.Unmarshal(text, &f)
				}
				if err != nil {
					t.Fatal(err)
				}
				return f
			}
			read()
			match := strings.ReplaceAll(name, " ", "-")
			subscribe := []byte(`{"subscribe":{"match":["` + match + `"]}}`)
			if err := conn.Write(ctx, websocket.MessageText, subscribe); err != nil {
				t.Fatal(err)
			}
			if f := read(); f.Snapshot == nil {
				t.Fatalf("the response to subscribe is %+v, want a snapshot", f)
			}
			publishLong(t, b, match)
			if e, err := event.Decode(read().Event); err != nil || e.Data.Seq != 1 {
				t.Fatalf("received %+v, error %v; want the event with seq 1", e, err)
			}
			reading := conn.CloseRead(ctx)
			if err := conn.Ping(ctx); err != nil {
				t.Errorf("ping: %v", err)
			}
			if reading.Err() != nil {
				t.Error("the server closed the connection before the client, want an open connection")
			}
			if err := conn.Close(websocket.StatusNormalClosure, "bye"); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// publishLong publishes an event of 25 KB, which needs several compressed blocks.
func publishLong(t *testing.T, b broker.Publisher, match string) {
	t.Helper()
	e, err := event.Of("soccer.mls.goal", event.Data{
		Epoch: "e1", Seq: 1, Rev: 1, Incident: match + "/1", Player: "P1", Score: &event.Score{Home: 1},
		Match:  &event.Match{ID: match, Home: "New York City FC", Away: "Toronto FC", Status: event.Live},
		Reason: strings.Repeat("long ", 5000),
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.TID = event.NewTID()
	m, err := broker.NewMessage(e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}
