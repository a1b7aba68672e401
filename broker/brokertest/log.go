package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/matchwire/matchwire/broker"
)

// read reads n messages from the log and returns the IDs and cursors of the messages.
func read(t *testing.T, b broker.Broker, from broker.Cursor, n int) (ids []string, at []broker.Cursor) {
	t.Helper()
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	err := b.ReadLog(ctx, from, nil, func(c broker.Cursor, m broker.Message) error {
		ids, at = append(ids, m.ID), append(at, c)
		if len(ids) == n {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("reading %d messages from %v: got messages %v, then error %v", n, from, ids, err)
	}
	return ids, at
}

func logStart(t *testing.T, open func() broker.Broker) {
	b := open()
	publish(t, b, Message("a.b.c", "1"), Message("x.y.z", "2"))
	ctx, cancel := context.WithCancel(t.Context())
	caughtUp := make(chan struct{})
	var got box
	done := make(chan error, 1)
	go func() {
		done <- b.ReadLog(ctx, broker.Start, caughtUp, func(_ broker.Cursor, m broker.Message) error {
			return got.put(ctx, m)
		})
	}()
	wait(t, caughtUp, "ReadLog to catch up")
	if ids := got.ids(); !slices.Equal(ids, []string{"1", "2"}) {
		t.Errorf("ReadLog caught up after messages %v, want [1 2]", ids)
	}
	publish(t, b, Message("a.b.c", "3"), Message("a.b.c", "end"))
	got.wait(t, "1", "2", "3", "end")
	got.check(t, "1", "2", "3", "end")
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ReadLog: %v", err)
	}
}

func logEnd(t *testing.T, open func() broker.Broker) {
	b := open()
	for _, old := range []int{0, 2} { // the first time, the log is empty
		for i := range old {
			publish(t, b, Message("a.b.c", fmt.Sprint("old", i)))
		}
		ctx, cancel := context.WithCancel(t.Context())
		caughtUp := make(chan struct{})
		var got box
		done := make(chan error, 1)
		go func() {
			done <- b.ReadLog(ctx, broker.End, caughtUp, func(_ broker.Cursor, m broker.Message) error {
				return got.put(ctx, m)
			})
		}()
		wait(t, caughtUp, "ReadLog to catch up")
		publish(t, b, Message("a.b.c", "new"), Message("a.b.c", "end"))
		got.wait(t, "new", "end")
		got.check(t, "new", "end")
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ReadLog: %v", err)
		}
	}
}

func logCursor(t *testing.T, open func() broker.Broker) {
	b := open()
	for i := range 5 {
		publish(t, b, Message("a.b.c", fmt.Sprint(i)))
	}
	ids, at := read(t, b, broker.Start, 5)
	for i, c := range at {
		parsed, err := broker.ParseCursor(c.String())
		if err != nil || parsed != c {
			t.Fatalf("ParseCursor(%q) = %v, %v, want the same cursor", c, parsed, err)
		}
		got, _ := read(t, open(), c, 5-i)
		if !slices.Equal(got, ids[i:]) {
			t.Errorf("from %v: read %v, want %v", c, got, ids[i:])
		}
	}
}

func logGone(t *testing.T, open func() broker.Broker) {
	b := open()
	publish(t, b, Message("a.b.c", "1"), Message("a.b.c", "2"))
	_, at := read(t, b, broker.Start, 2)
	for name, c := range map[string]broker.Cursor{
		"a cursor with the wrong ID": broker.CursorAt(at[0].Offset, "other"),
		"a cursor beyond the end":    broker.CursorAt(at[1].Offset+1000, "2"),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
		err := b.ReadLog(ctx, c, nil, func(broker.Cursor, broker.Message) error {
			t.Errorf("ReadLog from %s called the handler", name)
			return nil
		})
		cancel()
		if !errors.Is(err, broker.ErrCursorGone) {
			t.Errorf("ReadLog from %s: %v, want ErrCursorGone", name, err)
		}
	}
}

func logError(t *testing.T, open func() broker.Broker) {
	b := open()
	publish(t, b, Message("a.b.c", "1"))
	broken := errors.New("broken")
	err := b.ReadLog(t.Context(), broker.Start, nil, func(broker.Cursor, broker.Message) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("ReadLog: %v, want the handler's error", err)
	}
}

func logOrder(t *testing.T, open func() broker.Broker) {
	b := open()
	const publishers, perPublisher = 4, 50
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := 0; i < perPublisher; i += 5 {
				var batch []broker.Message
				for j := range 5 {
					m := Message("a.b.c", fmt.Sprintf("%d/%03d", p, i+j))
					m.Unsequenced = p%2 == 1
					batch = append(batch, m)
				}
				if _, err := b.Publish(t.Context(), batch...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	ids, at := read(t, b, broker.Start, publishers*perPublisher)
	last := map[byte]string{}
	for i, id := range ids {
		if id <= last[id[0]] {
			t.Fatalf("message %s follows %s, want the messages of each publisher in order", id, last[id[0]])
		}
		last[id[0]] = id
		if i > 0 && at[i].Offset <= at[i-1].Offset {
			t.Fatalf("offset %d follows %d, want growing offsets", at[i].Offset, at[i-1].Offset)
		}
	}
}
