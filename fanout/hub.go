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
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/trace"
)

const (
	// historyBytes bounds the memory of the frames kept for clients that resume.
	historyBytes = 32 << 20
	// maxLines bounds the delays and the playbacks that go on at a time.
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
	caughtUp    chan struct{} // closed when the log has been read to its end
	ready       chan struct{} // closed when the live line has got there, too
	history     *history
	live        *line
	counts      counts
	keeping     sync.Mutex     // held while a checkpoint is written
	goroutines  sync.WaitGroup // all that the hub started
	kept        uint64         // offset of the last checkpoint; the log's reader has it

	ctx    context.Context // of the lines
	source event.Log

	mu          sync.Mutex
	lines       map[*line]struct{}
	delays      map[time.Duration]*line
	late        []*arrival // that the next playback takes
	playbacks   int
	connections int
	stopping    bool
}

// NewHub returns a hub that knows nothing until Run.
func NewHub(o Options) *Hub {
	if o.Connections == 0 {
		o.Connections = defaultConnections()
	}
	h := &Hub{checkpoints: o.Checkpoints, options: o, trace: o.Trace, log: o.Log, caughtUp: make(chan struct{}), ready: make(chan struct{}), counts: newCounts(),
		history: newHistory(historyBytes, beginning()), lines: map[*line]struct{}{}, delays: map[time.Duration]*line{}}
	return h
}

// Run reads the log until ctx ends; then it sends the clients away, a few at a
// time and while events go on, and waits for their connections, which their
// deadlines bound.
func (h *Hub) Run(ctx context.Context, log event.Log) error {
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
func (h *Hub) begin(ctx context.Context, log event.Log) {
	cp, err := h.checkpoints.latest(ctx)
	switch {
	case err != nil:
		h.log.Warn("reading the event log from its beginning", "error", err)
	case cp.at != event.Start:
		h.log.Info("reading the event log from a checkpoint", "cursor", cp.at, "matches", len(cp.fold.matches))
	}
	h.ctx, h.source, h.history, h.kept = ctx, log, newHistory(historyBytes, cp), cp.at.Offset
	position, last, states := h.history.now()
	h.live = newLine(h, h.history, clock{}, position, last, states)
	h.startLine(h.live, func() {})
	h.goroutines.Go(h.getReady)
	if h.options.Presences != nil {
		h.goroutines.Go(func() { h.tellPresence(ctx) })
	}
}

// getReady waits until the first snapshot will be of the log's end.
func (h *Hub) getReady() {
	select {
	case <-h.caughtUp:
	case <-h.ctx.Done():
		return
	}
	_, last, _ := h.history.end()
	for h.live.pumped.Load() < after(last) {
		select {
		case <-h.live.progress:
		case <-h.ctx.Done():
			return
		}
	}
	close(h.ready)
}

// read takes the log into the history.
func (h *Hub) read(ctx context.Context) error {
	for {
		var caughtUp chan<- struct{}
		if !closed(h.caughtUp) {
			caughtUp = h.caughtUp
		}
		err := h.source.ReadLog(ctx, h.history.last(), caughtUp, h.take)
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
	}
}

func (h *Hub) isReady() bool { return closed(h.ready) }

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (h *Hub) take(at event.Cursor, m event.Message) error {
	if _, err := h.history.take(at, m, closed(h.caughtUp)); err != nil {
		h.log.Debug("not an event, not framed", "key", m.Key, "cursor", at, "error", err)
	}
	h.keep(at)
	return nil
}

// reset forgets everything. Clients come back with cursors that mean nothing
// now, and are told so.
func (h *Hub) reset() {
	h.history.reset()
	h.kept = 0
	for _, l := range h.allLines() {
		if l == h.live {
			l.restart()
		} else {
			h.endLine(l, closeGoingAway, "the event log was made anew")
		}
	}
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
	if len(h.lines) > maxLines {
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
	for d, o := range h.delays {
		if o == l {
			delete(h.delays, d)
		}
	}
	return true
}

func (h *Hub) allLines() []*line {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.lines))
}

// endLine sends all clients of a line away, and has it take no others.
func (h *Hub) endLine(l *line, code int, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	for _, c := range l.index.list() {
		c.close(code, reason, endNode)
	}
}

