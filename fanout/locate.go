package fanout

import (
	"context"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
)

const (
	maxLead      = 5 * time.Second // maximum wait for a message that another node has read; maximum time of a probe
	probeCollect = time.Second     // how long a probe collects cursors before it reads the log
)

// locate returns the location of a cursor. If the cursor is ahead of this node, another node may
// have sent it. In this case, locate waits up to maxLead, and then probes the log. locate returns
// Ahead only if the log has the cursor, the log cannot be read, the node is stopping, or ctx ends.
func (h *Hub) locate(ctx context.Context, c broker.Cursor) eventlog.Location {
	lead := time.NewTimer(maxLead)
	defer lead.Stop()
	for {
		_, grown := h.history.End()
		if l := h.history.Find(c); l != eventlog.Ahead {
			return l
		}
		select {
		case <-grown:
		case <-lead.C:
			return h.probeLog(ctx, c)
		case <-h.stopping:
			return eventlog.Ahead
		case <-ctx.Done():
			return eventlog.Ahead
		}
	}
}

// A probe locates cursors that are ahead of the node. It reads the log to its end, starting after the
// latest message that the node has read.
type probe struct {
	cursors map[broker.Cursor]eventlog.Location // Ahead or Unknown
	done    chan struct{}                       // closed when cursors has the results
}

// probeLog checks whether the log has a cursor that is ahead of this node. It returns Unknown if the
// log does not have the cursor. If the log has the cursor or cannot be checked, it returns Ahead.
// Only one probe runs at a time. Calls during a probe share the next probe.
func (h *Hub) probeLog(ctx context.Context, c broker.Cursor) eventlog.Location {
	h.mu.Lock()
	if h.probe == nil {
		h.probe = &probe{cursors: map[broker.Cursor]eventlog.Location{}, done: make(chan struct{})}
	}
	p := h.probe
	p.cursors[c] = eventlog.Ahead
	idle := !h.probing
	h.probing = true
	h.mu.Unlock()
	if idle && !h.start(h.runProbes) {
		return eventlog.Ahead
	}
	select {
	case <-p.done:
		return p.cursors[c]
	case <-h.stopping:
	case <-ctx.Done():
	}
	return eventlog.Ahead
}

// runProbes runs probes while there are cursors to locate.
func (h *Hub) runProbes(ctx context.Context) {
	for {
		select {
		case <-time.After(probeCollect):
		case <-ctx.Done():
			return
		}
		h.mu.Lock()
		p := h.probe
		h.probe = nil
		h.probing = p != nil
		h.mu.Unlock()
		if p == nil {
			return
		}
		h.runProbe(ctx, p)
		close(p.done)
	}
}

// runProbe reads the log and sets the locations of the cursors. If it does not reach the end of the
// log, all cursors stay Ahead.
func (h *Hub) runProbe(ctx context.Context, p *probe) {
	ctx, cancel := context.WithTimeout(ctx, maxLead)
	defer cancel()
	caughtUp := make(chan struct{})
	h.goroutines.Go(func() {
		select {
		case <-caughtUp:
			cancel() // ReadLog would wait for more messages
		case <-ctx.Done():
		}
	})
	found := map[broker.Cursor]bool{}
	err := h.source.ReadLog(ctx, h.history.Last(), caughtUp, func(at broker.Cursor, _ broker.Message) error {
		if _, ok := p.cursors[at]; ok {
			found[at] = true
		}
		return nil
	})
	if !closed(caughtUp) {
		h.log.Debug("event log not read to its end", "error", err)
		return
	}
	for c := range p.cursors {
		if !found[c] {
			p.cursors[c] = eventlog.Unknown
		}
	}
}
