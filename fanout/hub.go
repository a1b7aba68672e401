// Package fanout streams events to WebSocket and SSE clients. A node reads the
// whole event log, folds it into the state of every match, and frames each event
// once for all who want it. docs/live.md has the protocol.
//
// The socket never lies: the first frame is a snapshot at a cursor, and every
// event after that cursor follows, once. A client that comes back with a cursor
// gets what it missed, from the node's memory or from the log; where that is
// gone it is told so and given a snapshot. A slow client is never waited for:
// past its budget it is closed with a code and resumes by its cursor.
//
// The way of an event: Run reads it from the log into a history. A line, of
// which there is one for all that is live, one for each delay and one for each
// playback, finds in its index who wants it and writes to them, one after the
// other and without waiting. A client that takes no more just then takes from the
// history, by its own position, until it has everything.
package fanout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
)

const (
	// historyBytes bounds the memory of the frames kept for clients that resume.
	historyBytes = 32 << 20
	// maxLines bounds the delays, and the playbacks, that go on at a time.
	maxLines = 256
	// leadOf is how long a cursor is waited for that another node has read already.
	leadOf = 5 * time.Second
)

// Options of a hub. The zero value takes anybody who does not come from another
// site's page.
type Options struct {
	Checkpoints *Checkpoints    // nil: none are kept, and the log is read from its beginning
	Presences   *Presences      // by which nodes know of each other's clients; nil: they do not
	Trace       *trace.Recorder // to record to how many sockets each event went; nil: nothing
	Log         *slog.Logger
	Origins     []string // of other sites whose pages may connect: https://example.org, or https://*.example.org
	Tokens      *Keys    // that clients' tokens are signed with; nil: clients need none
	Connections int      // at a time; 0: as many as the process may have files, less some
	// Drain is the longest time over which clients are sent to other nodes when
	// this one stops, 1 ms for each at most.
	Drain time.Duration
}

// A Hub is one node.
type Hub struct {
	checkpoints *Checkpoints
	options     Options
	trace       *trace.Recorder
	log         *slog.Logger
	history     *history
	live        *line
	counts      counts
	keeping     sync.Mutex     // held while a checkpoint is written
	goroutines  sync.WaitGroup // all that the hub started
	kept        uint64         // offset of the last checkpoint; the log's reader has it

	ctx    context.Context // of the lines
	source broker.Log

	mu          sync.Mutex
	lines       map[*line]struct{}
	delays      map[time.Duration]*line
	late        []*arrival // that the next playback takes
	playbacks   int        // of clients that come with a cursor, and of the others:
	playing     int
	connections int
	caughtUp    chan struct{} // closed when the log has been read to its end
	ready       chan struct{} // closed when the live line has got there, too

	stopped atomic.Bool

	present struct {
		sync.Mutex
		is Presence
		at time.Time
	}
}

// NewHub returns a hub that knows nothing until Run.
func NewHub(o Options) *Hub {
	if o.Connections == 0 {
		o.Connections = defaultConnections()
	}
	h := &Hub{checkpoints: o.Checkpoints, options: o, trace: o.Trace, log: o.Log, counts: newCounts(),
		history: newHistory(historyBytes, beginning()), lines: map[*line]struct{}{}, delays: map[time.Duration]*line{}}
	h.unready()
	return h
}

// Run reads the log until ctx ends; then it sends the clients away, a few at a
// time and while events go on, and waits for their connections, which their
// deadlines bound.
func (h *Hub) Run(ctx context.Context, log broker.Log) error {
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer h.goroutines.Wait()
	defer stop()
	h.begin(own, log)
	read := make(chan error, 1)
	h.goroutines.Go(func() { read <- h.read(own) })
	select {
	case <-ctx.Done():
		h.sendAway()
		stop()
		return <-read
	case err := <-read:
		h.sendAway()
		return err
	}
}

// begin goes on where the latest checkpoint is.
func (h *Hub) begin(ctx context.Context, log broker.Log) {
	cp, err := h.checkpoints.latest(ctx)
	switch {
	case err != nil:
		h.log.Warn("reading the event log from its beginning", "error", err)
	case cp.at != broker.Start:
		h.log.Info("reading the event log from a checkpoint", "cursor", cp.at, "matches", len(cp.fold.matches))
	}
	h.ctx, h.source, h.history, h.kept = ctx, log, newHistory(historyBytes, cp), cp.at.Offset
	position, last, states := h.history.now()
	h.live = newLine(h, h.history, clock{}, position, last, states)
	h.startLine(h.live, func() {})
	if h.options.Presences != nil {
		h.goroutines.Go(func() { h.tellPresence(ctx) })
	}
}

