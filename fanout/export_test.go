package fanout

// Every has checkpoints kept after so many messages.
func (c *Checkpoints) Every(messages uint64) *Checkpoints {
	c.every = messages
	return c
}

// Age has every client silent for so many seconds more.
func (h *Hub) Age(seconds int64) {
	for _, c := range h.clients() {
		c.heard.Add(-seconds)
	}
}

// PingNow has every second be everybody's turn to be pinged.
func (h *Hub) PingNow() {
	for turn := range uint8(pingEvery) {
		h.live.between(h.ctx, func() { h.live.tick(turn) })
	}
}