// sendAway ends all connections, spread over a time that depends on how many
// there are, so that the other nodes can take them.
func (h *Hub) sendAway() {
	h.mu.Lock()
	h.stopping = true
	h.mu.Unlock()
	clients := h.clients()
	const reason = "the node stops; resume on another"
	pause := min(time.Millisecond, h.options.Drain/time.Duration(max(1, len(clients))))
	tick := time.NewTicker(max(pause, 1))
	defer tick.Stop()
	for _, c := range clients {
		c.close(closeGoingAway, reason, endNode)
		<-tick.C
	}
	for _, c := range h.clients() { // came meanwhile
		c.close(closeGoingAway, reason, endNode)
	}
	for end := time.Now().Add(closeTimeout); time.Now().Before(end) && h.connected() > 0; {
		time.Sleep(5 * time.Millisecond)
	}
	for _, c := range h.clients() {
		c.mu.Lock()
		c.end(endNode)
		c.mu.Unlock()
	}
}

func (h *Hub) clients() (all []*client) {
	for _, l := range h.allLines() {
		l.mu.Lock()
		all = append(all, l.index.list()...)
		l.mu.Unlock()
	}
	return all
}

func (h *Hub) connected() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.connections
}

// enter gives a client its place: on the live line, or on another.
func (h *Hub) enter(c *client, ask request) {
	ctx, cancel := context.WithTimeout(h.ctx, arriveWithin)
	defer cancel()
	o := again
	for o == again && ctx.Err() == nil {
		if o = h.seat(ctx, c, ask); o == missing {
			ask.cursor, o = nil, again
		}
	}
	if o != taken {
		c.close(closeTryLater, "there is no room for a reading of the log now", endFull)
	}
}

func (h *Hub) seat(ctx context.Context, c *client, ask request) outcome {
	where := gone
	if ask.cursor != nil {
		where = h.find(ctx, *ask.cursor)
	}
	a := &arrival{client: c, wants: ask.wants, done: make(chan outcome, 1)}
	switch {
	case where == before && ask.pace.live():
		a.cursor = ask.cursor
		return h.catchUp(ctx, a)
	case where == before:
		a.cursor = ask.cursor
		return h.playFor(ctx, a, ask.pace)
	case where == gone:
		ask.cursor = nil
	}
	l, ok := h.lineFor(ask)
	if !ok {
		if a.from = ask.from; a.from.IsZero() {
			a.from = time.Now().Add(-ask.pace.delay)
		}
		return h.playFor(ctx, a, ask.pace)
	}
	if l == nil {
		return full
	}
	ok, err := l.add(c, ask.wants, ask.cursor)
	switch {
	case err != nil:
		h.log.Error("client not taken", "error", err)
		return full
	case !ok:
		return again
	}
	return taken
}

// find is where a cursor stands. One that another node gave out a moment ago may
// be ahead of what has been read here.
func (h *Hub) find(ctx context.Context, c event.Cursor) place {
	patience := time.NewTimer(leadOf)
	defer patience.Stop()
	for {
		_, _, grown := h.history.end()
		if p := h.history.find(c); p != beyond {
			return p
		}
		select {
		case <-grown:
		case <-patience.C:
			return gone
		case <-ctx.Done():
			return gone
		}
	}
}

// lineFor is the line for what a client asks, whose cursor, if it has one, is in
// memory. false: what it asks for is not. nil: there are too many lines.
func (h *Hub) lineFor(ask request) (l *line, ok bool) {
	if ask.pace.live() {
		return h.live, true
	}
	h.mu.Lock()
	l = h.delays[ask.pace.delay] // never of delay 0
	h.mu.Unlock()
	if l != nil && !l.over() {
		return l, true
	}
	var position uint64
	var last event.Cursor
	var states matches
	from := ask.from
	if ask.cursor != nil {
		position, last, states, from = h.history.stateAfter(*ask.cursor)
	} else {
		if ask.pace.delay > 0 {
			from = time.Now().Add(-ask.pace.delay)
		}
		if position, last, states, ok = h.history.stateAt(from); !ok {
			return nil, false
		}
	}
	l = newLine(h, h.history, ask.pace.clock(from), position, last, states)
	if !h.startLine(l, func() {}) {
		return nil, true
	}
	if d := ask.pace.delay; d > 0 {
		h.mu.Lock()
		h.delays[d] = l // of two that are made at once both do their work
		h.mu.Unlock()
	}
	return l, true
}

// change replaces what a client wants, and gives it a snapshot of that.
func (h *Hub) change(c *client, to func(wants) (wants, error)) error {
	for {
		c.mu.Lock()
		l := c.line
		c.mu.Unlock()
		if moved, err := l.change(c, to); !moved {
			return err
		}
	}
}
