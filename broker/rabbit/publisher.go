package rabbit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
)

// confirmTimeout is how long a message may stay unconfirmed before it is sent
// again. A publish just after a cut can succeed into nothing: only the
// confirmation counts.
const confirmTimeout = 10 * time.Second

// maxReturns bounds the unroutable messages that wait to be looked at.
const maxReturns = 1 << 14

var errUnroutable = errors.New("no queue takes the message")

// A publisher sends on one confirming channel, which all callers share, so
// that messages arrive in the order they were sent in.
type publisher struct {
	link     *link
	topology *topology
	log      *slog.Logger

	turn chan struct{} // holds a token while nobody writes; confirmations are awaited without it
	ch   *confirming
}

// A confirming channel knows what came back on it. Its callers may outlive it:
// they await confirmations while another opens the next.
type confirming struct {
	*channel
	returns <-chan amqp.Return
	tasks   map[string]bool // whose queues stand; for the one who writes

	mu       sync.Mutex
	returned map[address]struct{} // taken from returns
}

// An address tells messages in flight apart: one event can be on its way to
// several queues at a time.
type address struct{ exchange, key, id string }

func newPublisher(l *link, t *topology, log *slog.Logger) *publisher {
	p := &publisher{link: l, topology: t, log: log, turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	return p
}

// Publish sends msgs until all are confirmed or ctx ends.
func (b *Broker) Publish(ctx context.Context, msgs ...broker.Message) (int, error) {
	out := make([]outgoing, len(msgs))
	for i, m := range msgs {
		b.topology.known.passed(len(m.Body))
		out[i] = outgoing{exchange: b.topology.exchange(m.Exchange), key: m.Key, msg: publishing(m)}
		if m.Exchange == broker.Tasks {
			out[i].task = m.Key
		}
	}
	return b.publish.send(ctx, out)
}

// outgoing is one message with its address.
type outgoing struct {
	exchange, key string
	task          string // its name, for a task
	msg           amqp.Publishing
}

// send publishes out in order and returns how many of the first are confirmed.
func (p *publisher) send(ctx context.Context, out []outgoing) (int, error) {
	pause := newBackoff()
	done := 0
	for {
		n, err := p.try(ctx, out[done:])
		done += n
		switch {
		case done == len(out):
			return done, nil
		case ctx.Err() != nil || errors.Is(err, errClosed) || errors.Is(err, errRefused):
			return done, fmt.Errorf("publishing: %d of %d confirmed: %w", done, len(out), err)
		}
		if n > 0 {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		p.log.Warn("not confirmed, sending again", "messages", len(out)-done, "error", err, "pause", wait.Round(time.Millisecond))
		sleep(ctx, wait)
	}
}

// try publishes all of out once and awaits the confirmations in order.
func (p *publisher) try(ctx context.Context, out []outgoing) (int, error) {
	ch, pending, err := p.write(ctx, out)
	for i, c := range pending {
		wait, cancel := context.WithTimeout(ctx, confirmTimeout)
		ok, werr := c.WaitContext(wait)
		cancel()
		switch {
		case ctx.Err() != nil:
			return i, ctx.Err()
		case werr != nil:
			// What is behind this one must not overtake it when it is sent again.
			ch.drop()
			return i, errors.Join(err, errors.New("no confirmation in time"))
		case !ok:
			// Those behind it may be stored by now, and it comes after them. No queue
			// that events go to refuses any, so that only happens when one is lost.
			return i, errors.Join(err, errors.New("the broker refused the message, or the connection was lost"))
		case ch.unroutable(address{out[i].exchange, out[i].key, out[i].msg.MessageId}):
			ch.drop() // so that what takes it is declared again
			return i, errUnroutable
		}
	}
	return len(pending), err
}

// unroutable reports whether a confirmed message came back. The broker sends
// it back before it confirms.
func (c *confirming) unroutable(a address) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		select {
		case r, ok := <-c.returns:
			if ok {
				c.returned[address{r.Exchange, r.RoutingKey, r.MessageId}] = struct{}{}
				continue
			}
		default:
		}
		_, back := c.returned[a]
		delete(c.returned, a)
		return back
	}
}

// write sends out and returns the confirmations to come, of all that it sent.
func (p *publisher) write(ctx context.Context, out []outgoing) (*confirming, []*amqp.DeferredConfirmation, error) {
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-p.turn:
	}
	defer func() { p.turn <- struct{}{} }()
	ch, err := p.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	pending := make([]*amqp.DeferredConfirmation, 0, len(out))
	for _, o := range out {
		if p.link.blocked.Load() != nil {
			return ch, pending, errBlocked
		}
		if err := p.declareTask(ch, o.task); err != nil {
			return ch, pending, err
		}
		c, err := ch.PublishWithDeferredConfirmWithContext(ctx, o.exchange, o.key, true, false, o.msg)
		if err != nil {
			return ch, pending, err
		}
		pending = append(pending, c)
	}
	return ch, pending, nil
}

// declareTask makes the queue of a task, so that the first does not have to
// wait for a worker to come.
func (p *publisher) declareTask(ch *confirming, name string) error {
	if name == "" || ch.tasks[name] {
		return nil
	}
	s := broker.Subscription{Queue: broker.TaskQueue(name), Exchange: broker.Tasks, Patterns: []string{name}}
	if err := declareQueue(ch.Channel, p.topology, s); err != nil {
		return err
	}
	ch.tasks[name] = true
	return nil
}

// open returns the channel, making it and the exchange if need be.
func (p *publisher) open(ctx context.Context) (*confirming, error) {
	if p.ch != nil && !p.ch.IsClosed() {
		return p.ch, nil
	}
	ch, err := p.link.channel(ctx)
	if err != nil {
		return nil, err
	}
	if err := declareExchanges(ch.Channel, p.topology); err != nil {
		ch.drop()
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		ch.drop()
		return nil, err
	}
	p.ch = &confirming{channel: ch, returns: ch.NotifyReturn(make(chan amqp.Return, maxReturns)), returned: map[address]struct{}{}, tasks: map[string]bool{}}
	return p.ch, nil
}
