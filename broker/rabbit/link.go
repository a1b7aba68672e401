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
	dialTimeout   = 5 * time.Second // less than any caller waits, so that it reaches a second node
	heartbeat     = 10 * time.Second
	answerTimeout = 10 * time.Second // for the broker to answer a request, such as a declaration
	writeTimeout  = 5 * time.Second  // for the network to accept a write
	closeTimeout  = time.Second      // for the broker to answer a close; it may not be listening
)

var (
	errClosed   = errors.New("broker closed by us")
	errBlocked  = errors.New("the broker blocks publishers")
	errNoAnswer = errors.New("the broker does not answer")
)

// A link is a connection that is dialed on demand, and again after it was lost.
// The client's own recovery stays off: it restarts delivery tags on the same
// channel, so that a late acknowledgement removes another message.
type link struct {
	nodes         []node
	name          string // shown on the broker's management page
	log           *slog.Logger
	answerTimeout time.Duration

	dialing lock // guards conn, next and closed
	conn    *connection
	next    int // the node to dial
	closed  bool

	used    atomic.Bool            // a channel was asked for
	blocked atomic.Pointer[string] // the reason the broker gave for blocking publishers; nil if it does not
}

// A node is one server of the broker.
type node struct {
	url string
	at  string // url without user and password, for logs
}

func newLink(nodes []node, name string, log *slog.Logger) *link {
	return &link{nodes: nodes, name: name, log: log.With("connection", name), answerTimeout: answerTimeout, dialing: newLock()}
}

// channel opens a channel. It dials if need be, and tries again until ctx ends.
// If the connection has no free channel it returns an error at once: others use
// them, and waiting is up to the caller.
func (l *link) channel(ctx context.Context) (*channel, error) {
	l.used.Store(true)
	pause := newBackoff()
	for try := 1; ; try++ {
		ch, err := l.tryChannel(ctx)
		if err == nil {
			if try > 1 {
				l.log.Info("broker reached", "broker", ch.conn.at, "attempt", try)
			}
			return ch, nil
		}
		if ctx.Err() != nil || errors.Is(err, errClosed) || errors.Is(err, amqp.ErrChannelMax) {
			return nil, errors.Join(ctx.Err(), err)
		}
		wait := pause.NextBackOff()
		if try < len(l.nodes) {
			wait = 0 // the next node may be up
		}
		text := "broker unreachable, trying again"
		if loginRefused(err) {
			text = "broker refuses the login, trying again"
		}
		l.log.Warn(text, "attempt", try, "error", err, "pause", wait.Round(time.Millisecond))
		if !sleep(ctx, wait) {
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

func loginRefused(err error) bool {
	var refused *amqp.Error
	return errors.As(err, &refused) && (refused.Code == amqp.AccessRefused || refused.Code == amqp.NotAllowed)
}

// reach connects before ctx ends, or returns why it could not. It returns at
// once after a failure that trying again cannot repair.
func (l *link) reach(ctx context.Context) error {
	for pause := newBackoff(); ; {
		ch, err := l.tryChannel(ctx)
		if err == nil {
			return ch.Close()
		}
		if loginRefused(err) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errClosed) || !sleep(ctx, pause.NextBackOff()) {
			return err
		}
	}
}

// tryChannel opens a channel, and dials at most once.
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
		return nil, fmt.Errorf("no free channel on connection %q to broker %s, which has %d: %w", l.name, conn.at, conn.Config.ChannelMax, err)
	case ctx.Err() == nil:
		conn.drop() // half dead: a new connection heals it
	}
	return nil, fmt.Errorf("opening a channel on broker %s: %w", conn.at, err)
}

// connect returns the connection, and dials the next node if there is none.
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
		// A node that does not answer before a deadline is as bad as one that refuses.
		if !errors.Is(ctx.Err(), context.Canceled) {
			l.next = (l.next + 1) % len(l.nodes)
		}
		return nil, fmt.Errorf("reaching broker %s: %w", n.at, err)
	}
	l.conn = newConnection(conn, n.at, l.answerTimeout)
	l.blocked.Store(nil)
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	go l.watchBlocked(blocked, n.at)
	return l.conn, nil
}

// dial connects and logs in. It returns when ctx ends.
func (l *link) dial(ctx context.Context, n node) (*amqp.Connection, error) {
	props := amqp.NewConnectionProperties()
	props.SetClientConnectionName(l.name)
	finished := func() bool { return true }
	conn, err := amqp.DialConfig(n.url, amqp.Config{
		Heartbeat: heartbeat,
		Dial: func(network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err == nil {
				finished = context.AfterFunc(ctx, func() { _ = c.Close() }) // ends the handshake
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

// watchBlocked notes whether the broker blocks publishers. It returns when the
// connection ends, which closes blocked.
func (l *link) watchBlocked(blocked <-chan amqp.Blocking, at string) {
	var reason *string
	defer func() { l.blocked.CompareAndSwap(reason, nil) }() // unless a later connection is blocked
	for b := range blocked {
		if b.Active {
			reason = &b.Reason
			l.blocked.Store(reason)
			l.log.Warn("broker blocks publishers", "broker", at, "reason", b.Reason)
		} else {
			l.blocked.Store(nil)
			l.log.Info("broker accepts messages again", "broker", at)
		}
	}
}

func (l *link) close() {
	_ = l.dialing.lock(context.Background()) // a dial ends within dialTimeout
	defer l.dialing.unlock()
	l.closed = true
	if l.conn != nil {
		_ = l.conn.answered(context.Background(), closeTimeout, l.conn.Close)
	}
}
