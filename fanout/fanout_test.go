package fanout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/internal/testenv"
)

// checkpoints returns Checkpoints in a new Redis server.
func checkpoints(t *testing.T) *eventlog.Checkpoints {
	c, _ := watchedCheckpoints(t)
	return c
}

// watchedCheckpoints returns Checkpoints in a new Redis server, and a channel that receives a value
// after each successful call of Save.
func watchedCheckpoints(t *testing.T) (*eventlog.Checkpoints, <-chan struct{}) {
	r := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { r.Close() })
	return eventlog.NewCheckpoints(r, "mw:"), afterScripts(r)
}

// afterScripts returns a channel that receives a value after each script that r runs.
func afterScripts(r *redis.Client) <-chan struct{} {
	ran := make(scriptHook, 1000)
	r.AddHook(ran)
	return ran
}

// A scriptHook is a channel, and a Redis hook that sends a value to the channel after each script.
type scriptHook chan struct{}

func (scriptHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (scriptHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h scriptHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err == nil && strings.HasPrefix(cmd.Name(), "eval") {
			h <- struct{}{}
		}
		return err
	}
}

// A client is a WebSocket client. Its methods fail the test after 10 seconds without a frame.
type client struct {
	t    *testing.T
	conn *websocket.Conn
}

// A frame is a decoded frame from the node.
type frame struct {
	Cursor   string
	Resumed  *bool
	Snapshot *struct{ Matches []*eventlog.MatchState }
	Event    json.RawMessage
	Pong     int
}

// read reads a frame.
func (c *client) read() frame {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, b, err := c.conn.ReadMessage()
	if err != nil {
		c.t.Fatalf("reading a frame: %v", err)
	}
	var f frame
	if err := json.Unmarshal(b, &f); err != nil {
		c.t.Fatalf("frame %s: %v", b, err)
	}
	return f
}

// event reads the next event. It skips pongs and frames that have only a cursor.
func (c *client) event() (event.Event, frame) {
	c.t.Helper()
	f := c.read()
	for f.Event == nil && f.Snapshot == nil && f.Resumed == nil {
		f = c.read()
	}
	e, err := event.Decode(f.Event)
	if err != nil {
		c.t.Fatalf("frame %+v: %v", f, err)
	}
	return e, f
}

// closed reads until the close frame, and returns the close code.
func (c *client) closed() int {
	c.t.Helper()
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, _, err := c.conn.ReadMessage(); err != nil {
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				return closed.Code
			}
			c.t.Fatalf("the connection ended with %v, want a close frame", err)
		}
	}
}

// publishNth publishes the n-th event of a match. If change is not nil, publishNth first calls it
// to change the data.
func publishNth(t *testing.T, b broker.Publisher, match, key string, n int64, change func(*event.Data)) broker.Message {
	t.Helper()
	return publishNthAt(t, b, match, key, n, time.Now(), change)
}

// publishNthAt is like publishNth, for an event whose page was read at readAt.
func publishNthAt(t *testing.T, b broker.Publisher, match, key string, n int64, readAt time.Time,
	change func(*event.Data)) broker.Message {
	t.Helper()
	home, away := "New York City FC", "Toronto FC"
	if match != "m1" {
		home, away = "Pittsburgh Penguins", "San Jose Sharks"
	}
	d := event.Data{Epoch: "e1", Seq: n, Rev: 1, Incident: fmt.Sprintf("%s/%d", match, n), Player: fmt.Sprint("P", n),
		Score: &event.Score{Home: int(n)}, Match: &event.Match{ID: match, Home: home, Away: away, Status: event.Live}}
	if change != nil {
		change(&d)
	}
	e, err := event.Of(key, d, readAt)
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
	return m
}

func TestSnapshotThenEvents(t *testing.T) {
	b := memory.New(nil, nil)
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	n := newNode(t, b)
	c := n.follow(t, "")
	hello := c.read()
	if hello.Resumed == nil || *hello.Resumed || hello.Cursor == "" ||
		hello.Snapshot == nil || len(hello.Snapshot.Matches) != 1 {
		t.Fatalf("first frame %+v, want a snapshot of 1 match with a cursor", hello)
	}
	m := hello.Snapshot.Matches[0]
	if m.Match.ID != "m1" || *m.Score != (event.Score{Home: 1}) ||
		len(m.Incidents) != 1 || m.Incidents[0].Player != "P1" {
		t.Errorf("the snapshot has the match %+v, want m1 at 1:0 with the goal of P1", m)
	}
	want := publishNth(t, b, "m1", "soccer.mls.goal", 2, nil)
	f := c.read()
	if string(f.Event) != string(want.Body) {
		t.Errorf("the frame has the event\n%s\nwant the published bytes\n%s", f.Event, want.Body)
	}
	if f.Cursor == "" || f.Cursor == hello.Cursor {
		t.Errorf("the event has cursor %q, want one that differs from the snapshot's cursor %q", f.Cursor, hello.Cursor)
	}
}

