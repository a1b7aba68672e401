package gateway

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// A stream is a response that stays open: a tunnel or an event stream.
type stream interface {
	stop()               // ends the stream with a last frame that asks the client to reconnect
	abort(why endReason) // ends the stream now
	activeAt() time.Time // returns when the latest bytes were received
	kind() string        // websocket or sse
}

// streams is the set of the open streams of a gateway.
type streams struct {
	max     int
	empty   chan struct{}  // closed when the gateway is stopping and no stream is left
	tunnels sync.WaitGroup // counts the tunnels in open

	mu       sync.Mutex
	reserved int // number of streams, including those that are being opened
	open     map[stream]struct{}
	stopping bool // no stream can be reserved
	cut      bool // no stream can be added
}

// reserve counts a stream that is being opened. After a call without an error, the caller must call
// free once, when the stream has ended.
func (s *streams) reserve() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return errStopping
	case s.reserved >= s.max:
		return errFull
	}
	s.reserved++
	return nil
}

// free reverses reserve.
func (s *streams) free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reserved--; s.reserved == 0 && s.stopping {
		close(s.empty)
	}
}

// add adds a stream for which the caller has called reserve, and stops it if the gateway is stopping.
// It fails if the time limit of Shutdown has passed.
func (s *streams) add(x stream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return errStopping
	}
	s.open[x] = struct{}{}
	if _, ok := x.(*tunnel); ok {
		s.tunnels.Add(1)
	}
	if s.stopping {
		x.stop()
	}
	return nil
}

// remove removes a stream and frees its place.
func (s *streams) remove(x stream) {
	s.mu.Lock()
	delete(s.open, x)
	s.mu.Unlock()
	s.free()
	if _, ok := x.(*tunnel); ok {
		s.tunnels.Done()
	}
}

// full reports whether there are too many streams for another one.
func (s *streams) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reserved >= s.max
}

// list returns all open streams.
func (s *streams) list() []stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.open))
}

// count returns the number of open streams of a kind.
func (s *streams) count(kind string) (n int) {
	for _, x := range s.list() {
		if x.kind() == kind {
			n++
		}
	}
	return n
}

// closeIdle ends the streams that have received no bytes since a time.
func (s *streams) closeIdle(since time.Time) {
	for _, x := range s.list() {
		if x.activeAt().Before(since) {
			x.abort(endIdle)
		}
	}
}

// Shutdown ends the WebSockets and event streams one after the other, over the time Options.Drain,
// so that their clients do not all reconnect at once. From now on, the gateway refuses new ones. A
// WebSocket client receives a close frame with code 1012 after a whole frame. Shutdown returns when
// all have ended. If ctx ends first, Shutdown cuts the others and returns the error of ctx.
func (g *Gateway) Shutdown(ctx context.Context) error {
	s := &g.streams
	all := s.beginStop()
	pause := time.NewTicker(max(1, min(time.Millisecond, g.options.Drain/time.Duration(max(1, len(all))))))
	defer pause.Stop()
	for _, x := range all {
		x.stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	select {
	case <-s.empty:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.cut = true
	s.mu.Unlock()
	for _, x := range s.list() {
		x.abort(endStopped)
	}
	s.tunnels.Wait()
	return ctx.Err()
}

// beginStop makes reserve fail, and returns the streams that are open now.
func (s *streams) beginStop() []stream {
	s.mu.Lock()
	if !s.stopping && s.reserved == 0 {
		close(s.empty)
	}
	s.stopping = true
	s.mu.Unlock()
	return s.list()
}
