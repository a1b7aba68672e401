package chaos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// TestStartOnALongLog restarts a node on a long log, which has ten million events under make chaos.
// The node is ready within two seconds, because it starts from a checkpoint. Its snapshot equals
// the snapshot from before the restart.
func TestStartOnALongLog(t *testing.T) {
	parallel(t)
	events := int64(4_000)
	if longForm(t) {
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
			t.Fatal("the node did not reach the end of the log within 30 minutes")
		}
		before = string(snapshotOf(t, s.listen[0]))
	}
	node.stop()
	began = time.Now()
	node.start(fanoutReady)
	after := string(snapshotOf(t, s.listen[0])) // the node sends the snapshot when it is ready
	ready := time.Since(began)
	t.Logf("%d events published in %.0f s; after a restart the node was ready in %.2f s, with the same snapshot: %v",
		events, published.Seconds(), ready.Seconds(), before == after)
	if before != after {
		t.Errorf("snapshot after the restart:\n%.2000s\nwant the snapshot from before:\n%.2000s", after, before)
	}
	if ready > 2*time.Second && !testenv.Race {
		t.Errorf("ready after %v, want at most 2 s", ready)
	}
}

// snapshotOf returns the matches of the snapshot that a node sends to a new client. While the node refuses
// clients because it is not ready, snapshotOf tries again.
func snapshotOf(t *testing.T, address string) json.RawMessage {
	t.Helper()
	var conn *websocket.Conn
	testenv.Eventually(t, func() bool {
		c, resp, err := websocket.DefaultDialer.Dial("ws://"+address+"/ws", nil)
		if err != nil && (resp == nil || resp.StatusCode != http.StatusServiceUnavailable) {
			t.Fatal(err)
		}
		conn = c
		return err == nil
	}, "%s to accept a client", address)
	defer conn.Close()
	var f struct {
		Snapshot struct{ Matches json.RawMessage }
	}
	if err := conn.ReadJSON(&f); err != nil {
		t.Fatal(err)
	}
	return f.Snapshot.Matches
}
