// Package fanout streams events to WebSocket and SSE clients. Each node reads the whole event log
// and computes the state of every match. All clients share the encoded bytes of an event.
// docs/live.md describes the protocol.
//
// The first frame for a client is a snapshot with a cursor. Then the client receives each later
// event that its filter selects, once. A client that reconnects with a cursor receives the events
// that it missed. The missed events come from memory or from the log. If the log no longer has them, the
// first frame is a snapshot again. The hub does not wait for slow clients. If too many bytes wait
// for a client, the hub closes the connection, and the client reconnects with its cursor. A client
// with conflate=true receives a snapshot instead.
//
// # How a client connects
//
//  1. [Hub.ServeWS] or [Hub.ServeSSE] receives the HTTP request.
//  2. Hub.accept checks the origin, the query (parseRequest) and the token (Limits.authorize). It
//     waits until the node is ready (Hub.awaitReady) and counts the connection (Hub.addConnection).
//  3. newClient creates the client. Hub.serve starts two goroutines. One reads what the client
//     sends. The other runs Hub.admit.
//  4. Hub.admit calls Hub.place until the client has a timeline. Hub.locate finds the location of
//     the cursor. If the cursor is in memory, Hub.timelineFor chooses or starts a timeline. If the
//     cursor is only in the log, Hub.sharedPlayback or Hub.ownPlayback reads the log, and
//     playback.admit subscribes the client when the playback reaches the cursor.
//  5. timeline.subscribe adds the client to the index of the timeline and sends the first frame.
//
// # How an event is sent
//
//  1. [Hub.Run] starts Hub.readLog, which appends each message to the history (History.Append in
//     package eventlog).
//  2. timeline.run wakes up, and timeline.round gets the frames that are due. There is one timeline
//     for live clients, one for each delay, and one for each playback.
//  3. timeline.gather finds, in the index, the groups of clients whose filters select each frame.
//  4. spread calls client.deliver for each client, which writes without blocking.
//  5. If the connection accepts no more bytes, client.drain sends the rest from the history.
//
// # How a client disconnects
//
//   - client.close sends a close frame as the last frame (client.sendLast). Then client.closeWrite
//     closes the node's side of the connection.
//   - client.abort closes a broken connection without a close frame.
//   - client.remove runs when nothing more can be read. It waits until the client closes its side,
//     removes the client from its timeline, and calls Hub.removeConnection.
//
// When the context of Run ends, Hub.closeAll closes all clients, one after the other.
package fanout

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/internal/boards"
	"github.com/matchwire/matchwire/fanout/presence"
	"github.com/matchwire/matchwire/fanout/web"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/quota"
	"github.com/matchwire/matchwire/internal/trace"
)

// historyBytes is the approximate maximum size, in bytes, of the frames that a node keeps in memory.
// Clients can resume from these frames without a read of the log.
const historyBytes = 32 << 20

// Options holds the settings of a [Hub]. Only Log is required. By default, every client may connect
// unless it is a web page of another origin.
type Options struct {
	// Checkpoints stores the checkpoints that all nodes share. If it is nil, the hub reads the log from
	// its beginning and saves no checkpoints.
	Checkpoints *eventlog.Checkpoints
	// Presence shares the presence of all nodes. If it is nil, GET /presence counts only the clients of
	// this node.
	Presence *presence.Store
	// Trace records how many clients each live event was sent to. If it is nil, nothing is recorded.
	Trace *trace.Recorder
	// Log is the logger. It must not be nil.
	Log *slog.Logger
	// Limits can change while the hub runs: see [Hub.SetLimits].
	Limits
	// SnapshotMatches is the maximum number of matches in a snapshot: the matches that changed last. 0
	// means [eventlog.DefaultMatches].
	SnapshotMatches int
	// Scoreboard returns the state of a match according to its scoreboard, or nil if the match has none.
	// The hub calls it for clients that ask for a match, if their snapshot would lack the match or some of
	// its incidents. If Scoreboard is nil, the hub reads no scoreboards.
	Scoreboard func(ctx context.Context, match string) (*eventlog.MatchState, error)
}

// A Hub is a fan-out node. Create it with [NewHub] and start it with [Hub.Run].
type Hub struct {
	options    Options
	limits     atomic.Pointer[Limits]
	log        *slog.Logger
	metrics    metrics
	goroutines sync.WaitGroup             // the goroutines of the hub, including one for each connection
	starts     chan func(context.Context) // functions that Run starts in goroutines
	stopping   chan struct{}              // closed when the node stops accepting clients
	addresses  *quota.Quota               // counts the connections of each address
	held       *quota.Quota               // counts the timelines with a delay or a speed that each address uses
	searches   *quota.Quota               // counts the unshared playbacks that have not reached their place
	catchingUp *quota.Quota               // counts, for each address, the shared playbacks with its clients
	boards     *boards.Boards             // scoreboards of matches that the states lack

	// Run sets these fields.
	source  broker.Log
	history *eventlog.History
	live    *timeline

	saving sync.Mutex // held while a checkpoint is saved
	saved  uint64     // offset of the latest checkpoint; set by begin, then used by readLog only

	mu           sync.Mutex
	timelines    map[*timeline]struct{}
	delayed      map[time.Duration]*timeline // shared timelines, by delay
	behind       []*admission                // clients for the next shared playback
	playbacks    int                         // number of running shared playbacks
	probe        *probe                      // the probe that collects cursors; nil if there is none
	probing      bool                        // runProbes is running
	connections  int
	disconnected chan struct{} // closed when the node is stopping and has no connections
	caughtUp     chan struct{} // closed when the node has read the log to its end
	ready        chan struct{} // closed when the live timeline has caught up too

	counted presenceCache
}

