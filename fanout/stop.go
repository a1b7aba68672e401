package fanout

import (
	"time"
)

// reset forgets everything. Clients come back with cursors that mean nothing
// now, and are told so.
func (h *Hub) reset() {
	h.unready()
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

// endLine sends all clients of a line away, and has it take no others.
func (h *Hub) endLine(l *line, code int, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	h.forget(l)
	for _, c := range l.index.list() {
		c.close(code, reason, endNode)
	}
}

const nodeStops = "the node stops; resume on another"

// sendAway ends all connections, spread over a time that depends on how many
// there are, so that the other nodes can take them.
func (h *Hub) sendAway() {
	h.mu.Lock()
	h.stopped.Store(true) // from now on no line takes anybody
	h.mu.Unlock()
	clients := h.clients()
	pause := min(time.Millisecond, h.options.Drain/time.Duration(max(1, len(clients))))
	tick := time.NewTicker(max(pause, 1))
	defer tick.Stop()
	for _, c := range clients {
		c.close(closeGoingAway, nodeStops, endNode)
		<-tick.C
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
