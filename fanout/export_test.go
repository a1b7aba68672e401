package fanout

import (
	"context"
	"time"
)

// PingNow pings every client of the live timeline.
func (h *Hub) PingNow(ctx context.Context) {
	for second := range uint8(pingInterval) {
		h.live.betweenRounds(ctx, func() { h.live.tick(second) })
	}
}

// SearchesWaiting returns the number of searches for the start of a playback that wait for others.
func (h *Hub) SearchesWaiting() int { return h.searches.Waiting() }

// ReportPresence counts the clients of this node now, and stores the result in Options.Presence.
func (h *Hub) ReportPresence(ctx context.Context) error {
	h.counted.mu.Lock()
	h.counted.at = time.Time{}
	h.counted.mu.Unlock()
	return h.options.Presence.Put(ctx, h.presence())
}
