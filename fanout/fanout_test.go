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

// checkpoints are in a Redis of the test's own.
func checkpoints(t *testing.T) *eventlog.Checkpoints {
	c, _ := savedCheckpoints(t)
	return c
}

// savedCheckpoints also returns a channel that receives when one was saved.
func savedCheckpoints(t *testing.T) (*eventlog.Checkpoints, <-chan struct{}) {
	r := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { r.Close() })
	return eventlog.NewCheckpoints(r, "mw:"), afterScripts(r)
}

// afterScripts returns a channel that receives after each script that r has run.
func afterScripts(r *redis.Client) <-chan struct{} {
	ran := make(scriptHook, 1000)
	r.AddHook(ran)
	return ran
}

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

type client struct {
	t    *testing.T
	conn *websocket.Conn
}

// A frame is anything the server sends.
type frame struct {
	Cursor   string
	Resumed  *bool
	Snapshot *struct{ Matches []*eventlog.MatchState }
	Event    json.RawMessage
	Pong     int
}

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

func (c *client) event() (event.Event, frame) {
	c.t.Helper()
	f := c.read()
	for f.Event == nil && f.Snapshot == nil && f.Resumed == nil { // a cursor alone
		f = c.read()
	}
	e, err := event.Decode(f.Event)
	if err != nil {
		c.t.Fatalf("frame %+v: %v", f, err)
	}
	return e, f
}

func (c *client) closed() int {
	c.t.Helper()
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, _, err := c.conn.ReadMessage(); err != nil {
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				return closed.Code
			}
			c.t.Fatalf("ended without a close frame: %v", err)
		}
	}
}

// seq publishes the seq-th event of a match.
func seq(t *testing.T, b broker.Publisher, match, key string, n int64, change func(*event.Data)) broker.Message {
	t.Helper()
	return seqAt(t, b, match, key, n, time.Now(), change)
}

// seqAt does so as if the page had been read at some time.
func seqAt(t *testing.T, b broker.Publisher, match, key string, n int64, read time.Time, change func(*event.Data)) broker.Message {
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
	e, err := event.Of(key, d, read)
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
	seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	n := newNode(t, b)
	c := n.follow(t, "")
	hello := c.read()
	if hello.Resumed == nil || *hello.Resumed || hello.Cursor == "" || hello.Snapshot == nil || len(hello.Snapshot.Matches) != 1 {
		t.Fatalf("first frame %+v", hello)
	}
	if m := hello.Snapshot.Matches[0]; m.Match.ID != "m1" || *m.Score != (event.Score{Home: 1}) || len(m.Incidents) != 1 || m.Incidents[0].Player != "P1" {
		t.Errorf("snapshot %+v", m)
	}
	want := seq(t, b, "m1", "soccer.mls.goal", 2, nil)
	f := c.read()
	if string(f.Event) != string(want.Body) {
		t.Errorf("frame holds\n%s\nnot the bytes that were published\n%s", f.Event, want.Body)
	}
	if f.Cursor == "" || f.Cursor == hello.Cursor {
		t.Errorf("cursor %q after %q", f.Cursor, hello.Cursor)
	}
}

// The log may hold an event twice, and late; each is framed once, in order.
func TestEachEventOnceAndInOrder(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	c := n.follow(t, "")
	c.read()
	first := seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	second := seq(t, b, "m1", "soccer.mls.goal", 2, nil)
	if _, err := b.Publish(t.Context(), first, second, first); err != nil {
		t.Fatal(err)
	}
	seq(t, b, "m1", "soccer.mls.goal", 3, func(d *event.Data) { d.Epoch = "e0" }) // of a state that was replaced
	seq(t, b, "m1", "soccer.mls.goal", 3, nil)
	for want := int64(1); want <= 3; want++ {
		if e, _ := c.event(); e.Data.Seq != want || e.Data.Epoch != "e1" {
			t.Fatalf("framed %s %d, want e1 %d", e.Data.Epoch, e.Data.Seq, want)
		}
	}
}

func TestSnapshotFollowsCorrectionsAndRetractions(t *testing.T) {
	b := memory.New(nil, nil)
	same := func(action event.Action, player string) func(*event.Data) {
		return func(d *event.Data) { d.Incident, d.Action, d.Player, d.Rev = "i", action, player, int(d.Seq) }
	}
	seq(t, b, "m1", "soccer.mls.goal", 1, same(event.New, "Pogba"))
	seq(t, b, "m1", "soccer.mls.goal_corrected", 2, same(event.Corrected, "Behich"))
	seq(t, b, "m2", "ice_hockey.nhl.goal", 1, nil)
	seq(t, b, "m2", "ice_hockey.nhl.goal", 2, nil)
	seq(t, b, "m2", "ice_hockey.nhl.goal_retracted", 3, func(d *event.Data) { d.Incident, d.Action = "m2/1", event.Retracted })
	hello := newNode(t, b).follow(t, "").read()
	got := map[string][]string{}
	for _, m := range hello.Snapshot.Matches {
		for _, i := range m.Incidents {
			got[m.Match.ID] = append(got[m.Match.ID], fmt.Sprintf("%s rev %d", i.Player, i.Rev))
		}
	}
	if fmt.Sprint(got) != "map[m1:[Behich rev 2] m2:[P2 rev 1]]" {
		t.Errorf("incidents that stand: %v", got)
	}
}