// NewHub returns a Hub. The Hub accepts clients when [Hub.Run] has read the log to its end.
func NewHub(o Options) *Hub {
	o.SnapshotMatches = cmp.Or(o.SnapshotMatches, eventlog.DefaultMatches)
	limits := o.withDefaults()
	h := &Hub{options: o, log: o.Log, metrics: newMetrics(),
		history: eventlog.NewHistory(historyBytes, eventlog.Beginning()),
		starts:  make(chan func(context.Context)), stopping: make(chan struct{}),
		addresses: quota.New(limits.ConnectionsPerAddress, 0), held: quota.New(limits.TimelinesPerAddress, 0),
		searches: quota.New(0, maxSearches), catchingUp: quota.New(maxSharedPlaybacks/2, 0),
		boards: boards.New(o.Scoreboard, o.Log), disconnected: make(chan struct{}),
		timelines: map[*timeline]struct{}{}, delayed: map[time.Duration]*timeline{}}
	h.limits.Store(&limits)
	h.setUnready()
	return h
}

// Run reads the log and serves clients until ctx ends. Then it closes the clients one after the
// other, while the node still sends events. It waits until all clients have disconnected, for at
// most closeTimeout, and then aborts the remaining connections. If the log cannot be read, Run
// closes the clients in the same way and returns an error. Call Run once.
func (h *Hub) Run(ctx context.Context, log broker.Log) error {
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer h.goroutines.Wait()
	defer stop()
	h.begin(own, log)
	read := make(chan error, 1)
	h.goroutines.Go(func() { read <- h.readLog(own) })
	for {
		select {
		case f := <-h.starts:
			h.goroutines.Go(func() { f(own) })
		case <-ctx.Done():
			h.closeAll()
			stop()
			return <-read
		case err := <-read:
			h.closeAll()
			return err
		}
	}
}

// start runs f in a new goroutine, with a context that ends when Run has closed all clients. It
// returns false if the node is stopping.
func (h *Hub) start(f func(context.Context)) bool {
	select {
	case h.starts <- f:
		return true
	case <-h.stopping:
		return false
	}
}

// begin creates the history and the live timeline at a checkpoint. It starts the live timeline and
// the presence reports.
func (h *Hub) begin(ctx context.Context, log broker.Log) {
	cp, err := h.options.Checkpoints.Startup(ctx)
	switch {
	case err != nil:
		h.log.Warn("checkpoint not read, reading the event log from its beginning", "error", err)
	case cp.Cursor != broker.Start:
		h.log.Info("reading the event log from a checkpoint", "cursor", cp.Cursor, "matches", cp.Matches())
	}
	cp = cp.WithMatches(h.options.SnapshotMatches)
	h.source, h.history, h.saved = log, eventlog.NewHistory(historyBytes, cp), cp.Cursor.Offset
	h.live = newTimeline(h, h.history, clock{}, h.history.Now())
	h.mu.Lock()
	h.timelines[h.live] = struct{}{}
	h.mu.Unlock()
	h.goroutines.Go(func() { h.live.run(ctx) })
	if h.options.Presence != nil {
		h.goroutines.Go(func() { h.options.Presence.Run(ctx, h.log, h.presence) })
	}
}

// Health returns an issue if this node does not accept clients.
func (h *Hub) Health() []health.Issue {
	switch {
	case closed(h.stopping):
		return []health.Issue{{Text: "fanout is stopping and accepts no clients", Down: true}}
	case !h.isReady():
		return []health.Issue{{Text: "fanout is still reading the event log", Down: true}}
	}
	return nil
}

// Handler returns a handler that serves the live page at /, /match/ID and /embed, the streams at /ws and
// /sse, and the presence at /presence. Pages of the current origins may show the page in an iframe.
func (h *Hub) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", h.ServeWS)
	mux.HandleFunc("GET /sse", h.ServeSSE)
	mux.HandleFunc("GET /presence", h.ServePresence)
	mux.Handle("GET /", web.Handler(h.limits.Load().Origins))
	return mux
}

// recordRound counts the frames of a round, and traces those that were sent live. clients holds, for
// each frame, the number of clients that it was sent to. began is the start of the round.
func (h *Hub) recordRound(t *timeline, frames []*eventlog.Frame, clients []int, began time.Time) {
	now := time.Now()
	for i, f := range frames {
		h.metrics.frames.Add(int64(clients[i]))
		if t != h.live || !f.Live {
			continue // delayed as requested, or read before the node had caught up
		}
		h.metrics.lag.Observe(now.Sub(f.Read).Seconds())
		h.options.Trace.Record(trace.Span{
			TID: f.TID, ID: event.NewSpanID(), Parent: f.TID.Span(f.ID), Op: trace.Deliver, Role: "fanout",
			Name: f.Key, Message: f.ID, Match: f.MatchID(),
			Start: began.UTC(), Took: trace.Millis(now.Sub(began)), Outcome: "sockets: " + strconv.Itoa(clients[i]),
		})
		h.log.Debug("event sent", "tid", f.TID, "key", f.Key, "id", f.ID, "cursor", f.Cursor, "sockets", clients[i])
	}
}

// closed reports whether c is closed. No value is ever sent on c.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// signal sends a value to c, which has a capacity of 1, unless c already holds a value.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