// The log may contain an event twice, and events out of order. Clients receive each event once, in order.
func TestEachEventOnceAndInOrder(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	c := n.follow(t, "")
	c.read()
	first := publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	second := publishNth(t, b, "m1", "soccer.mls.goal", 2, nil)
	if _, err := b.Publish(t.Context(), first, second, first); err != nil {
		t.Fatal(err)
	}
	publishNth(t, b, "m1", "soccer.mls.goal", 3, func(d *event.Data) { d.Epoch = "e0" }) // an older epoch
	publishNth(t, b, "m1", "soccer.mls.goal", 3, nil)
	for want := int64(1); want <= 3; want++ {
		if e, _ := c.event(); e.Data.Seq != want || e.Data.Epoch != "e1" {
			t.Fatalf("received event %d of epoch %s, want event %d of e1", e.Data.Seq, e.Data.Epoch, want)
		}
	}
}

func TestSnapshotAppliesCorrectionsAndRetractions(t *testing.T) {
	b := memory.New(nil, nil)
	sameIncident := func(action event.Action, player string) func(*event.Data) {
		return func(d *event.Data) { d.Incident, d.Action, d.Player, d.Rev = "i", action, player, int(d.Seq) }
	}
	publishNth(t, b, "m1", "soccer.mls.goal", 1, sameIncident(event.New, "Pogba"))
	publishNth(t, b, "m1", "soccer.mls.goal_corrected", 2, sameIncident(event.Corrected, "Behich"))
	publishNth(t, b, "m2", "ice_hockey.nhl.goal", 1, nil)
	publishNth(t, b, "m2", "ice_hockey.nhl.goal", 2, nil)
	publishNth(t, b, "m2", "ice_hockey.nhl.goal_retracted", 3, func(d *event.Data) {
		d.Incident, d.Action = "m2/1", event.Retracted
	})
	hello := newNode(t, b).follow(t, "").read()
	got := map[string][]string{}
	for _, m := range hello.Snapshot.Matches {
		for _, i := range m.Incidents {
			got[m.Match.ID] = append(got[m.Match.ID], fmt.Sprintf("%s rev %d", i.Player, i.Rev))
		}
	}
	if fmt.Sprint(got) != "map[m1:[Behich rev 2] m2:[P2 rev 1]]" {
		t.Errorf("incidents in the snapshot: %v, want the corrected goal of m1 and the second goal of m2", got)
	}
}

