// Package fanout streams events to WebSocket clients. A node reads the whole
// event log, folds it into the state of every match, and frames each event
// once for all who want it.
//
// The socket never lies: the first frame is a snapshot at a cursor, and every
// event after that cursor follows, once. A client that comes back with a
// cursor gets what it missed; where that is gone it is told so and given a
// snapshot. A slow client is never waited for: past its budget it is closed
// with a code and resumes by its cursor.
package fanout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/trace"
)

const (
	// historyBytes bounds the memory of the frames kept for clients that resume.
	historyBytes = 32 << 20
	// frameOverhead is what a frame takes besides its bytes: its match's names
	// and the like.
	frameOverhead = 400
)

// A Hub holds the fold and the clients of one node.
type Hub struct {
	checkpoints *Checkpoints
	trace       *trace.Recorder
	log         *slog.Logger
	ready       chan struct{} // closed when the log's history has been read
	keeping     sync.Mutex    // held while a checkpoint is written
	writing     sync.WaitGroup

	mu           sync.Mutex
	fold         fold
	at           event.Cursor // of the last message taken from the log
	kept         uint64       // offset of the last checkpoint
	history      []frame
	historyBytes int
	clients      map[*client]struct{}
	stopped      bool
	connections  sync.WaitGroup // of clients that joined
}

// A frame is an event as it goes out, encoded once for everybody.
type frame struct {
	cursor event.Cursor
	key    string
	match  *event.Match
	bytes  []byte
}

// NewHub returns a hub that knows nothing until Run. r records to how many
// sockets each event went; nil: nothing.
func NewHub(c *Checkpoints, r *trace.Recorder, log *slog.Logger) *Hub {
	return &Hub{checkpoints: c, trace: r, log: log, ready: make(chan struct{}), fold: newFold(), clients: map[*client]struct{}{}}
}

// Run reads the log until ctx ends; then it closes every client as going away
// and waits for the connections, which their write deadlines bound.
func (h *Hub) Run(ctx context.Context, log event.Log) error {
	defer h.closeAll()
	defer h.writing.Wait()
	from := h.restore(ctx)
	for {
		var ready chan<- struct{}
		if !h.isReady() {
			ready = h.ready
		}
		err := log.ReadLog(ctx, from, ready, h.take)
		if !errors.Is(err, event.ErrCursorGone) {
			if err != nil {
				err = fmt.Errorf("fanout: %w", err)
			}
			return err
		}
		h.log.Warn("the event log was made anew, or left this node behind: starting from its beginning")
		if err := h.checkpoints.forget(ctx); err != nil {
			h.log.Warn("old checkpoints not removed", "error", err)
		}
		h.reset()
		from = event.Start
	}
}

// isReady reports whether the log has been read to its end once.
func (h *Hub) isReady() bool {
	select {
	case <-h.ready:
		return true
	default:
		return false
	}
}

// reset forgets everything. Clients come back with cursors that mean nothing
// now, and are told so.
func (h *Hub) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fold, h.at, h.kept, h.history, h.historyBytes = newFold(), event.Start, 0, nil, 0
	for c := range h.clients {
		c.close(closeGoingAway, "the event log was made anew")
	}
}

// take frames one message of the log.
func (h *Hub) take(at event.Cursor, m event.Message) error {
	e, err := event.Decode(m.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if at == h.at {
		return nil // the checkpoint's last
	}
	h.at = at
	defer h.keep()
	if err != nil {
		h.log.Debug("not an event, not framed", "key", m.Key, "cursor", at, "error", err)
		return nil
	}
	if !h.fold.take(e) {
		return nil // had it
	}
	f := frame{cursor: at, key: e.Type, match: e.Data.Match, bytes: frameBytes(at, m.Body)}
	h.remember(f)
	began, sockets := time.Now(), 0
	for c := range h.clients {
		if c.wants.event(f.key, f.match) {
			c.send(f.bytes)
			sockets++
		}
	}
	if h.isReady() { // what is read at the start went out long ago
		h.trace.Record(trace.Span{
			TID: e.TID, ID: event.NewSpanID(), Parent: e.TID.Span(e.ID), Op: trace.Deliver, Role: "fanout", Name: e.Type, Message: e.ID, Match: e.Subject,
			Start: began.UTC(), Took: trace.Millis(time.Since(began)), Outcome: "sockets: " + strconv.Itoa(sockets),
		})
	}
	h.log.Debug("framed", "tid", e.TID, "key", e.Type, "id", e.ID, "cursor", at, "clients", len(h.clients))
	return nil
}

func frameBytes(at event.Cursor, body []byte) []byte {
	b := make([]byte, 0, len(body)+48)
	b = append(b, `{"cursor":"`...)
	b = append(b, at.String()...)
	b = append(b, `","event":`...)
	b = append(b, body...)
	return append(b, '}')
}

func (h *Hub) remember(f frame) {
	h.history = append(h.history, f)
	h.historyBytes += len(f.bytes) + frameOverhead
	for h.historyBytes > historyBytes {
		h.historyBytes -= len(h.history[0].bytes) + frameOverhead
		h.history[0] = frame{} // the array lives on
		h.history = h.history[1:]
	}
}

// first is the first frame of every connection.
type first struct {
	Snapshot *snapshot `json:"snapshot,omitempty"` // not on a resumed connection
	Cursor   string    `json:"cursor"`
	Resumed  bool      `json:"resumed"`
}

type snapshot struct {
	Matches []*MatchState `json:"matches"`
}

// join registers a client and queues its first frame, and behind it what it
// missed, in one step, so that no event falls between.
func (h *Hub) join(c *client, from event.Cursor) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	missed, resumed := h.since(from)
	hello, err := h.hello(c.wants, from, resumed)
	if err != nil {
		return err
	}
	if h.stopped {
		return errors.New("the node stops")
	}
	c.owe(hello)
	for _, f := range missed {
		if c.wants.event(f.key, f.match) {
			c.owe(f.bytes)
		}
	}
	h.clients[c] = struct{}{}
	h.connections.Add(1)
	return nil
}

// hello encodes the first frame. h.mu is held.
func (h *Hub) hello(w wants, from event.Cursor, resumed bool) ([]byte, error) {
	if resumed {
		return json.Marshal(first{Cursor: from.String(), Resumed: true})
	}
	return json.Marshal(first{Cursor: h.at.String(), Snapshot: &snapshot{Matches: h.fold.snapshot(w)}})
}

// since finds the frames after a cursor, if it is sure that there are no others.
func (h *Hub) since(from event.Cursor) ([]frame, bool) {
	if from == event.Start {
		return nil, false
	}
	for i := len(h.history) - 1; i >= 0; i-- {
		switch f := h.history[i]; {
		case f.cursor == from:
			return h.history[i+1:], true
		case f.cursor.Offset < from.Offset:
			return nil, from == h.at // the log's last message, which was not framed
		}
	}
	return nil, from == h.at
}

// change replaces what a client wants, and gives it a snapshot of that.
func (h *Hub) change(c *client, to func(wants) (wants, error)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	w, err := to(c.wants)
	if err != nil {
		return err
	}
	b, err := h.hello(w, h.at, false)
	if err != nil {
		return err
	}
	c.wants = w
	c.send(b)
	return nil
}

func (h *Hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
	h.connections.Done()
}

func (h *Hub) closeAll() {
	h.mu.Lock()
	h.stopped = true
	for c := range h.clients {
		c.close(closeGoingAway, "the node stops; resume on another")
	}
	h.mu.Unlock()
	h.connections.Wait()
}
