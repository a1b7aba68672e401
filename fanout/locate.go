package fanout

import (
	"context"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
)

const (
	maxLead      = 5 * time.Second // how long a node waits for a message that another node has read already
	probeCollect = time.Second     // how long a probe collects cursors
)

// locate returns where a cursor stands. Another node may have sent it a moment ago,
// before this node read it. Ahead means that it is still ahead after some seconds.
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

// A probe is one reading of the log, from where the node has read it to its end, for
// all cursors that are ahead of the node.
type probe struct {
	cursors map[broker.Cursor]eventlog.Location
	done    chan struct{} // closed when the locations are known
}

// probeLog asks the log itself whether it holds a cursor that is ahead of this node.
// It returns Ahead if so, or if the log cannot be read; else Unknown. One probe runs
// at a time, and cursors that arrive meanwhile share the next.
func (h *Hub) probeLog(ctx context.Context, c broker.Cursor) eventlog.Location {
	h.mu.Lock()
	if h.probe == nil {
		h.probe = &probe{cursors: map[broker.Cursor]eventlog.Location{}, done: make(chan struct{})}
	}
	p := h.probe
	p.cursors[c] = eventlog.Ahead
	first := !h.probing
	h.probing = true
	h.mu.Unlock()
	if first && !h.start(h.runProbes) {
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

func (h *Hub) runProbe(ctx context.Context, p *probe) {
	ctx, cancel := context.WithTimeout(ctx, maxLead)
	defer cancel()
	caughtUp := make(chan struct{})
	h.goroutines.Go(func() {
		select {
		case <-caughtUp:
			cancel() // ends a reading that waits for more
		case <-ctx.Done():
		}
	})
	found := map[broker.Cursor]bool{}
	err := h.source.ReadLog(ctx, h.history.Last(), caughtUp, func(at broker.Cursor, _ broker.Message) error {
		if _, asked := p.cursors[at]; asked {
			found[at] = true
		}
		return nil
	})
	if !closed(caughtUp) {
		h.log.Debug("the event log cannot be read to its end now", "error", err)
		return
	}
	for c := range p.cursors {
		if !found[c] {
			p.cursors[c] = eventlog.Unknown
		}
	}
}