// unready has clients wait until the log has been read to its end.
func (h *Hub) unready() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.caughtUp == nil || closed(h.caughtUp) {
		h.caughtUp = make(chan struct{})
	}
	if h.ready == nil || closed(h.ready) { // others may wait on one that is not
		h.ready = make(chan struct{})
	}
}

func (h *Hub) readiness() (caughtUp, ready chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.caughtUp, h.ready
}

// getReady waits until the first snapshot will be of the log's end.
func (h *Hub) getReady(ctx context.Context) {
	caughtUp, ready := h.readiness()
	select {
	case <-caughtUp:
	case <-ctx.Done():
		return
	}
	last, _ := h.history.end()
	for h.live.pumped.Load() < after(last) {
		select {
		case <-h.live.progress:
		case <-ctx.Done():
			return
		}
	}
	close(ready)
}

// read takes the log into the history.
func (h *Hub) read(ctx context.Context) error {
	for {
		attempt, stop := context.WithCancel(ctx)
		caughtUp, _ := h.readiness()
		var tell chan<- struct{}
		var getting sync.WaitGroup
		if !closed(caughtUp) {
			tell = caughtUp
			getting.Go(func() { h.getReady(attempt) })
		}
		err := h.source.ReadLog(ctx, h.history.last(), tell, h.take)
		stop()
		getting.Wait() // what it would call ready may be gone
		if !errors.Is(err, broker.ErrCursorGone) {
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
	}
}

func (h *Hub) isReady() bool {
	_, ready := h.readiness()
	return closed(ready)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (h *Hub) take(at broker.Cursor, m broker.Message) error {
	caughtUp, _ := h.readiness()
	if _, err := h.history.take(at, m, closed(caughtUp)); err != nil {
		h.log.Debug("not an event, not framed", "key", m.Key, "cursor", at, "error", err)
	}
	h.keep(at)
	return nil
}

// told notes what a round of a line has done.
func (h *Hub) told(l *line, frames []*frame, sockets []int, began time.Time) {
	now := time.Now()
	for i, f := range frames {
		h.counts.frames.Add(int64(sockets[i]))
		if l != h.live || !f.news {
			continue // what is read at the start went out long ago
		}
		h.counts.lag.Observe(now.Sub(f.read).Seconds())
		h.trace.Record(trace.Span{
			TID: f.tid, ID: event.NewSpanID(), Parent: f.tid.Span(f.id), Op: trace.Deliver, Role: "fanout", Name: f.key, Message: f.id, Match: f.matchID(),
			Start: began.UTC(), Took: trace.Millis(now.Sub(began)), Outcome: "sockets: " + strconv.Itoa(sockets[i]),
		})
		h.log.Debug("framed", "tid", f.tid, "key", f.key, "id", f.id, "cursor", f.cursor, "sockets", sockets[i])
	}
}

// startLine begins to pump a line. ended is called when that is over. false:
// there are too many lines.
func (h *Hub) startLine(l *line, ended func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for o := range h.lines {
		if o.clock.kind() == l.clock.kind() {
			n++
		}
	}
	if l.clock.kind() != atOnce && n >= maxLines {
		return false
	}
	h.lines[l] = struct{}{}
	h.goroutines.Go(func() {
		defer ended()
		l.pump(h.ctx)
	})
	return true
}

// drop ends a line that has no clients, unless it is the live one. It reports
// whether the line has ended, then or before.
func (h *Hub) drop(l *line) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l == h.live || !l.ended && l.index.clients > 0 {
		return false
	}
	l.ended = true
	delete(h.lines, l)
	h.forget(l)
	return true
}

// forget has nobody come to a line for its delay. mu is held.
func (h *Hub) forget(l *line) {
	maps.DeleteFunc(h.delays, func(_ time.Duration, o *line) bool { return o == l })
}

func (h *Hub) allLines() []*line {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.lines))
}
