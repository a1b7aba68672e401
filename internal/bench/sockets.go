package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"
)

const (
	handshakes       = 64 // maximum number of concurrent handshakes
	handshakeTimeout = 30 * time.Second
	pongEvery        = 15 * time.Second // fanout closes connections that send nothing for longer
)

// pong is a WebSocket frame from a client without a payload.
var pong = []byte{0x8a, 0x80, 0, 0, 0, 0}

// A crowd is a group of WebSocket clients that receive all events and ignore them.
type crowd struct {
	conns   []net.Conn
	reading sync.WaitGroup
	stop    chan struct{}
}

// connect opens n WebSockets, evenly at the given addresses.
func connect(ctx context.Context, n int, addresses []string) (*crowd, error) {
	c := &crowd{conns: make([]net.Conn, n), stop: make(chan struct{})}
	group, dialing := errgroup.WithContext(ctx)
	group.SetLimit(handshakes)
	for i := range n {
		group.Go(func() error {
			conn, err := openSocket(dialing, addresses[i%len(addresses)])
			c.conns[i] = conn
			if err != nil {
				return fmt.Errorf("socket %d of %d: %w", i+1, n, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		c.close()
		return nil, err
	}
	for _, conn := range c.conns {
		c.reading.Go(func() { _, _ = io.Copy(io.Discard, conn) }) // until the connection ends
	}
	c.reading.Go(c.keepAlive)
	return c, nil
}

// openSocket opens a WebSocket, and returns its connection. So frames can be discarded without reading them.
func openSocket(ctx context.Context, address string) (net.Conn, error) {
	dialer := websocket.Dialer{HandshakeTimeout: handshakeTimeout}
	conn, response, err := dialer.DialContext(ctx, "ws://"+address+"/ws", nil)
	if response != nil {
		response.Body.Close()
	}
	if err != nil && response != nil {
		return nil, fmt.Errorf("%w: the status is %s, want 101", err, response.Status)
	}
	if err != nil {
		return nil, err
	}
	return conn.NetConn(), nil
}

// keepAlive sends a frame on each connection every pongEvery.
func (c *crowd) keepAlive() {
	tick := time.NewTicker(pongEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		for _, conn := range c.conns {
			_, _ = conn.Write(pong) // fails if the connection has ended
		}
	}
}

// close closes the connections.
func (c *crowd) close() {
	close(c.stop)
	for _, conn := range c.conns {
		if conn != nil {
			conn.Close()
		}
	}
	c.reading.Wait()
}
