// Package fanout streams events to WebSocket and SSE clients. A node reads the
// whole event log, computes the state of every match, and encodes each event once
// for all clients that want it. docs/live.md describes the protocol.
//
// The first frame of a client is a snapshot at a cursor. Every event after that
// cursor follows, once. A client that reconnects with a cursor receives what it
// missed, from memory or from the log. If that is gone, the first frame says so and
// is a snapshot. The hub never waits for a slow client: beyond its budget it is
// closed with a code, and resumes by its cursor.
//
// # The way of a client in
//
//  1. [Hub.ServeWS] or [Hub.ServeSSE] receives the HTTP request.
//  2. Hub.accept checks it: the origin, parseRequest for its query, Hub.authorize for
//     its token, Hub.awaitReady, and Hub.addConnection for the bound on connections.
//  3. newClient makes the client, and Hub.serve starts two goroutines: one reads what
//     the client sends, the other runs Hub.admit.
//  4. Hub.admit calls Hub.place, until the client has a timeline or none has room.
//     Hub.locate says where its cursor stands. In memory: Hub.timelineFor chooses or
//     starts a timeline. Only in the log: Hub.sharedPlayback or Hub.ownPlayback reads
//     the log up to it, and playback.admit goes on from there.
//  5. timeline.subscribe adds the client to the index of the timeline, and sends the
//     first frame.
//
// # The way of an event
//
//  1. [Hub.Run] starts Hub.readLog, which appends each message to the history
//     (History.Append in package eventlog).
//  2. timeline.run wakes up, and timeline.round takes the frames that are due. There is
//     one timeline for live clients, one for each delay, and one for each playback.
//  3. timeline.gather finds the groups of clients that want each frame, in the index.
//  4. spread calls client.deliver for each client. It writes without waiting.
//  5. If the client accepts no more, client.drain sends the rest from the history, by
//     the client's own position.
//
// # The way of a client out
//
//   - client.close sends a close frame with a code and a reason as the last frame
//     (client.sendLast), then client.closeWrite closes our side of the connection.
//   - client.abort closes a connection that is broken, without a frame.
//   - client.remove runs when nothing more can be read. It waits for the client to close
//     its side, unsubscribes the client from its timeline, and calls
//     Hub.removeConnection.
//
// When Run's context ends, Hub.closeAll closes all clients, a few at a time.
package fanout

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/access"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/internal/nonblock"
	"github.com/matchwire/matchwire/fanout/presence"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/trace"
)

// historyBytes bounds the memory of the frames kept for clients that resume.
const historyBytes = 32 << 20

// Options configure a hub. The zero value accepts every client that does not come
// from a page of another site.
type Options struct {
	Checkpoints *eventlog.Checkpoints // nil: the hub saves none, and reads the log from its beginning
	Presence    *presence.Store       // shares the presence of the nodes; nil: a node knows only its own
	Trace       *trace.Recorder       // records to how many sockets each event was sent; nil: nothing
	Log         *slog.Logger
	Origins     access.Origins // whose pages may connect
	Tokens      *access.Keys   // verify the tokens of clients; nil: clients need none
	Connections int            // bound; 0: the number of files that the process may open, less some
	// Drain bounds the time over which a node that stops closes its clients, at most
	// 1 ms for each.
	Drain time.Duration
}

// A Hub is one node.
type Hub struct {
	options    Options
	log        *slog.Logger
	metrics    metrics
	goroutines sync.WaitGroup // all that the hub started, and one for each connection
	starts     chan func(context.Context)
	stopping   chan struct{} // closed when the node accepts no more clients
	searches   chan struct{} // holds a token for each search by Hub.ownPlayback

	source  broker.Log // set by Run, as the next two
	history *eventlog.History
	live    *timeline

	saving sync.Mutex // held while a checkpoint is saved
	saved  uint64     // offset of the latest checkpoint; for readLog only

	mu           sync.Mutex
	timelines    map[*timeline]struct{}
	delayed      map[time.Duration]*timeline // where clients join a delay
	behind       []*admission                // for the next shared playback
	playbacks    int                         // shared ones that run
	probe        *probe                      // that collects cursors; nil if none
	probing      bool
	connections  int
	disconnected chan struct{} // closed when the node stops and has no connections
	caughtUp     chan struct{} // closed when the log was read to its end
	ready        chan struct{} // closed when the live timeline is there, too

	counted presenceCache
}

