package gateway

import "time"

// SetLimits sets the time limits. Call it before the first request.
func (g *Gateway) SetLimits(stall, chunk, half, idle time.Duration) {
	g.limits = limits{stall: stall, chunk: chunk, half: half, idle: idle}
}

// CloseIdle closes the tunnels that have received no bytes since the given time.
func (g *Gateway) CloseIdle(since time.Time) { g.streams.closeIdle(since) }

// Stopping reports whether Shutdown has begun, and has called stop for all tunnels.
func (g *Gateway) Stopping() bool {
	for _, t := range g.streams.list() {
		if !t.isStopping() {
			return false
		}
	}
	g.streams.mu.Lock()
	defer g.streams.mu.Unlock()
	return g.streams.stopping
}

// MaxConnections returns the maximum number of WebSockets and event streams.
func (g *Gateway) MaxConnections() int { return g.options.Connections }