// An event without epoch or seq, such as one from matchwire emit, reaches each client once. It does not
// change a state from the parser.
func TestEventsWithoutSeqReachClients(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	c := n.follow(t, "")
	c.read()
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	facts := event.Data{Player: "Emitted", Match: &event.Match{ID: "m1"}}
	emitted, err := broker.Emit(t.Context(), b, "soccer.mls.goal", facts)
	if err != nil {
		t.Fatal(err)
	}
	duplicate, err := broker.NewMessage(emitted)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Publish(t.Context(), duplicate); err != nil { // as after a lost confirmation
		t.Fatal(err)
	}
	withoutMatch, err := broker.Emit(t.Context(), b, "soccer.mls.goal", event.Data{Player: "Without match"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 3 {
		e, _ := c.event()
		got = append(got, e.ID)
	}
	if !slices.Contains(got, emitted.ID) || !slices.Contains(got, withoutMatch.ID) {
		t.Errorf("received the events %v, want %s and %s once each", got, emitted.ID, withoutMatch.ID)
	}
	m := n.follow(t, "").read().Snapshot.Matches
	if len(m) != 1 || m[0].Match.Home != "New York City FC" || len(m[0].Incidents) != 1 {
		t.Errorf("the snapshot after an event without epoch or seq has %+v, want the state from the parser", m)
	}
}

func TestResumeOnAnyNode(t *testing.T) {
	b := memory.New(nil, nil)
	one, two := newNode(t, b), newNode(t, b)
	c := one.follow(t, "topics=soccer.%23")
	c.read()
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	_, f := c.event()
	c.conn.Close()
	publishNth(t, b, "m2", "ice_hockey.nhl.goal", 1, nil) // not selected by the filter
	publishNth(t, b, "m1", "soccer.mls.goal", 2, nil)
	three := newNode(t, b) // started after the events
	for name, n := range map[string]*node{"the same node": one, "another node": two, "a new node": three} {
		c := n.follow(t, "topics=soccer.%23&cursor="+f.Cursor)
		if hello := c.read(); !*hello.Resumed || hello.Snapshot != nil || hello.Cursor != f.Cursor {
			t.Errorf("%s: first frame %+v, want it to resume from cursor %s", name, hello, f.Cursor)
		}
		if e, _ := c.event(); e.Data.Seq != 2 || e.Subject != "m1" {
			t.Errorf("%s: first event %d of %s, want event 2 of m1", name, e.Data.Seq, e.Subject)
		}
	}
	// For a cursor of another log, the first frame is a snapshot.
	other := broker.CursorAt(0, "something else")
	if hello := one.follow(t, "cursor="+other.String()).read(); *hello.Resumed || hello.Snapshot == nil {
		t.Errorf("first frame for a cursor of another log: %+v, want a snapshot", hello)
	}
}

func TestSubscriptions(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	publishNth(t, b, "m2", "ice_hockey.nhl.goal", 1, nil)
	for query, want := range map[string]string{
		"":                                    "[m1 m2]",
		"topics=soccer.mls.*":                 "[m1]",
		"topics=soccer.*.red_card,*.nhl.goal": "[m2]",
		"topics=*.*.red_card":                 "[]",
		"match=m1&match=m2":                   "[m1 m2]",
		"match=m2":                            "[m2]",
		"team=toronto+fc":                     "[m1]",
		"team=Toronto+FC&match=m2":            "[]",
	} {
		got := []string{}
		for _, m := range n.follow(t, query).read().Snapshot.Matches {
			got = append(got, m.Match.ID)
		}
		slices.Sort(got)
		if fmt.Sprint(got) != want {
			t.Errorf("query %q: snapshot of %v, want %s", query, got, want)
		}
	}
	c := n.follow(t, "match=m1")
	c.read()
	send := func(s string) {
		if err := c.conn.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	send(`{"subscribe":{"match":["m2"]}}`)
	send(`{"unsubscribe":{"match":["m1"]}}`)
	send(`{"ping":7}`)
	for _, want := range []string{"[m1 m2]", "[m2]"} { // a snapshot follows each change
		got := []string{}
		for _, m := range c.read().Snapshot.Matches {
			got = append(got, m.Match.ID)
		}
		slices.Sort(got)
		if fmt.Sprint(got) != want {
			t.Errorf("after a change to the filter: snapshot of %v, want %s", got, want)
		}
	}
	if f := c.read(); f.Pong != 7 {
		t.Fatalf("received %+v, want pong 7", f)
	}
	publishNth(t, b, "m1", "soccer.mls.goal", 2, nil)
	publishNth(t, b, "m2", "ice_hockey.nhl.goal", 2, nil)
	if e, _ := c.event(); e.Subject != "m2" {
		t.Errorf("received an event of %s, want an event of m2", e.Subject)
	}
	send(`{"unsubscribe":{"match":["m2"]}}`) // the last entry, so the filter now selects nothing
	if f := c.read(); len(f.Snapshot.Matches) != 0 {
		t.Errorf("after the last entry was removed: snapshot %+v, want no matches", f.Snapshot)
	}
	publishNth(t, b, "m1", "soccer.mls.goal", 3, nil)
	send(`{"ping":8}`)
	if f := c.read(); f.Pong != 8 {
		t.Errorf("after the last entry was removed: received %+v, want pong 8", f)
	}
}

// A client resumes even if it missed far more bytes than maxLag.
func TestResumeFromFarBehind(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	c := n.follow(t, "")
	c.read()
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	_, f := c.event()
	c.conn.Close()
	watch := n.follow(t, "topics=*.*.red_card")
	watch.read()
	big := strings.Repeat("x", 64<<10)
	for i := range int64(100) { // 6 MB
		publishNth(t, b, "m1", "soccer.mls.goal", i+2, func(d *event.Data) { d.Reason = big })
	}
	publishNth(t, b, "m1", "soccer.mls.red_card", 102, nil)
	if e, _ := watch.event(); e.Data.Seq != 102 { // now the node has read all events
		t.Fatalf("received event %d, want 102", e.Data.Seq)
	}
	c = n.follow(t, "cursor="+f.Cursor)
	if hello := c.read(); !*hello.Resumed {
		t.Fatalf("first frame %+v, want resumed to be true", hello)
	}
	for want := int64(2); want <= 101; want++ {
		if e, _ := c.event(); e.Data.Seq != want {
			t.Fatalf("received event %d, want %d", e.Data.Seq, want)
		}
	}
}

// The node skips messages with invalid UTF-8, because a browser would close the connection.
func TestInvalidUTF8IsSkipped(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	c := n.follow(t, "")
	c.read()
	m := publishNth(t, memory.New(nil, nil), "m1", "soccer.mls.goal", 1, nil)
	m.Body = bytes.Replace(m.Body, []byte("P1"), []byte("P\xff"), 1)
	if _, err := b.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	publishNth(t, b, "m1", "soccer.mls.goal", 2, nil)
	if e, _ := c.event(); e.Data.Seq != 2 {
		t.Errorf("received event %d, want 2", e.Data.Seq)
	}
}

func TestInvalidRequestsAreRefused(t *testing.T) {
	n := newNode(t, memory.New(nil, nil))
	for _, query := range []string{"cursor=x", "cursor=1-zz", "match=" + strings.Repeat("a", 300),
		"match=" + strings.Repeat("a,", 201), "topics=soccer", "topics=Soccer.MLS.*", "topic=soccer.mls.*"} {
		_, resp, err := n.connect(query, nil)
		if err == nil || resp == nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("query %.30q: response %v, error %v, want status 400", query, resp, err)
		}
	}
	_, resp, err := n.connect("", http.Header{"Origin": {"https://elsewhere.example"}})
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another origin: response %v, error %v, want status 403", resp, err)
	}
	longTopic := `{"subscribe":{"topics":["` + strings.Repeat("é", 100) + `"]}}`
	for _, bad := range []string{"hello", "[]", `{"what":1}`, longTopic} {
		c := n.follow(t, "")
		c.read()
		if err := c.conn.WriteMessage(websocket.TextMessage, []byte(bad)); err != nil {
			t.Fatal(err)
		}
		if code := c.closed(); code != 4002 {
			t.Errorf("frame %q: closed with %d, want 4002", bad, code)
		}
	}
}

func TestStoppingNodeClosesClients(t *testing.T) {
	n := newNode(t, memory.New(nil, nil))
	c := n.follow(t, "")
	c.read()
	go n.stop()
	if code := c.closed(); code != websocket.CloseGoingAway {
		t.Errorf("closed with %d, want 1001", code)
	}
}

// A client can resume with the cursor of an empty log.
func TestResumeFromAnEmptyLog(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	hello := n.follow(t, "").read()
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	c := n.follow(t, "cursor="+hello.Cursor)
	if f := c.read(); !*f.Resumed {
		t.Fatalf("first frame %+v, want resumed to be true", f)
	}
	if e, _ := c.event(); e.Data.Seq != 1 {
		t.Errorf("received event %d, want 1", e.Data.Seq)
	}
}

// The node closes a client that does not read. This client does not delay other clients.
func TestSlowClientIsClosed(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	conn, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	fmt.Fprint(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	healthy := n.follow(t, "topics=*.*.red_card")
	healthy.read()
	big := strings.Repeat("x", 64<<10)
	for i := range int64(150) { // 10 MB, far more than maxLag and the buffers of the kernel
		publishNth(t, b, "m1", "soccer.mls.goal", i+1, func(d *event.Data) { d.Reason = big })
	}
	publishNth(t, b, "m1", "soccer.mls.red_card", 1000, nil)
	if e, _ := healthy.event(); e.Data.Seq != 1000 {
		t.Errorf("the healthy client received event %d, want 1000", e.Data.Seq)
	}
	// The frames in the buffers of the kernel come first, and then the close frame.
	var tail []byte
	buf := make([]byte, 64<<10)
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		k, err := conn.Read(buf)
		tail = append(tail, buf[:k]...)
		tail = tail[max(0, len(tail)-100):]
		if err != nil {
			break
		}
	}
	if i := slices.Index(tail, 0x88); i < 0 || i+4 > len(tail) || int(tail[i+2])<<8|int(tail[i+3]) != 4001 {
		t.Errorf("the last bytes on the connection are %q, want a close frame with 4001", tail)
	}
}

// A countingLog counts the messages that are read from it.
type countingLog struct {
	broker.Log
	read atomic.Int64
}

func (c *countingLog) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	return c.Log.ReadLog(ctx, from, caughtUp, func(at broker.Cursor, m broker.Message) error {
		c.read.Add(1)
		return h(at, m)
	})
}

