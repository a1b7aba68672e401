package rabbit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
)

// confirmTimeout is how long a message may stay unconfirmed before it is sent
// again. A publish just after the connection was cut can return nil. Only the
// confirmation counts.
const confirmTimeout = 10 * time.Second

var errUnroutable = errors.New("no queue takes the message")

// A publisher sends on one confirming channel that all callers share. Nothing is
// declared on that channel, nor on its connection: a declaration that the broker
// does not answer holds up only the messages that need it.
type publisher struct {
	link     *link
	control  *link // for declarations
	topology *topology
	log      *slog.Logger

	opening lock // guards ch; held while it is opened and the exchanges are declared, without which no message can be sent
	ch      *confirming
	writing lock // held while one caller writes; confirmations are awaited without it
}

func newPublisher(l, control *link, t *topology, log *slog.Logger) *publisher {
	return &publisher{link: l, control: control, topology: t, log: log, opening: newLock(), writing: newLock()}
}

// Publish sends msgs until all are confirmed or ctx ends. See [inFlight] for what
// it sends before the first is confirmed.
func (b *Broker) Publish(ctx context.Context, msgs ...broker.Message) (int, error) {
	out := make([]outgoing, len(msgs))
	for i, m := range msgs {
		b.topology.queues.passed(len(m.Body))
		out[i] = outgoing{exchange: b.topology.exchange(m.Exchange), key: m.Key, msg: publishing(m)}
		if m.Exchange == broker.Tasks {
			out[i].task = m.Key
		} else {
			out[i].match = m.Match
		}
	}
	return b.publish.send(ctx, out)
}

// outgoing is one message with its address.
type outgoing struct {
	exchange, key string
	task          string // the task's name; "" for an event
	match         string // the event's match; "" if it has none
	msg           amqp.Publishing
}

// send publishes out in order and returns how many of the first are confirmed.
func (p *publisher) send(ctx context.Context, out []outgoing) (int, error) {
	pause := newBackoff()
	done := 0
	for done < len(out) {
		n, err := p.try(ctx, inFlight(out[done:]))
		done += n
		if err == nil {
			continue
		}
		if ctx.Err() != nil || errors.Is(err, errClosed) || errors.Is(err, errRefused) {
			return done, fmt.Errorf("publishing: %d of %d confirmed: %w", done, len(out), err)
		}
		if n > 0 {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		p.log.Warn("not confirmed, sending again", "messages", len(out)-done, "error", err, "pause", wait.Round(time.Millisecond))
		sleep(ctx, wait)
	}
	return done, nil
}

// inFlight returns the longest beginning of out in which no match occurs twice.
// That many are sent before the first confirmation is awaited, so that an event
// is sent only after the one before it of the same match is confirmed.
//
// The order of a match must hold for the first copies in the log. A reader of the
// log, such as fan-out, skips an event that it has seen, and one whose seq is
// lower than the last it has seen. So copies may repeat, but seq n must stand
// before the first n+1. If both were in flight, the broker could refuse n (nack
// it, or return it while the log is not bound) and still store n+1. Sending n
// again, even with everything behind it, comes too late then: the log holds
// n+1, n, n+1, and the reader skips n. Nothing on a channel makes one message
// depend on another, so the confirmation has to be awaited.
//
// Events of different matches, tasks, and moves to other queues need no order
// among themselves.
func inFlight(out []outgoing) []outgoing {
	if len(out) < 2 {
		return out
	}
	matches := map[string]bool{}
	for i, o := range out {
		if o.match == "" {
			continue
		}
		if matches[o.match] {
			return out[:i]
		}
		matches[o.match] = true
	}
	return out
}

// try publishes all of out once and awaits the confirmations in order. It returns
// how many of the first are confirmed. Some behind them may be stored too.
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
			ch.conn.drop() // it may be dead
			return i, errors.Join(err, errors.New("no confirmation in time"))
		case !ok && ch.IsClosed():
			return i, errors.Join(err, errors.New("the connection was lost"))
		case !ok:
			return i, errors.Join(err, errors.New("the broker refused the message"))
		case ch.unroutable(address{out[i].exchange, out[i].key, out[i].msg.MessageId}):
			ch.forgetDeclared() // what takes the message was deleted
			return i, errUnroutable
		}
	}
	return len(pending), err
}

// write sends out and returns the confirmations to come, of all that it sent.
func (p *publisher) write(ctx context.Context, out []outgoing) (*confirming, []*amqp.DeferredConfirmation, error) {
	ch, err := p.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, o := range out {
		if err := p.declareTask(ctx, ch, o.task); err != nil {
			return nil, nil, err
		}
	}
	if err := p.writing.lock(ctx); err != nil {
		return nil, nil, err
	}
	defer p.writing.unlock() // a write that the network does not accept ends after writeTimeout
	pending := make([]*amqp.DeferredConfirmation, 0, len(out))
	for _, o := range out {
		if p.link.blocked.Load() != nil {
			return ch, pending, errBlocked
		}
		c, err := ch.PublishWithDeferredConfirmWithContext(ctx, o.exchange, o.key, true, false, o.msg)
		if err != nil {
			return ch, pending, err
		}
		pending = append(pending, c)
	}
	return ch, pending, nil
}

// open returns the channel. It opens the channel and declares the exchanges if
// that has not been done.
func (p *publisher) open(ctx context.Context) (*confirming, error) {
	if err := p.opening.lock(ctx); err != nil {
		return nil, err
	}
	defer p.opening.unlock()
	if p.ch == nil || p.ch.IsClosed() {
		ch, err := p.link.channel(ctx)
		if err != nil {
			return nil, err
		}
		if err := ch.call(ctx, func(ch *amqp.Channel) error { return ch.Confirm(false) }); err != nil {
			_ = ch.Close()
			return nil, err
		}
		p.ch = newConfirming(ch)
	}
	if !p.ch.exchangesDeclared() {
		if err := p.topology.declareExchanges(ctx, p.control); err != nil {
			return nil, err
		}
		p.ch.setExchangesDeclared()
	}
	return p.ch, nil
}

// declareTask declares the queue of a task, so that the first task does not need
// a worker to be there.
func (p *publisher) declareTask(ctx context.Context, ch *confirming, name string) error {
	if name == "" {
		return nil
	}
	q := ch.taskQueue(name)
	if err := q.declaring.lock(ctx); err != nil {
		return err
	}
	defer q.declaring.unlock()
	if q.declared {
		return nil
	}
	s := broker.Subscription{Queue: broker.TaskQueue(name), Exchange: broker.Tasks, Patterns: []string{name}}
	if err := p.topology.declareQueue(ctx, p.control, s); err != nil {
		return err
	}
	q.declared = true
	return nil
}
