package gateway

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// streams is the set of the open tunnels of a gateway.
type streams struct {
	max     int            // maximum value of reserved
	empty   chan struct{}  // closed when the gateway is stopping and no stream is left
	running sync.WaitGroup // counts the tunnels in open

	mu       sync.Mutex
	reserved int // number of streams, including those that are being opened
	open     map[*tunnel]struct{}
	stopping bool // no stream can be reserved
	cut      bool // no tunnel can be added
}

// reserve counts a stream that is being opened. It fails if the gateway is stopping, or has its maximum
// number of streams. If reserve returns nil, the caller must call free once, unless it adds a
// tunnel.
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

// add adds a tunnel whose place the caller has reserved, and stops the tunnel if the gateway is stopping.
// It fails if the context of Shutdown has ended.
func (s *streams) add(t *tunnel) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return errStopping
	}
	s.open[t] = struct{}{}
	s.running.Add(1)
	if s.stopping {
		t.stop()
	}
	return nil
}

// remove removes a tunnel and frees its place.
func (s *streams) remove(t *tunnel) {
	s.mu.Lock()
	delete(s.open, t)
	s.mu.Unlock()
	s.free()
	s.running.Done()
}

// full reports whether the maximum number of streams is reserved.
func (s *streams) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reserved >= s.max
}

// list returns all open tunnels.
func (s *streams) list() []*tunnel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.open))
}

// count returns the number of open tunnels of a kind.
func (s *streams) count(kind string) (n int) {
	for _, t := range s.list() {
		if t.kind == kind {
			n++
		}
	}
	return n
}

// closeIdle closes the tunnels that have received no bytes since the given time.
func (s *streams) closeIdle(since time.Time) {
	for _, t := range s.list() {
		if t.active.Load() < since.UnixNano() {
			t.abort(endIdle)
		}
	}
}

// Shutdown makes the gateway refuse new streams. It then ends the WebSockets and event streams one after
// the other, within about Options.Drain, so that their clients do not all reconnect together. A
// WebSocket client receives a close frame with code 1012 after a whole frame. The client of an event
// stream receives an event named close after a whole event. Connections of other protocols are cut.
// Shutdown returns when all streams have ended. If ctx ends first, Shutdown cuts the remaining streams
// and returns the error of ctx.
func (g *Gateway) Shutdown(ctx context.Context) error {
	s := &g.streams
	all := s.beginStop()
	pause := time.NewTicker(max(1, min(time.Millisecond, g.options.Drain/time.Duration(max(1, len(all))))))
	defer pause.Stop()
	for _, t := range all {
		t.stop()
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
	for _, t := range s.list() {
		t.abort(endStopped)
	}
	s.running.Wait()
	return ctx.Err()
}

// beginStop makes reserve fail, and returns the tunnels that are open now.
func (s *streams) beginStop() []*tunnel {
	s.mu.Lock()
	if !s.stopping && s.reserved == 0 {
		close(s.empty)
	}
	s.stopping = true
	s.mu.Unlock()
	return s.list()
}