// A node that starts from a checkpoint has the same state as a node that read the whole log. Clients
// of other nodes can resume on the new node.
func TestNodeStartsFromCheckpoint(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		const events, matches = 1700, 30
		b := memory.New(nil, nil)
		saved := afterScripts(r)
		shared := eventlog.NewCheckpoints(r, "mw:").Every(500)
		old := newNodeWith(t, b, shared)
		oldClient := old.follow(t, "match=m0")
		oldClient.read()
		publishNth(t, b, "m0", "soccer.mls.goal", 1, nil)
		_, early := oldClient.event()
		savedCount := func() int { return int(r.ZCard(t.Context(), "mw:{fanout}:checkpoints").Val()) }
		for i := 1; i < events; i++ {
			// A checkpoint is due 500 events after the previous checkpoint. Wait until the latest checkpoint is saved.
			for i%500 == 100 && savedCount() < i/500 {
				<-saved
			}
			publishNth(t, b, fmt.Sprintf("m%d", i%matches), "soccer.mls.goal", int64(i+1), func(d *event.Data) {
				if i%100 == 99 {
					d.Epoch, d.Seq = "", 0 // as from matchwire emit
				}
			})
		}
		snapshot := func(n *node) string {
			c := n.follow(t, "")
			f := c.read()
			text, err := json.Marshal(f.Snapshot)
			if err != nil {
				t.Fatal(err)
			}
			return f.Cursor + string(text)
		}
		whole := newNode(t, b) // has no checkpoints, so it reads the whole log
		counted := &countingLog{Log: b}
		next := newNodeWith(t, counted, shared)
		if got, want := snapshot(next), snapshot(whole); got != want {
			t.Errorf("the snapshot of the node that started from a checkpoint is\n%.300s\nwant\n%.300s", got, want)
		}
		if n := counted.read.Load(); n < 500 || n > 1250 {
			t.Errorf("the node that started from a checkpoint read %d of %d messages, want 500 to 1250", n, events)
		}
		past := next.follow(t, "match=m0&cursor="+early.Cursor)
		if f := past.read(); !*f.Resumed {
			t.Errorf("first frame for a cursor before the checkpoint: %+v, want resumed to be true", f)
		}
		for i := matches; i < events; i += matches {
			if e, _ := past.event(); e.Subject != "m0" || e.Data.Epoch != "" && e.Data.Seq != int64(i+1) {
				t.Fatalf("received event %d of %s from the log, want event %d of m0", e.Data.Seq, e.Subject, i+1)
			}
		}
		// A client of the old node resumes on the new node.
		at := snapshot(old)
		at = at[:strings.Index(at, "{")]
		publishNth(t, b, "m0", "soccer.mls.goal", events+1, func(d *event.Data) { d.Player = "last" })
		c := next.follow(t, "match=m0&cursor="+at)
		if f := c.read(); !*f.Resumed {
			t.Errorf("first frame for a cursor of the old node: %+v, want resumed to be true", f)
		}
		if e, _ := c.event(); e.Data.Player != "last" {
			t.Errorf("received %+v, want the last event", e)
		}
	})
}

