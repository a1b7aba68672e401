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

// at publishes the n-th event of a match as read at some time.
func at(t *testing.T, b broker.Publisher, n int64, read time.Time) {
	t.Helper()
	seqAt(t, b, "m1", "soccer.mls.goal", n, read, nil)
}

// score is what a snapshot says of the one match, -1 if it has none.
func score(f frame) int {
	if f.Snapshot == nil || len(f.Snapshot.Matches) == 0 {
		return -1
	}
	return f.Snapshot.Matches[0].Score.Home
}

// A delayed client is told nothing early, neither by an event nor by its
// snapshot, and everything in the end.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		now := time.Now()
		at(t, b, 1, now.Add(-time.Minute))
		at(t, b, 2, now.Add(-500*time.Millisecond))
		n := newPipeNode(t, b, fanout.Options{})
		live, late := n.follow(t, ""), n.follow(t, "delay=2")
		if s := score(live.read()); s != 2 {
			t.Errorf("the live snapshot says %d", s)
		}
		if s := score(late.read()); s != 1 {
			t.Errorf("the delayed snapshot says %d, which is for later", s)
		}
		third := time.Now()
		at(t, b, 3, third)
		if e, _ := live.event(); e.Data.Seq != 3 {
			t.Errorf("live: %d", e.Data.Seq)
		}
		var last frame
		for want, read := range map[int64]time.Time{2: now.Add(-500 * time.Millisecond)} {
			e, f := late.event()
			if since := time.Since(read); e.Data.Seq != want || since < 2*time.Second {
				t.Errorf("delayed: %d after %v", e.Data.Seq, since)
			}
			last = f
		}
		// Who leaves and comes back goes on where they were, as late as before.
		late.conn.Close()
		late = n.follow(t, "delay=2&cursor="+last.Cursor)
		if f := late.read(); !*f.Resumed {
			t.Errorf("not resumed: %+v", f)
		}
		if e, _ := late.event(); e.Data.Seq != 3 || time.Since(third) < 2*time.Second {
			t.Errorf("delayed: %d after %v", e.Data.Seq, time.Since(third))
		}
		again := n.follow(t, "delay=1")
		if s := score(again.read()); s != 3 {
			t.Errorf("a second late everything is told: %d", s)
		}
	})
}

// from and speed play the log again, from a snapshot of what was then, and go
// on live; whether memory has it or only the log.
func TestPlayAgain(t *testing.T) {
	testenv.NotShort(t)
	t.Parallel()
	b := memory.New(nil, nil)
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	kept, saved := savedCheckpoints(t)
	newNodeWith(t, b, kept.Every(5)).follow(t, "").read()
	for n := range int64(20) {
		at(t, b, n+1, began.Add(time.Duration(n)*time.Minute))
		if n == 9 || n == 19 {
			<-saved
		}
	}
	for name, n := range map[string]*node{"from memory": newNode(t, b), "from the log": newNodeWith(t, b, kept)} {
		t.Run(name, func(t *testing.T) {
			from := began.Add(3*time.Minute + time.Second)
			c := n.follow(t, "speed=300&from="+url.QueryEscape(from.Format(time.RFC3339)))
			hello := c.read()
			started := time.Now()
			if s := score(hello); s != 4 || *hello.Resumed {
				t.Fatalf("snapshot %+v says %d, want 4", hello, s)
			}
			var middle frame
			for want := int64(5); want <= 10; want++ {
				e, f := c.event()
				due := time.Duration(float64(began.Add(time.Duration(want-1)*time.Minute).Sub(from)) / 300)
				if took := time.Since(started); e.Data.Seq != want || took < due-50*time.Millisecond {
					t.Fatalf("event %d after %v, want %d not before %v", e.Data.Seq, took, want, due)
				}
				middle = f
			}
			c.conn.Close()
			c = n.follow(t, "speed=1000&from="+url.QueryEscape(from.Format(time.RFC3339))+"&cursor="+middle.Cursor)
			if f := c.read(); !*f.Resumed {
				t.Fatalf("not resumed: %+v", f)
			}
			for want := int64(11); want <= 20; want++ {
				if e, _ := c.event(); e.Data.Seq != want {
					t.Fatalf("event %d, want %d", e.Data.Seq, want)
				}
			}
			live := n.follow(t, "")
			next := int64(score(live.read())) + 1
			at(t, b, next, time.Now())
			if e, _ := live.event(); e.Data.Seq != next {
				t.Fatalf("live: %d", e.Data.Seq)
			}
		})
	}
}

