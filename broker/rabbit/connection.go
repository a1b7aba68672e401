package rabbit

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A connection can be given up at once, whatever the broker does.
type connection struct {
	*amqp.Connection
	at            string        // the node's address
	answerTimeout time.Duration // of one request

	drop func()        // gives up the connection: it counts as closed, and closes in the background
	gone chan struct{} // closed by drop
}

func newConnection(c *amqp.Connection, at string, answerTimeout time.Duration) *connection {
	gone := make(chan struct{})
	drop := sync.OnceFunc(func() {
		close(gone)
		go func() { _ = c.CloseDeadline(time.Now().Add(closeTimeout)) }()
	})
	return &connection{Connection: c, at: at, answerTimeout: answerTimeout, drop: drop, gone: gone}
}

func (c *connection) IsClosed() bool {
	select {
	case <-c.gone:
		return true
	default:
		return c.Connection.IsClosed()
	}
}

// answered runs request, which waits for the broker, and returns its error. It
// returns earlier if ctx ends; then request goes on in the background. If the
// broker does not answer within wait, answered gives up the connection, which
// ends request too.
func (c *connection) answered(ctx context.Context, wait time.Duration, request func() error) error {
	done := make(chan error, 1)
	late := time.AfterFunc(wait, c.drop)
	go func() {
		err := request()
		late.Stop()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.gone:
		return errNoAnswer
	}
}

// open opens a channel.
func (c *connection) open(ctx context.Context) (*channel, error) {
	opened := make(chan *amqp.Channel, 1)
	err := c.answered(ctx, c.answerTimeout, func() error {
		ch, err := c.Channel()
		opened <- ch
		return err
	})
	if err != nil {
		go func() { // no caller is left to close what may still be opened
			if ch := <-opened; ch != nil {
				_ = (&channel{Channel: ch, conn: c}).Close()
			}
		}()
		return nil, err
	}
	return &channel{Channel: <-opened, conn: c}, nil
}

// A channel is an AMQP channel whose requests have a deadline. One goroutine at
// a time may use call and Close.
type channel struct {
	*amqp.Channel
	conn *connection
	last chan struct{} // closed when the last request has ended; nil before the first
}

// IsClosed reports whether the channel or its connection is closed or given up.
func (c *channel) IsClosed() bool { return c.conn.IsClosed() || c.Channel.IsClosed() }

// call runs a request that the broker answers: a declaration, a binding, a
// consumer. It returns when ctx ends. If the broker does not answer in time, it
// gives up the connection. After an error the channel is good for nothing but
// Close.
func (c *channel) call(ctx context.Context, request func(*amqp.Channel) error) error {
	last := make(chan struct{})
	c.last = last
	return c.conn.answered(ctx, c.conn.answerTimeout, func() error {
		defer close(last)
		return request(c.Channel)
	})
}

// answer is call for a request with a result. The result travels by a channel: a request that goes on
// in the background shares nothing with its caller.
func answer[T any](ctx context.Context, c *channel, request func(*amqp.Channel) (T, error)) (result T, err error) {
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

// Close closes the channel. Deliveries that were not acknowledged return to their
// queue. If the broker does not answer, Close gives up the connection, with the
// same effect. A request that is still unanswered is waited for in the
// background: the client confuses its answer with that to the close.
func (c *channel) Close() error {
	if c.last != nil {
		select {
		case <-c.last:
		default:
			go func() {
				<-c.last
				_ = c.close()
			}()
			return nil
		}
	}
	return c.close()
}

func (c *channel) close() error {
	return c.conn.answered(context.Background(), closeTimeout, c.Channel.Close)
}

// A socket bounds every write. A broker that vanished without a word, or a
// network that swallows what is sent, would otherwise block the writer for ever,
// and with it every lock that closing the connection needs.
type socket struct {
	net.Conn
	moved atomic.Int64 // when the deadline was last moved, Unix nanoseconds
}

// Write moves the deadline, but not for each of many small writes.
func (s *socket) Write(b []byte) (int, error) {
	now := time.Now()
	if now.UnixNano()-s.moved.Load() > int64(writeTimeout/2) {
		if err := s.SetWriteDeadline(now.Add(writeTimeout)); err != nil {
			return 0, err
		}
		s.moved.Store(now.UnixNano())
	}
	return s.Conn.Write(b)
}

// SetDeadline is called by the client at the end of the handshake.
func (s *socket) SetDeadline(t time.Time) error {
	s.moved.Store(0)
	return s.Conn.SetDeadline(t)
}

// dial opens a socket whose handshake must end within dialTimeout.
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