// A node ignores checkpoints of another log.
func TestCheckpointOfAnotherLog(t *testing.T) {
	shared, saved := watchedCheckpoints(t)
	shared.Every(500)
	oldLog := memory.New(nil, nil)
	n := newNodeWith(t, oldLog, shared)
	c := n.follow(t, "")
	c.read()
	c.conn.Close()
	for i := range 600 {
		publishNth(t, oldLog, "gone", "soccer.mls.goal", int64(i+1), nil)
	}
	<-saved
	n.stop()
	newLog := memory.New(nil, nil)
	publishNth(t, newLog, "here", "soccer.mls.goal", 1, nil)
	f := newNodeWith(t, newLog, shared).follow(t, "").read()
	if len(f.Snapshot.Matches) != 1 || f.Snapshot.Matches[0].Match.ID != "here" {
		t.Errorf("snapshot %+v, want only the match of the new log", f.Snapshot)
	}
}

// A recreatedLog behaves like a log that is created again many times, each time after it was read to
// its end.
type recreatedLog struct {
	broker.Log
	left   atomic.Int64  // how many more times the log is created again
	stable chan struct{} // closed when the log is no longer created again
}

func (r *recreatedLog) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	if left := r.left.Add(-1); left < 0 {
		if left == -1 {
			close(r.stable)
		}
		return r.Log.ReadLog(ctx, from, caughtUp, h)
	}
	if caughtUp != nil {
		close(caughtUp)
	}
	return broker.ErrCursorGone
}

func TestLogCreatedAgainDuringStartup(t *testing.T) {
	b := memory.New(nil, nil)
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	log := &recreatedLog{Log: b, stable: make(chan struct{})}
	log.left.Store(3000)
	n := newNode(t, log)
	<-log.stable
	if f := n.follow(t, "").read(); score(f) != 1 {
		t.Errorf("first frame %+v, want a snapshot with one goal", f)
	}
}