// A client that is too slow and has asked for it gets a snapshot in place of
// what it missed, and then goes on.
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
		seq(t, b, "m1", "soccer.mls.goal", i+1, func(d *event.Data) { d.Reason = string(big) })
	}
	got, last, conflated := 0, 0, false
	for last < events {
		f := c.read()
		if f.Snapshot != nil {
			if *f.Resumed || score(f) <= last {
				t.Fatalf("a snapshot of %d after %d, resumed %v", score(f), last, *f.Resumed)
			}
			last, conflated = score(f), true
			continue
		}
		e, err := event.Decode(f.Event)
		if err != nil {
			t.Fatal(err)
		}
		if int(e.Data.Seq) != last+1 {
			t.Fatalf("event %d after %d", e.Data.Seq, last)
		}
		last = int(e.Data.Seq)
		got++
	}
	if !conflated || got == events {
		t.Errorf("%d of %d events came one by one, snapshots %v", got, events, conflated)
	}
}

// A timeline ends some seconds after its last client.
func TestTimelinesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		seq(t, b, "m1", "soccer.mls.goal", 1, nil)
		n := newPipeNode(t, b, fanout.Options{})
		for i := range 5 {
			c := n.follow(t, fmt.Sprint("delay=", i+1))
			c.read()
			c.conn.Close()
		}
		if timelines := metric(t, n.hub, "matchwire_fanout_lines"); timelines != 6 {
			t.Errorf("%v timelines at first, want 6", timelines)
		}
		time.Sleep(3 * time.Second) // of the bubble's time
		if timelines := metric(t, n.hub, "matchwire_fanout_lines"); timelines != 1 {
			t.Errorf("%v timelines go on without clients", timelines)
		}
	})
}

// Who comes from the live stream to a delay does not take others of that delay
// along to what is for later.
func TestDelayAfterLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		now := time.Now()
		at(t, b, 1, now.Add(-time.Minute))
		at(t, b, 2, now.Add(-20*time.Second))
		n := newPipeNode(t, b, fanout.Options{})
		live := n.follow(t, "").read()
		came := n.follow(t, "delay=30&cursor="+live.Cursor)
		if f := came.read(); !*f.Resumed {
			t.Fatalf("%+v", f)
		}
		if s := score(n.follow(t, "delay=30").read()); s != 1 {
			t.Errorf("the snapshot of another delayed client says %d", s)
		}
		// A change brings what it had already, and nothing that it had comes again.
		if err := came.conn.WriteMessage(1, []byte(`{"subscribe":{"match":["m1"]}}`)); err != nil {
			t.Fatal(err)
		}
		if f := came.read(); score(f) != 2 || f.Cursor != live.Cursor {
			t.Errorf("%+v says %d", f, score(f))
		}
	})
}

// What was published late does not make a later state look old.
func TestDelayOfLateEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		now := time.Now()
		at(t, b, 1, now.Add(-time.Hour))
		at(t, b, 2, now.Add(-time.Second))
		at(t, b, 3, now.Add(-time.Hour)) // had waited for the broker
		if s := score(newPipeNode(t, b, fanout.Options{}).follow(t, "delay=60").read()); s != 1 {
			t.Errorf("the snapshot of a minute ago says %d", s)
		}
	})
}

// Before the log began there is nothing to wait through.
func TestPlayFromBeforeTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil, nil)
		at(t, b, 1, time.Now().Add(-time.Second))
		c := newPipeNode(t, b, fanout.Options{}).follow(t, "from=0001-01-01T00:00:00Z&speed=0.1")
		c.read()
		if e, _ := c.event(); e.Data.Seq != 1 {
			t.Errorf("%+v", e)
		}
	})
}
