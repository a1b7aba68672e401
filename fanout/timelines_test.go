package fanout_test

import (
	"fmt"
	"net"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/internal/testenv"
)

// publishAt publishes the n-th event of m1, whose page was read at readAt.
func publishAt(t *testing.T, b broker.Publisher, n int64, readAt time.Time) {
	t.Helper()
	publishNthAt(t, b, "m1", "soccer.mls.goal", n, readAt, nil)
}

// score returns the home score of the first match in a snapshot, or -1 if there is none.
func score(f frame) int {
	if f.Snapshot == nil || len(f.Snapshot.Matches) == 0 {
		return -1
	}
	return f.Snapshot.Matches[0].Score.Home
}

// A client with a delay receives every event. Neither its events nor its snapshots show anything
// before the delay has passed.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		now := time.Now()
		publishAt(t, b, 1, now.Add(-time.Minute))
		publishAt(t, b, 2, now.Add(-500*time.Millisecond))
		n := newPipeNode(t, b, fanout.Options{})
		live, late := n.follow(t, ""), n.follow(t, "delay=2")
		if s := score(live.read()); s != 2 {
			t.Errorf("the live snapshot has score %d, want 2", s)
		}
		if s := score(late.read()); s != 1 {
			t.Errorf("the delayed snapshot has score %d, want 1", s)
		}
		third := time.Now()
		publishAt(t, b, 3, third)
		if e, _ := live.event(); e.Data.Seq != 3 {
			t.Errorf("the live client received event %d, want 3", e.Data.Seq)
		}
		var last frame
		for want, read := range map[int64]time.Time{2: now.Add(-500 * time.Millisecond)} {
			e, f := late.event()
			if since := time.Since(read); e.Data.Seq != want || since < 2*time.Second {
				t.Errorf("the delayed client received event %d after %v, want event %d after 2s", e.Data.Seq, since, want)
			}
			last = f
		}
		// A client that reconnects with its cursor resumes with the same delay.
		late.conn.Close()
		late = n.follow(t, "delay=2&cursor="+last.Cursor)
		if f := late.read(); !*f.Resumed {
			t.Errorf("first frame %+v, want resumed to be true", f)
		}
		if e, _ := late.event(); e.Data.Seq != 3 || time.Since(third) < 2*time.Second {
			t.Errorf("the delayed client received event %d after %v, want event 3 after 2s", e.Data.Seq, time.Since(third))
		}
		short := n.follow(t, "delay=1")
		if s := score(short.read()); s != 3 {
			t.Errorf("the snapshot with a delay of 1 s has score %d, want 3", s)
		}
	})
}

// A client with the parameters from and speed receives a playback of the log, from memory or from the
// broker. The first frame is a snapshot of the state at the time in from.
func TestPlayback(t *testing.T) {
	testenv.NotShort(t)
	t.Parallel()
	b := memory.New(nil, nil)
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	shared, saved := watchedCheckpoints(t)
	newNodeWith(t, b, shared.Every(5)).follow(t, "").read()
	published := int64(0)
	publish := func() {
		publishAt(t, b, published+1, began.Add(time.Duration(published)*time.Minute))
		published++
	}
	for range 10 {
		publish()
	}
	<-saved
	for range 10 {
		publish()
	}
	testenv.Eventually(t, func() bool {
		select {
		case <-saved:
			return true
		default:
			publish() // the node saves no checkpoint while it still saves the one before
			return false
		}
	}, "a second checkpoint")
	for name, n := range map[string]*node{"from memory": newNode(t, b), "from the log": newNodeWith(t, b, shared)} {
		t.Run(name, func(t *testing.T) {
			from := began.Add(3*time.Minute + time.Second)
			started := time.Now()
			c := n.follow(t, "speed=300&from="+url.QueryEscape(from.Format(time.RFC3339)))
			hello := c.read()
			if s := score(hello); s != 4 || *hello.Resumed {
				t.Fatalf("first frame %+v has score %d, want a snapshot with score 4", hello, s)
			}
			var middle frame
			for want := int64(5); want <= 10; want++ {
				e, f := c.event()
				due := time.Duration(float64(began.Add(time.Duration(want-1)*time.Minute).Sub(from)) / 300)
				if took := time.Since(started); e.Data.Seq != want || took < due-50*time.Millisecond {
					t.Fatalf("received event %d after %v, want event %d after %v", e.Data.Seq, took, want, due)
				}
				middle = f
			}
			c.conn.Close()
			c = n.follow(t, "speed=1000&from="+url.QueryEscape(from.Format(time.RFC3339))+"&cursor="+middle.Cursor)
			if f := c.read(); !*f.Resumed {
				t.Fatalf("first frame %+v, want resumed to be true", f)
			}
			for want := int64(11); want <= 20; want++ {
				if e, _ := c.event(); e.Data.Seq != want {
					t.Fatalf("received event %d, want %d", e.Data.Seq, want)
				}
			}
			live := n.follow(t, "")
			next := int64(score(live.read())) + 1
			publishAt(t, b, next, time.Now())
			if e, _ := live.event(); e.Data.Seq != next {
				t.Fatalf("the live client received event %d, want %d", e.Data.Seq, next)
			}
		})
	}
}

