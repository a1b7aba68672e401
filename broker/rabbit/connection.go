package rabbit

import (
	"net"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A connection can be given up at once, whatever the broker does.
type connection struct {
	*amqp.Connection
	dropped atomic.Bool
}

func (c *connection) IsClosed() bool { return c.dropped.Load() || c.Connection.IsClosed() }

// drop takes the connection for closed, and closes it.
func (c *connection) drop() {
	if !c.dropped.Swap(true) {
		go func() { _ = c.CloseDeadline(time.Now().Add(closeTimeout)) }()
	}
}

// A channel knows its connection.
type channel struct {
	*amqp.Channel
	conn *connection
	at   string // the node's address
}

func (c *channel) IsClosed() bool { return c.conn.IsClosed() || c.Channel.IsClosed() }

// drop gives up the channel with its connection, even if the broker no longer
// answers; closing the channel alone would wait for it.
func (c *channel) drop() { c.conn.drop() }

// Close closes the channel, and its connection if the broker does not answer:
// all that was not acknowledged goes back to its queue either way.
func (c *channel) Close() error {
	return answered(closeTimeout, c.conn, c.Channel.Close)
}

// answered runs a call that waits for the broker, and gives up the connection
// if that takes too long.
func answered(wait time.Duration, c *connection, call func() error) error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		c.drop()
		return errNoAnswer
	}
}

// A socket does not wait for ever to be written to: a broker that vanished
// without a word, or a network that swallows what is sent, would else hold up
// the writer, and with it all that must be locked to end the connection.
type socket struct {
	net.Conn
	set atomic.Int64 // when the deadline was last moved, Unix nanoseconds
}

// Write moves the deadline, though not for each of many small writes.
func (s *socket) Write(b []byte) (int, error) {
	now := time.Now()
	if now.UnixNano()-s.set.Load() > int64(writeTimeout/2) {
		if err := s.SetWriteDeadline(now.Add(writeTimeout)); err != nil {
			return 0, err
		}
		s.set.Store(now.UnixNano())
	}
	return s.Conn.Write(b)
}

// SetDeadline is what the client ends the handshake with.
func (s *socket) SetDeadline(t time.Time) error {
	s.set.Store(0)
	return s.Conn.SetDeadline(t)
}

func dial(network, address string) (net.Conn, error) {
	c, err := amqp.DefaultDial(dialTimeout)(network, address)
	if err != nil {
		return nil, err
	}
	return &socket{Conn: c}, nil
}