// NewHub returns a hub. It accepts clients when Run has read the log.
func NewHub(o Options) *Hub {
	if o.Connections == 0 {
		o.Connections = nonblock.MaxConnections()
	}
	h := &Hub{options: o, log: o.Log, metrics: newMetrics(), history: eventlog.NewHistory(historyBytes, eventlog.Beginning()),
		starts: make(chan func(context.Context)), stopping: make(chan struct{}), searches: make(chan struct{}, maxSearches), disconnected: make(chan struct{}),
		timelines: map[*timeline]struct{}{}, delayed: map[time.Duration]*timeline{}}
	h.setUnready()
	return h
}

// Run reads the log until ctx ends. Then it closes the clients, a few at a time and
// while events go on, and waits for their connections, which deadlines bound. Call
// it once.
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

// start runs f in a goroutine of Run, with a context that ends with Run. It reports
// false if the node stops.
func (h *Hub) start(f func(context.Context)) bool {
	select {
	case h.starts <- f:
		return true
	case <-h.stopping:
		return false
	}
}

// begin starts at the latest checkpoint.
func (h *Hub) begin(ctx context.Context, log broker.Log) {
	cp, err := h.options.Checkpoints.Latest(ctx)
	switch {
	case err != nil:
		h.log.Warn("reading the event log from its beginning", "error", err)
	case cp.Cursor != broker.Start:
		h.log.Info("reading the event log from a checkpoint", "cursor", cp.Cursor, "matches", cp.Matches())
	}
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

// Health reports why this node accepts no clients, if so.
func (h *Hub) Health() []health.Issue {
	switch {
	case closed(h.stopping):
		return []health.Issue{{Text: "fanout stops, and accepts no more clients", Down: true}}
	case !h.isReady():
		return []health.Issue{{Text: "fanout still reads the event log", Down: true}}
	}
	return nil
}

// web is the live page, and its client in JavaScript.
//
//go:embed web
var web embed.FS

// Handler serves the live page on /, the streams on /ws and /sse, and the presence
// on /presence.
func (h *Hub) Handler() http.Handler {
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", h.ServeWS)
	mux.HandleFunc("GET /sse", h.ServeSSE)
	mux.HandleFunc("GET /presence", h.ServePresence)
	page := http.FileServerFS(files)
	mux.Handle("GET /", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'self'")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.URL.Path == "/live.js" { // pages of other sites may load it; Options.Origins says whether they may connect
			w.Header().Set("Access-Control-Allow-Origin", "*")
		}
		page.ServeHTTP(w, r)
	}))
	return mux
}

// recordRound counts and traces the frames that a timeline has sent, each to so
// many clients.
func (h *Hub) recordRound(t *timeline, frames []*eventlog.Frame, clients []int, began time.Time) {
	now := time.Now()
	for i, f := range frames {
		h.metrics.frames.Add(int64(clients[i]))
		if t != h.live || !f.Live {
			continue // no measure of the lag
		}
		h.metrics.lag.Observe(now.Sub(f.Read).Seconds())
		h.options.Trace.Record(trace.Span{
			TID: f.TID, ID: event.NewSpanID(), Parent: f.TID.Span(f.ID), Op: trace.Deliver, Role: "fanout", Name: f.Key, Message: f.ID, Match: f.MatchID(),
			Start: began.UTC(), Took: trace.Millis(now.Sub(began)), Outcome: "sockets: " + strconv.Itoa(clients[i]),
		})
		h.log.Debug("framed", "tid", f.TID, "key", f.Key, "id", f.ID, "cursor", f.Cursor, "sockets", clients[i])
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// signal sends to a channel of one token, unless it holds one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