// A slow client with conflate=true receives a snapshot instead of the events that it missed, and then
// the events after the snapshot.
func TestConflation(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	c := n.follow(t, "conflate=true")
	_ = c.conn.NetConn().(*net.TCPConn).SetReadBuffer(64 << 10)
	c.read()
	big := make([]byte, 64<<10)
	for i := range big {
		big[i] = 'x'
	}
	const events = 150
	for i := range int64(events) { // 10 MB, while the client does not read
		publishNth(t, b, "m1", "soccer.mls.goal", i+1, func(d *event.Data) { d.Reason = string(big) })
	}
	got, last, conflated := 0, 0, false
	for last < events {
		f := c.read()
		if f.Snapshot != nil {
			if *f.Resumed || score(f) <= last {
				t.Fatalf("snapshot with score %d after event %d, resumed %v, want a higher score and resumed false",
					score(f), last, *f.Resumed)
			}
			last, conflated = score(f), true
			continue
		}
		e, err := event.Decode(f.Event)
		if err != nil {
			t.Fatal(err)
		}
		if int(e.Data.Seq) != last+1 {
			t.Fatalf("received event %d after event %d, want event %d", e.Data.Seq, last, last+1)
		}
		last = int(e.Data.Seq)
		got++
	}
	if !conflated || got == events {
		t.Errorf("received %d of %d events, snapshot received: %v, want fewer events and a snapshot", got, events, conflated)
	}
}

// A timeline ends a few seconds after its last client has disconnected.
func TestTimelinesEndWithoutClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
		n := newPipeNode(t, b, fanout.Options{})
		for i := range 5 {
			c := n.follow(t, fmt.Sprint("delay=", i+1))
			c.read()
			c.conn.Close()
		}
		if timelines := metric(t, n.hub, "matchwire_fanout_timelines"); timelines != 6 {
			t.Errorf("%v timelines with clients, want 6", timelines)
		}
		time.Sleep(3 * time.Second) // on the clock of synctest
		if timelines := metric(t, n.hub, "matchwire_fanout_timelines"); timelines != 1 {
			t.Errorf("%v timelines without clients, want 1", timelines)
		}
	})
}

// A live client reconnects with a delay and its cursor. Other clients with this delay still receive
// nothing before the delay has passed.
func TestDelayAfterLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		now := time.Now()
		publishAt(t, b, 1, now.Add(-time.Minute))
		publishAt(t, b, 2, now.Add(-20*time.Second))
		n := newPipeNode(t, b, fanout.Options{})
		live := n.follow(t, "").read()
		resumed := n.follow(t, "delay=30&cursor="+live.Cursor)
		if f := resumed.read(); !*f.Resumed {
			t.Fatalf("first frame %+v, want resumed to be true", f)
		}
		if s := score(n.follow(t, "delay=30").read()); s != 1 {
			t.Errorf("the snapshot of another delayed client has score %d, want 1", s)
		}
		// After a change to its filter, the client receives a snapshot at its own position.
		if err := resumed.conn.WriteMessage(1, []byte(`{"subscribe":{"match":["m1"]}}`)); err != nil {
			t.Fatal(err)
		}
		if f := resumed.read(); score(f) != 2 || f.Cursor != live.Cursor {
			t.Errorf("snapshot %+v with score %d, want score 2 at cursor %s", f, score(f), live.Cursor)
		}
	})
}

// An event that is published long after its page was read does not change the delay of other
// events. Events before the late event in the log are not sent too early.
func TestDelayWithLateEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		now := time.Now()
		publishAt(t, b, 1, now.Add(-time.Hour))
		publishAt(t, b, 2, now.Add(-time.Second))
		publishAt(t, b, 3, now.Add(-time.Hour)) // published late
		if s := score(newPipeNode(t, b, fanout.Options{}).follow(t, "delay=60").read()); s != 1 {
			t.Errorf("the snapshot with a delay of a minute has score %d, want 1", s)
		}
	})
}

// A playback from before the first message starts at the first message.
func TestPlaybackFromBeforeTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		publishAt(t, b, 1, time.Now().Add(-time.Second))
		from := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		c := newPipeNode(t, b, fanout.Options{}).follow(t, "speed=0.1&from="+from)
		if score(c.read()) == 1 {
			return // the playback had shown the message before the client subscribed
		}
		if e, _ := c.event(); e.Data.Seq != 1 {
			t.Errorf("received event %d, want 1", e.Data.Seq)
		}
	})
}
