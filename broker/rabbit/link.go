package rabbit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	dialTimeout = 10 * time.Second
	heartbeat   = 10 * time.Second
	maxPause    = 4 * time.Second // between two attempts to reach the broker, give or take half
	// closeTimeout bounds the farewell to a broker that may not be listening.
	closeTimeout = time.Second
	// answerTimeout bounds what the broker takes to open a channel, writeTimeout
	// what the network takes for a write.
	answerTimeout = 10 * time.Second
	writeTimeout  = 5 * time.Second
)

var (
	errClosed  = errors.New("broker closed by us")
	errBlocked = errors.New("the broker blocks publishers")

	errNoAnswer = errors.New("the broker does not answer")
)

// A link is one connection that is made again when lost. The library's own
// recovery stays off: after it, delivery tags start anew on the same channel,
// and a late acknowledgement removes another message.
type link struct {
	nodes []node
	name  string // shown in the broker's management page
	log   *slog.Logger

	turn   chan struct{} // holds a token while nobody uses conn and next
	conn   *connection
	next   int // node to try
	closed bool

	used    atomic.Bool            // somebody wanted a channel
	blocked atomic.Pointer[string] // the broker's reason, when it has said so; a write could then wait for ever
}

// A node is one server of the broker.
type node struct {
	url string
	at  string // url without user and password, for logs
}

func newLink(nodes []node, name string, log *slog.Logger) *link {
	l := &link{nodes: nodes, name: name, log: log.With("connection", name), turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

// channel opens a channel, connecting first if need be. It keeps trying, and
// says so, until ctx ends. If the connection has no free channel it returns an
// error at once: others use them, and waiting is up to the caller.
func (l *link) channel(ctx context.Context) (*channel, error) {
	l.used.Store(true)
	pause := newBackoff()
	for try := 1; ; try++ {
		ch, err := l.tryChannel(ctx)
		if err == nil {
			if try > 1 {
				l.log.Info("broker reached", "broker", ch.at, "attempt", try)
			}
			return ch, nil
		}
		if ctx.Err() != nil || errors.Is(err, errClosed) || errors.Is(err, amqp.ErrChannelMax) {
			return nil, errors.Join(ctx.Err(), err)
		}
		wait := pause.NextBackOff()
		if try < len(l.nodes) {
			wait = 0 // another may be there at once
		}
		said := "broker unreachable, trying again"
		if loginRefused(err) {
			said = "broker refuses the login, trying again"
		}
		l.log.Warn(said, "attempt", try, "error", err, "pause", wait.Round(time.Millisecond))
		if !sleep(ctx, wait) {
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

func loginRefused(err error) bool {
	var refused *amqp.Error
	return errors.As(err, &refused) && (refused.Code == amqp.AccessRefused || refused.Code == amqp.NotAllowed)
}

// reach connects before ctx ends, or says why it could not. It does not try
// again what somebody must repair.
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

func (l *link) tryChannel(ctx context.Context) (*channel, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.turn:
	}
	defer func() { l.turn <- struct{}{} }()
	if l.closed {
		return nil, errClosed
	}
	if l.conn == nil || l.conn.IsClosed() {
		if err := l.dial(l.nodes[l.next]); err != nil {
			err = fmt.Errorf("reaching broker %s: %w", l.nodes[l.next].at, err)
			l.next = (l.next + 1) % len(l.nodes)
			return nil, err
		}
	}
	at := l.nodes[l.next].at
	var ch *amqp.Channel
	conn := l.conn
	err := answered(answerTimeout, conn, func() (err error) {
		ch, err = conn.Channel()
		return err
	})
	if errors.Is(err, amqp.ErrChannelMax) {
		return nil, fmt.Errorf("no free channel on connection %q to broker %s, which has %d: %w", l.name, at, conn.Config.ChannelMax, err)
	}
	if err != nil {
		conn.drop() // half dead: a new connection heals it
		return nil, fmt.Errorf("opening a channel on broker %s: %w", at, err)
	}
	return &channel{ch, conn, at}, nil
}

func (l *link) dial(n node) error {
	props := amqp.NewConnectionProperties()
	props.SetClientConnectionName(l.name)
	conn, err := amqp.DialConfig(n.url, amqp.Config{
		Heartbeat:  heartbeat,
		Dial:       dial,
		Properties: props,
		Recovery:   nil,
	})
	if err != nil {
		return err
	}
	l.conn = &connection{Connection: conn}
	l.blocked.Store(nil)
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	go func() { // ends with the connection, which closes the channel
		var reason *string
		defer func() { l.blocked.CompareAndSwap(reason, nil) }() // unless another connection is blocked
		for b := range blocked {
			if b.Active {
				reason = &b.Reason
				l.blocked.Store(reason)
				l.log.Warn("broker blocks publishers", "broker", n.at, "reason", b.Reason)
			} else {
				l.blocked.Store(nil)
				l.log.Info("broker accepts messages again", "broker", n.at)
			}
		}
	}()
	return nil
}

func (l *link) close() {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	l.closed = true
	if l.conn != nil {
		_ = answered(closeTimeout, l.conn, l.conn.Close)
	}
}

// persist calls try, with growing pauses, until it succeeds, fails for good, or
// ctx ends. lost is what the log says when it will be called again.
func persist(ctx context.Context, log *slog.Logger, lost string, hopeless func(error) bool, try func() error) error {
	pause := newBackoff()
	for {
		began := time.Now()
		err := try()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case hopeless(err) || errors.Is(err, errRefused) || errors.Is(err, errClosed):
			return err
		}
		if time.Since(began) > maxPause {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		log.Warn(lost, "error", err, "pause", wait.Round(time.Millisecond))
		sleep(ctx, wait)
	}
}

// never is for what no error ends but those that end everything.
func never(error) bool { return false }

func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff() // from half a second, each 1.5 times the last, give or take half
	b.MaxInterval = maxPause
	b.Reset()
	return b
}

// sleep waits for d, or reports false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
