package rabbit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	dialTimeout  = 5 * time.Second  // shorter than the deadlines of callers, so that they can dial a second node
	heartbeat    = 10 * time.Second // interval between AMQP heartbeats
	replyTimeout = 10 * time.Second // maximum time for the broker to answer a request, such as a declaration
	writeTimeout = 5 * time.Second  // maximum time for the network to accept a write
	closeTimeout = time.Second      // maximum time for the broker to answer a close
)

var (
	errClosed  = errors.New("the Broker is closed")
	errBlocked = errors.New("the broker blocks publishers")
	errNoReply = errors.New("the broker does not answer")
)

// A link dials a connection on demand, and dials again after the connection is lost. It does not
// use the recovery of the AMQP client. That recovery restarts the delivery tags of a channel, so a
// late acknowledgement could acknowledge the wrong message.
type link struct {
	nodes        []node
	name         string // shown in the broker's management UI
	log          *slog.Logger
	replyTimeout time.Duration

	dialing lock // guards conn, next and closed
	conn    *connection
	next    int // index of the node to dial next
	closed  bool

	used    atomic.Bool            // whether channel was called
	blocked atomic.Pointer[string] // why the broker blocks publishers; nil if it does not block them
}

// A node is one server of the broker.
type node struct {
	url     string
	address string // url without user or password, for logs
}

func newLink(nodes []node, name string, log *slog.Logger) *link {
	return &link{nodes: nodes, name: name, log: log.With("connection", name),
		replyTimeout: replyTimeout, dialing: newLock()}
}

// channel opens a channel. It dials if necessary, and retries until ctx ends. If the Broker is
// closed or the connection has no free channel, it returns an error at once. The caller decides
// whether to wait for a free channel.
func (l *link) channel(ctx context.Context) (*channel, error) {
	l.used.Store(true)
	pause := newBackoff()
	for attempt := 1; ; attempt++ {
		ch, err := l.tryChannel(ctx)
		if err == nil {
			if attempt > 1 {
				l.log.Info("broker reached", "broker", ch.conn.address, "attempt", attempt)
			}
			return ch, nil
		}
		if ctx.Err() != nil || errors.Is(err, errClosed) || errors.Is(err, amqp.ErrChannelMax) {
			return nil, errors.Join(ctx.Err(), err)
		}
		wait := pause.NextBackOff()
		if attempt < len(l.nodes) {
			wait = 0 // the next node may be up
		}
		text := unreachable
		if LoginRefused(err) {
			text = "broker refuses the login, trying again"
		}
		l.log.Warn(text, "attempt", attempt, "error", err, "pause", wait.Round(time.Millisecond))
		if !sleep(ctx, wait) {
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

// unreachable is the message of the log when the broker cannot be reached.
const unreachable = "broker unreachable, trying again"

// LoginRefused reports whether err means that the broker refused the user or the virtual host.
func LoginRefused(err error) bool {
	var refused *amqp.Error
	return errors.As(err, &refused) && (refused.Code == amqp.AccessRefused || refused.Code == amqp.NotAllowed)
}

// reach connects. If it cannot connect before ctx ends, or if retrying cannot help, it returns the
// last error. It writes failed attempts to log.
func (l *link) reach(ctx context.Context, log *slog.Logger) error {
	for pause := newBackoff(); ; {
		ch, err := l.tryChannel(ctx)
		if err == nil {
			return ch.Close()
		}
		permanent := LoginRefused(err) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errClosed)
		if permanent || ctx.Err() != nil {
			return err
		}
		wait := pause.NextBackOff()
		log.Warn(unreachable, "error", err, "pause", wait.Round(time.Millisecond))
		if !sleep(ctx, wait) {
			return err
		}
	}
}

// tryChannel opens a channel. It dials at most once.
func (l *link) tryChannel(ctx context.Context) (*channel, error) {
	conn, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	ch, err := conn.open(ctx)
	switch {
	case err == nil:
		return ch, nil
	case errors.Is(err, amqp.ErrChannelMax):
		return nil, fmt.Errorf("no free channel on connection %q to broker %s, which allows %d: %w",
			l.name, conn.address, conn.Config.ChannelMax, err)
	case ctx.Err() == nil:
		conn.drop() // the connection is broken, so the next attempt dials
	}
	return nil, fmt.Errorf("opening a channel on broker %s: %w", conn.address, err)
}

// connect returns the connection. If it is not open, connect dials the next node.
func (l *link) connect(ctx context.Context) (*connection, error) {
	if err := l.dialing.lock(ctx); err != nil {
		return nil, err
	}
	defer l.dialing.unlock()
	if l.closed {
		return nil, errClosed
	}
	if l.conn != nil && !l.conn.IsClosed() {
		return l.conn, nil
	}
	n := l.nodes[l.next]
	conn, err := l.dial(ctx, n)
	if err != nil {
		// A node that does not answer before the deadline counts as failed. If ctx was cancelled,
		// the node may be working.
		if !errors.Is(ctx.Err(), context.Canceled) {
			l.next = (l.next + 1) % len(l.nodes)
		}
		return nil, fmt.Errorf("reaching broker %s: %w", n.address, err)
	}
	l.conn = newConnection(conn, n.address, l.replyTimeout)
	l.blocked.Store(nil)
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	go l.watchBlocked(blocked, n.address)
	return l.conn, nil
}

// dial connects and logs in. It returns at the latest when ctx ends.
func (l *link) dial(ctx context.Context, n node) (*amqp.Connection, error) {
	props := amqp.NewConnectionProperties()
	props.SetClientConnectionName(l.name)
	finished := func() bool { return true }
	conn, err := amqp.DialConfig(n.url, amqp.Config{
		Heartbeat: heartbeat,
		Dial: func(network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err == nil {
				finished = context.AfterFunc(ctx, func() { _ = c.Close() }) // aborts the handshake
			}
			return c, err
		},
		Properties: props,
		Recovery:   nil,
	})
	if !finished() || err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	return conn, nil
}

// watchBlocked records whether the broker blocks publishers. It returns when the connection ends,
// which closes blocked.
func (l *link) watchBlocked(blocked <-chan amqp.Blocking, address string) {
	var reason *string
	defer func() { l.blocked.CompareAndSwap(reason, nil) }() // does not remove the reason of a later connection
	for b := range blocked {
		if b.Active {
			reason = &b.Reason
			l.blocked.Store(reason)
			l.log.Warn("broker blocks publishers", "broker", address, "reason", b.Reason)
		} else {
			l.blocked.Store(nil)
			l.log.Info("broker accepts messages again", "broker", address)
		}
	}
}

func (l *link) close() {
	_ = l.dialing.lock(context.Background()) // a concurrent dial ends within dialTimeout
	defer l.dialing.unlock()
	l.closed = true
	if l.conn != nil {
		_ = l.conn.await(context.Background(), closeTimeout, l.conn.Close)
	}
}
