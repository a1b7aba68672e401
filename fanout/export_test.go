package fanout

import "context"

// Age makes every client silent for so many seconds more.
func (h *Hub) Age(seconds int64) {
	for _, c := range h.clients() {
		c.lastHeard.Add(-seconds)
	}
}

// PingNow pings every client of the live timeline.
func (h *Hub) PingNow(ctx context.Context) {
	for second := range uint8(pingInterval) {
		h.live.betweenRounds(ctx, func() { h.live.tick(second) })
	}
}
