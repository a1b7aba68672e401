package examples_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/access"
)

// A node is a fan-out node for clients of the stream, and the log that it reads.
type node struct {
	*testing.T
	options fanout.Options
	broker  *memory.Broker
	addr    string
	stop    func()
	seq     int64
}

// newNode starts a node with the given options.
func newNode(t *testing.T, o fanout.Options) *node {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	n := &node{T: t, options: o, broker: memory.New(nil, nil), addr: "127.0.0.1:0"}
	n.start()
	t.Cleanup(func() { n.stop() })
	return n
}

// start starts the node, again at the same address after stop.
func (n *node) start() {
	n.Helper()
	l, err := net.Listen("tcp", n.addr)
	if err != nil {
		n.Fatal(err)
	}
	n.addr = l.Addr().String()
	hub := fanout.NewHub(n.options)
	server := &http.Server{Handler: hub.Handler(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- hub.Run(ctx, n.broker) }()
	go func() { _ = server.Serve(l) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			n.Error(err)
		}
		server.Close()
	})
}

// publish publishes the next event of a match between New York City FC and Toronto FC.
func (n *node) publish(key string, d event.Data) {
	n.Helper()
	n.seq++
	d.League, d.Epoch, d.Seq = "MLS", "e1", n.seq
	if d.Match == nil {
		d.Match = &event.Match{ID: "mls-42", Home: "New York City FC", Away: "Toronto FC", Status: event.Live}
	}
	e, err := event.Of(key, d, time.Now())
	if err != nil {
		n.Fatal(err)
	}
	e.TID = event.NewTID()
	m, err := broker.NewMessage(e)
	if err != nil {
		n.Fatal(err)
	}
	if _, err := n.broker.Publish(n.Context(), m); err != nil {
		n.Fatal(err)
	}
}

// goal returns the facts of a goal of Toronto FC. The score is that after the goal.
func goal(incident, player, at string, home, away int) event.Data {
	return event.Data{Incident: incident, Rev: 1, Player: player, Time: at, Team: "Toronto FC",
		Opponent: "New York City FC", Side: event.Away, Score: &event.Score{Home: home, Away: away}}
}

// keys returns keys for which no test signs a token.
func keys(t *testing.T) *access.Keys {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("secret:a secret of more than thirty-two bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := access.LoadKeys(file, access.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}
