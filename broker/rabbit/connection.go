package rabbit

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A connection is an AMQP connection that can be dropped without waiting for the broker.
type connection struct {
	*amqp.Connection
	address      string        // address of the node, for logs
	replyTimeout time.Duration // how long to wait for the reply to a request

	drop    func()        // marks the connection as closed, and closes it in the background
	dropped chan struct{} // closed by drop
}

func newConnection(c *amqp.Connection, address string, replyTimeout time.Duration) *connection {
	dropped := make(chan struct{})
	drop := sync.OnceFunc(func() {
		close(dropped)
		go func() { _ = c.CloseDeadline(time.Now().Add(closeTimeout)) }()
	})
	return &connection{Connection: c, address: address, replyTimeout: replyTimeout, drop: drop, dropped: dropped}
}

// IsClosed reports whether the connection is closed or dropped.
func (c *connection) IsClosed() bool {
	select {
	case <-c.dropped:
		return true
	default:
		return c.Connection.IsClosed()
	}
}

// await runs request, which waits for the broker, and returns the error of request. If ctx ends,
// await returns the error of ctx, and request continues in the background. If the broker does not
// answer within timeout, await drops the connection, which also ends request. If this or another
// call drops the connection, await returns errNoReply.
func (c *connection) await(ctx context.Context, timeout time.Duration, request func() error) error {
	done := make(chan error, 1)
	timer := time.AfterFunc(timeout, c.drop)
	go func() {
		err := request()
		timer.Stop()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.dropped:
		return errNoReply
	}
}

// open opens a channel.
func (c *connection) open(ctx context.Context) (*channel, error) {
	opened := make(chan *amqp.Channel, 1)
	err := c.await(ctx, c.replyTimeout, func() error {
		ch, err := c.Channel()
		opened <- ch
		return err
	})
	if err != nil {
		go func() { // the request may still open a channel, which no caller would close
			if ch := <-opened; ch != nil {
				_ = (&channel{Channel: ch, conn: c}).Close()
			}
		}()
		return nil, err
	}
	return &channel{Channel: <-opened, conn: c}, nil
}

// A channel is an AMQP channel whose requests have a deadline. Only one goroutine at a time may use
// call and Close.
type channel struct {
	*amqp.Channel
	conn *connection
	// latestDone is closed when the latest request has ended. It is nil before the first request.
	latestDone chan struct{}
}

// IsClosed reports whether the channel or its connection is closed, or the connection is dropped.
func (c *channel) IsClosed() bool { return c.conn.IsClosed() || c.Channel.IsClosed() }

// call runs a request that the broker answers, such as a declaration. If ctx ends before the reply,
// call returns the error of ctx. If the broker does not answer in time, call drops the connection.
// After an error, the caller must call nothing except Close.
func (c *channel) call(ctx context.Context, request func(*amqp.Channel) error) error {
	done := make(chan struct{})
	c.latestDone = done
	return c.conn.await(ctx, c.conn.replyTimeout, func() error {
		defer close(done)
		return request(c.Channel)
	})
}

// callResult is like call, for a request that returns a result. It passes the result through a Go
// channel, because the request may continue in the background and must not share memory with the
// caller.
func callResult[T any](ctx context.Context, c *channel, request func(*amqp.Channel) (T, error)) (result T, err error) {
	results := make(chan T, 1)
	err = c.call(ctx, func(ch *amqp.Channel) error {
		r, err := request(ch)
		results <- r
		return err
	})
	if err != nil {
		return result, err
	}
	return <-results, nil
}

// Close closes the channel. The broker requeues unacknowledged deliveries. If the broker does not
// answer, Close drops the connection, which has the same effect. If a request is still unanswered,
// Close returns at once, and the channel is closed in the background after the reply. Otherwise the
// client would mistake that reply for the reply to the close.
func (c *channel) Close() error {
	if c.latestDone != nil {
		select {
		case <-c.latestDone:
		default:
			go func() {
				<-c.latestDone
				_ = c.close()
			}()
			return nil
		}
	}
	return c.close()
}

func (c *channel) close() error {
	return c.conn.await(context.Background(), closeTimeout, c.Channel.Close)
}

// A socket is a net.Conn whose writes have a deadline. Without a deadline, a dead broker or network
// would block the writer forever, and the writer holds the locks that closing the connection needs.
type socket struct {
	net.Conn
	deadlineSet atomic.Int64 // when Write last set the deadline, in Unix nanoseconds; 0: never
}

// Write sets a new deadline if more than half of writeTimeout has passed since it last set a
// deadline. Setting a deadline for each of many small writes costs too much.
func (s *socket) Write(b []byte) (int, error) {
	now := time.Now()
	if now.UnixNano()-s.deadlineSet.Load() > int64(writeTimeout/2) {
		if err := s.SetWriteDeadline(now.Add(writeTimeout)); err != nil {
			return 0, err
		}
		s.deadlineSet.Store(now.UnixNano())
	}
	return s.Conn.Write(b)
}

// SetDeadline sets the read and write deadlines. The next Write replaces the write deadline with
// its own. The AMQP client calls SetDeadline after the handshake.
func (s *socket) SetDeadline(t time.Time) error {
	s.deadlineSet.Store(0)
	return s.Conn.SetDeadline(t)
}

// dial opens a socket. The AMQP handshake must end within dialTimeout.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		_ = c.Close()
		return nil, err
	}
	return &socket{Conn: c}, nil
}
