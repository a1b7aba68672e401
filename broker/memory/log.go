package memory

import (
	"context"

	"github.com/matchwire/matchwire/broker"
)

// An eventLog is the history of the exchange live_events. The mutex of the broker guards it.
type eventLog struct {
	entries []broker.Message
	first   uint64        // offset of entries[0]
	bytes   int           // total size of the bodies in entries
	grown   chan struct{} // closed and replaced when an entry is added
}

func (l *eventLog) append(m broker.Message) {
	l.entries = append(l.entries, m)
	l.bytes += len(m.Body)
	for l.bytes > maxLogBytes && len(l.entries) > 1 {
		l.bytes -= len(l.entries[0].Body)
		l.entries = l.entries[1:]
		l.first++
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

// end returns the offset after the last entry.
func (l *eventLog) end() uint64 { return l.first + uint64(len(l.entries)) }

// seek returns the offset of a cursor, or [broker.ErrCursorGone].
func (l *eventLog) seek(from broker.Cursor) (uint64, error) {
	switch {
	case from == broker.Start:
		return l.first, nil
	case from == broker.End:
		return l.end(), nil
	case from.Offset < l.first || from.Offset >= l.end(),
		broker.CursorAt(from.Offset, l.entries[from.Offset-l.first].ID) != from:
		return 0, broker.ErrCursorGone
	}
	return from.Offset, nil
}

// ReadLog reads the log from a cursor. It returns [broker.ErrCursorGone] if the log drops an entry
// before ReadLog reaches it.
func (b *Broker) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	b.mu.Lock()
	at, err := b.history.seek(from)
	tail := b.history.end()
	b.mu.Unlock()
	if err != nil {
		return err
	}
	closeCaughtUp := func() {
		if caughtUp != nil && at >= tail {
			close(caughtUp)
			caughtUp = nil
		}
	}
	for {
		closeCaughtUp()
		b.mu.Lock()
		if at < b.history.first {
			b.mu.Unlock()
			return broker.ErrCursorGone
		}
		batch, grown := b.history.entries[at-b.history.first:], b.history.grown
		batch = batch[:len(batch):len(batch)]
		b.mu.Unlock()
		for _, m := range batch {
			if ctx.Err() != nil {
				return nil
			}
			if err := h(broker.CursorAt(at, m.ID), m); err != nil {
				return err
			}
			at++
			closeCaughtUp()
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-grown:
		}
	}
}
