package chaos

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// TestStartOnALongLog starts a node on a log of many events, ten million in make chaos. The node is
// ready soon, since it begins at a checkpoint. Its snapshot is the one of the node that read all
// events.
func TestStartOnALongLog(t *testing.T) {
	parallel(t)
	events := int64(10_000)
	if incidents(t) > 0 {
		events = 10_000_000
	}
	const matches, batch = 400, 1000
	s := startNodes(t, 1)
	began := time.Now()
	var messages []broker.Message
	for n := range events {
		facts := event.Data{Player: fmt.Sprint("Player ", n), Score: &event.Score{Home: int(n / matches)}}
		m := goal(t, fmt.Sprint("m", n%matches), n/matches+1, facts)
		if messages = append(messages, m); len(messages) == batch || n == events-1 {
			if _, err := s.broker.Publish(t.Context(), messages...); err != nil {
				t.Fatal(err)
			}
			messages = messages[:0]
		}
	}
	published := time.Since(began)
	node := s.all[0]
	var before string
	last := fmt.Sprintf("Player %d\"", events-1)
	for end := time.Now().Add(30 * time.Minute); !strings.Contains(before, last); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the node does not reach the end of the log")
		}
		before = string(snapshotOf(t, s.listen[0]))
	}
	node.stop()
	began = time.Now()
	node.start(fanoutReady)
	after := string(snapshotOf(t, s.listen[0])) // a client waits until the node is ready
	ready := time.Since(began)
	t.Logf("%d events published in %.0f s; after a restart the node was ready in %.2f s, with the same snapshot: %v",
		events, published.Seconds(), ready.Seconds(), before == after)
	if before != after {
		t.Errorf("snapshot before the restart:\n%.2000s\nand after:\n%.2000s", before, after)
	}
	if ready > 2*time.Second && !testenv.Race {
		t.Errorf("ready after %v, want 2 s at most", ready)
	}
}

// snapshotOf returns the snapshot of all matches that a node sends.
func snapshotOf(t *testing.T, address string) json.RawMessage {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+address+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var f struct {
		Snapshot struct{ Matches json.RawMessage }
	}
	if err := conn.ReadJSON(&f); err != nil {
		t.Fatal(err)
	}
	return f.Snapshot.Matches
}