func TestEventsByHandAreFramed(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	c := n.follow(t, "")
	c.read()
	seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	byHand, err := broker.Emit(t.Context(), b, "soccer.mls.goal", event.Data{Player: "Hand", Match: &event.Match{ID: "m1"}})
	if err != nil {
		t.Fatal(err)
	}
	twice, err := broker.NewMessage(byHand)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Publish(t.Context(), twice); err != nil { // as after a lost confirmation
		t.Fatal(err)
	}
	none, err := broker.Emit(t.Context(), b, "soccer.mls.goal", event.Data{Player: "Nobody's"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 3 {
		e, _ := c.event()
		got = append(got, e.ID)
	}
	if !slices.Contains(got, byHand.ID) || !slices.Contains(got, none.ID) {
		t.Errorf("framed %v", got)
	}
	if m := n.follow(t, "").read().Snapshot.Matches; len(m) != 1 || m[0].Match.Home != "New York City FC" || len(m[0].Incidents) != 1 {
		t.Errorf("what the parser knows was overwritten: %+v", m)
	}
}

func TestResumeOnAnyNode(t *testing.T) {
	b := memory.New(nil, nil)
	one, two := newNode(t, b), newNode(t, b)
	c := one.follow(t, "topics=soccer.%23")
	c.read()
	seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	_, f := c.event()
	c.conn.Close()
	seq(t, b, "m2", "ice_hockey.nhl.goal", 1, nil) // not wanted
	seq(t, b, "m1", "soccer.mls.goal", 2, nil)
	three := newNode(t, b) // started after the events
	for name, n := range map[string]*node{"the same": one, "another": two, "a new one": three} {
		c := n.follow(t, "topics=soccer.%23&cursor="+f.Cursor)
		if hello := c.read(); !*hello.Resumed || hello.Snapshot != nil || hello.Cursor != f.Cursor {
			t.Errorf("%s: first frame %+v", name, hello)
		}
		if e, _ := c.event(); e.Data.Seq != 2 || e.Subject != "m1" {
			t.Errorf("%s: resumed with %s %d", name, e.Subject, e.Data.Seq)
		}
	}
	// A cursor of a log that is gone: told so, and given a snapshot.
	other := broker.CursorAt(0, "something else")
	if hello := one.follow(t, "cursor="+other.String()).read(); *hello.Resumed || hello.Snapshot == nil {
		t.Errorf("a foreign cursor: %+v", hello)
	}
}

func TestSubscriptions(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	seq(t, b, "m2", "ice_hockey.nhl.goal", 1, nil)
	for query, want := range map[string]string{
		"":                             "[m1 m2]",
		"topics=soccer.mls.*":          "[m1]",
		"topics=soccer.*.x,*.nhl.goal": "[m2]",
		"topics=*.*.red_card":          "[]",
		"match=m1&match=m2":            "[m1 m2]",
		"match=m2":                     "[m2]",
		"team=toronto+fc":              "[m1]",
		"team=Toronto+FC&match=m2":     "[]",
	} {
		got := []string{}
		for _, m := range n.follow(t, query).read().Snapshot.Matches {
			got = append(got, m.Match.ID)
		}
		slices.Sort(got)
		if fmt.Sprint(got) != want {
			t.Errorf("%q: snapshot of %v, want %s", query, got, want)
		}
	}
	c := n.follow(t, "match=m1")
	c.read()
	say := func(s string) {
		if err := c.conn.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	say(`{"subscribe":{"match":["m2"]}}`)
	say(`{"unsubscribe":{"match":["m1"]}}`)
	say(`{"ping":7}`)
	for _, want := range []string{"[m1 m2]", "[m2]"} { // each change brings a snapshot
		got := []string{}
		for _, m := range c.read().Snapshot.Matches {
			got = append(got, m.Match.ID)
		}
		slices.Sort(got)
		if fmt.Sprint(got) != want {
			t.Errorf("snapshot of %v, want %s", got, want)
		}
	}
	if f := c.read(); f.Pong != 7 {
		t.Fatalf("answer to a ping: %+v", f)
	}
	seq(t, b, "m1", "soccer.mls.goal", 2, nil)
	seq(t, b, "m2", "ice_hockey.nhl.goal", 2, nil)
	if e, _ := c.event(); e.Subject != "m2" {
		t.Errorf("got %s after changing over to m2", e.Subject)
	}
	say(`{"unsubscribe":{"match":["m2"]}}`) // the last: that is not everything
	if f := c.read(); len(f.Snapshot.Matches) != 0 {
		t.Errorf("snapshot %+v after unsubscribing from all", f.Snapshot)
	}
	seq(t, b, "m1", "soccer.mls.goal", 3, nil)
	say(`{"ping":8}`)
	if f := c.read(); f.Pong != 8 {
		t.Errorf("got %+v after unsubscribing from all", f)
	}
}

// Who missed far more than a slow client's budget resumes all the same.
func TestResumeFromFarBehind(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	c := n.follow(t, "")
	c.read()
	seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	_, f := c.event()
	c.conn.Close()
	watch := n.follow(t, "topics=*.*.red_card")
	watch.read()
	big := strings.Repeat("x", 64<<10)
	for i := range int64(100) { // 6 MB
		seq(t, b, "m1", "soccer.mls.goal", i+2, func(d *event.Data) { d.Reason = big })
	}
	seq(t, b, "m1", "soccer.mls.red_card", 102, nil)
	if e, _ := watch.event(); e.Data.Seq != 102 { // the node has read them all
		t.Fatalf("got %d", e.Data.Seq)
	}
	c = n.follow(t, "cursor="+f.Cursor)
	if hello := c.read(); !*hello.Resumed {
		t.Fatalf("first frame %+v", hello)
	}
	for want := int64(2); want <= 101; want++ {
		if e, _ := c.event(); e.Data.Seq != want {
			t.Fatalf("got %d, want %d", e.Data.Seq, want)
		}
	}
}

// Bytes that a browser would refuse are no event.
func TestWhatIsNotUTF8IsNotFramed(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	c := n.follow(t, "")
	c.read()
	m := seq(t, memory.New(nil, nil), "m1", "soccer.mls.goal", 1, nil)
	m.Body = bytes.Replace(m.Body, []byte("P1"), []byte("P\xff"), 1)
	if _, err := b.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	seq(t, b, "m1", "soccer.mls.goal", 2, nil)
	if e, _ := c.event(); e.Data.Seq != 2 {
		t.Errorf("framed %+v", e)
	}
}

func TestBadRequests(t *testing.T) {
	n := newNode(t, memory.New(nil, nil))
	for _, query := range []string{"cursor=x", "cursor=1-zz", "match=" + strings.Repeat("a", 300), "match=" + strings.Repeat("a,", 201), "topics=soccer", "topics=Soccer.MLS.*", "topic=soccer.mls.*"} {
		_, resp, err := n.connect(query, nil)
		if err == nil || resp == nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%.30q: %v", query, err)
		}
	}
	_, resp, err := n.connect("", http.Header{"Origin": {"https://elsewhere.example"}})
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a page from elsewhere may connect: %v", err)
	}
	for _, bad := range []string{"hello", "[]", `{"what":1}`, `{"subscribe":{"topics":["` + strings.Repeat("é", 100) + `"]}}`} {
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

func TestNodeThatStopsSaysSo(t *testing.T) {
	n := newNode(t, memory.New(nil, nil))
	c := n.follow(t, "")
	c.read()
	go n.stop()
	if code := c.closed(); code != websocket.CloseGoingAway {
		t.Errorf("closed with %d, want 1001", code)
	}
}

// The cursor of an empty log is one, too.
func TestResumeFromNothing(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	hello := n.follow(t, "").read()
	seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	c := n.follow(t, "cursor="+hello.Cursor)
	if f := c.read(); !*f.Resumed {
		t.Fatalf("%+v", f)
	}
	if e, _ := c.event(); e.Data.Seq != 1 {
		t.Errorf("%+v", e)
	}
}

// Who does not read is closed, and nobody waits for him.
func TestSlowClientIsClosed(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	conn, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	healthy := n.follow(t, "topics=*.*.red_card")
	healthy.read()
	big := strings.Repeat("x", 64<<10)
	for i := range int64(150) { // 10 MB, far beyond the budget and the kernel's buffers
		seq(t, b, "m1", "soccer.mls.goal", i+1, func(d *event.Data) { d.Reason = big })
	}
	seq(t, b, "m1", "soccer.mls.red_card", 1000, nil)
	if e, _ := healthy.event(); e.Data.Seq != 1000 {
		t.Errorf("healthy client got seq %d", e.Data.Seq)
	}
	// The frames in flight, then the close frame with its code.
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
		t.Errorf("no close frame with 4001 at the end: %q", tail)
	}
}

// A log that counts what is read of it.
type countingLog struct {
	broker.Log
	read atomic.Int64
}

func (c *countingLog) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{}, h func(broker.Cursor, broker.Message) error) error {
	return c.Log.ReadLog(ctx, from, caughtUp, func(at broker.Cursor, m broker.Message) error {
		c.read.Add(1)
		return h(at, m)
	})
}

// A node that starts goes on from what another has written down, knows as much
// as if it had read the whole log, and resumes clients of the other.
func TestCheckpoint(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		const events, matches = 1700, 30
		b := memory.New(nil, nil)
		saved := afterScripts(r)
		kept := eventlog.NewCheckpoints(r, "mw:").Every(500)
		old := newNodeWith(t, b, kept)
		first := old.follow(t, "match=m0")
		first.read()
		seq(t, b, "m0", "soccer.mls.goal", 1, nil)
		_, early := first.event()
		list := func() int { return int(r.ZCard(t.Context(), "mw:{fanout}:checkpoints").Val()) }
		for i := 1; i < events; i++ {
			// The next checkpoint is due 500 events after the last, if that one is saved by then.
			for i%500 == 100 && list() < i/500 {
				<-saved
			}
			seq(t, b, fmt.Sprintf("m%d", i%matches), "soccer.mls.goal", int64(i+1), func(d *event.Data) {
				if i%100 == 99 {
					d.Epoch, d.Seq = "", 0 // by hand
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
		whole := newNode(t, b) // with checkpoints of its own: none
		counted := &countingLog{Log: b}
		next := newNodeWith(t, counted, kept)
		if got, want := snapshot(next), snapshot(whole); got != want {
			t.Errorf("from a checkpoint the node knows something else than from the beginning:\n%.300s\n%.300s", got, want)
		}
		if n := counted.read.Load(); n < 500 || n > 1250 {
			t.Errorf("%d of %d messages read", n, events)
		}
		past := next.follow(t, "match=m0&cursor="+early.Cursor)
		if f := past.read(); !*f.Resumed {
			t.Error("not resumed from the log, with a cursor from before what the node has read at its start")
		}
		for i := matches; i < events; i += matches {
			if e, _ := past.event(); e.Subject != "m0" || e.Data.Epoch != "" && e.Data.Seq != int64(i+1) {
				t.Fatalf("got %s %d from the log, want %d", e.Subject, e.Data.Seq, i+1)
			}
		}
		// What follows goes on where the checkpoint ended, and a client of the
		// old node goes on at the new one.
		at := snapshot(old)
		at = at[:strings.Index(at, "{")]
		seq(t, b, "m0", "soccer.mls.goal", events+1, func(d *event.Data) { d.Player = "last" })
		c := next.follow(t, "match=m0&cursor="+at)
		if f := c.read(); !*f.Resumed {
			t.Errorf("not resumed: %+v", f)
		}
		if e, _ := c.event(); e.Data.Player != "last" {
			t.Errorf("%+v", e)
		}
	})
}

// A checkpoint of a log that is gone leads nobody astray.
func TestCheckpointOfAnotherLog(t *testing.T) {
	kept, saved := savedCheckpoints(t)
	kept.Every(500)
	first := memory.New(nil, nil)
	n := newNodeWith(t, first, kept)
	c := n.follow(t, "")
	c.read()
	c.conn.Close()
	for i := range 600 {
		seq(t, first, "gone", "soccer.mls.goal", int64(i+1), nil)
	}
	<-saved
	n.stop()
	second := memory.New(nil, nil)
	seq(t, second, "here", "soccer.mls.goal", 1, nil)
	f := newNodeWith(t, second, kept).follow(t, "").read()
	if len(f.Snapshot.Matches) != 1 || f.Snapshot.Matches[0].Match.ID != "here" {
		t.Errorf("%+v", f.Snapshot)
	}
}

// A log that is made anew again and again, each time just when it has been read.
type restlessLog struct {
	broker.Log
	left atomic.Int64
	calm chan struct{} // closed when it is not any more
}

func (r *restlessLog) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{}, h func(broker.Cursor, broker.Message) error) error {
	if left := r.left.Add(-1); left < 0 {
		if left == -1 {
			close(r.calm)
		}
		return r.Log.ReadLog(ctx, from, caughtUp, h)
	}
	if caughtUp != nil {
		close(caughtUp)
	}
	return broker.ErrCursorGone
}

func TestLogMadeAnewWhileGettingReady(t *testing.T) {
	b := memory.New(nil, nil)
	seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	log := &restlessLog{Log: b, calm: make(chan struct{})}
	log.left.Store(3000)
	n := newNode(t, log)
	<-log.calm
	if f := n.follow(t, "").read(); score(f) != 1 {
		t.Errorf("%+v", f)
	}
}
