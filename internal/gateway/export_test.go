package gateway

import "time"

// SetLimits changes time limits. Call it before the first request.
func (g *Gateway) SetLimits(stall, chunk, half, idle time.Duration) {
	g.limits = limits{stall: stall, chunk: chunk, half: half, idle: idle}
}

// CloseIdle ends the streams that have received no bytes since a time.
func (g *Gateway) CloseIdle(since time.Time) { g.streams.closeIdle(since) }

// Stopping reports whether Shutdown has told all streams to stop.
func (g *Gateway) Stopping() bool {
	for _, x := range g.streams.list() {
		switch x := x.(type) {
		case *tunnel:
			if !x.isStopping() {
				return false
			}
		case *eventStream:
			if !x.stopping.Load() {
				return false
			}
		}
	}
	g.streams.mu.Lock()
	defer g.streams.mu.Unlock()
	return g.streams.stopping
}

// MaxConnections returns the maximum number of WebSockets and event streams.
func (g *Gateway) MaxConnections() int { return g.options.Connections }
