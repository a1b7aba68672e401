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

// confirmTimeout is how long the publisher waits for a confirmation before it sends the message
// again. A successful write is not enough: a write can succeed just after the connection was cut.
const confirmTimeout = 10 * time.Second

var errUnroutable = errors.New("no queue is bound for the message")

// A publisher sends on one confirmChannel that all callers share. It declares on another
// connection, so an unanswered declaration delays only the messages that need the declared object.
type publisher struct {
	link        *link
	controlLink *link // for declarations
	topology    *topology
	log         *slog.Logger

	opening lock // guards ch; held while the channel is opened and the exchanges are declared
	ch      *confirmChannel
	writing lock // held while one caller writes, but not while it waits for confirmations
}

func newPublisher(l, control *link, t *topology, log *slog.Logger) *publisher {
	return &publisher{link: l, controlLink: control, topology: t, log: log, opening: newLock(), writing: newLock()}
}

// Publish sends msgs until all are confirmed, ctx ends, or retrying cannot help. It sends an event with
// a seq only after the previous event of the same match is confirmed.
func (b *Broker) Publish(ctx context.Context, msgs ...broker.Message) (int, error) {
	out := make([]outgoing, len(msgs))
	for i, m := range msgs {
		b.topology.queues.countMessage(len(m.Body))
		out[i] = outgoing{exchange: b.topology.exchange(m.Exchange), key: m.Key, msg: publishing(m)}
		if m.Exchange == broker.Tasks {
			out[i].task = m.Key
		} else if !m.Unsequenced {
			out[i].match = m.Match
		}
	}
	return b.publisher.send(ctx, out)
}

// An outgoing is a message to publish.
type outgoing struct {
	exchange, key string
	task          string // task name; "" if the message is not a task
	match         string // match ID of an event with a seq; "" for other messages
	msg           amqp.Publishing
}

// send publishes out in order, until all messages are confirmed, ctx ends, or retrying cannot help.
// It returns the number n of confirmed messages, which are out[:n].
func (p *publisher) send(ctx context.Context, out []outgoing) (int, error) {
	pause := newBackoff()
	done := 0
	for done < len(out) {
		n, err := p.publishOnce(ctx, inFlight(out[done:]))
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
		p.log.Warn("messages not confirmed, sending again", "messages", len(out)-done, "error", err,
			"pause", wait.Round(time.Millisecond))
		sleep(ctx, wait)
	}
	return done, nil
}

// inFlight returns the longest prefix of out in which no match occurs twice. The publisher sends
// the prefix, then waits for its confirmations. So it sends an event with a seq only after the
// previous event of the same match is confirmed.
//
// For each match, the first copies in the log must be in order. A reader of the log, such as
// fan-out, skips an event that it has already processed. It also skips an event with a lower seq
// than the last event. So the log may contain duplicates, but the first copy of seq n must precede
// the first copy of n+1. The broker refuses a message with a nack, or returns the message while the
// log is not bound. If n and n+1 were in flight at the same time, the broker could refuse n and
// still store n+1. The publisher would then send n again. But the log would contain n+1 before n,
// and the reader would skip n. AMQP cannot make one message depend on another, so the publisher has
// to wait.
//
// Events of different matches, events without a seq, tasks, and copies for other queues can be in
// flight together.
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

// publishOnce publishes out once and waits for the confirmations in order. It returns the number n
// of confirmed messages, which are out[:n]. Later messages may be stored too.
func (p *publisher) publishOnce(ctx context.Context, out []outgoing) (int, error) {
	ch, pending, err := p.write(ctx, out)
	for i, c := range pending {
		wait, cancel := context.WithTimeout(ctx, confirmTimeout)
		ok, werr := c.WaitContext(wait)
		cancel()
		switch {
		case ctx.Err() != nil:
			return i, ctx.Err()
		case werr != nil:
			ch.conn.drop() // the connection may be dead
			return i, errors.Join(err, errors.New("no confirmation in time"))
		case !ok && ch.IsClosed():
			return i, errors.Join(err, errors.New("the connection was lost"))
		case !ok:
			return i, errors.Join(err, errors.New("the broker refused the message"))
		case ch.unroutable(messageKey{out[i].exchange, out[i].key, out[i].msg.MessageId}):
			ch.forgetDeclared() // the log or the queue of the task was deleted
			return i, errUnroutable
		}
	}
	return len(pending), err
}

// write sends the messages in out once. It returns the pending confirmations of the messages that
// it sent, even if it returns an error.
func (p *publisher) write(ctx context.Context, out []outgoing) (*confirmChannel, []*amqp.DeferredConfirmation, error) {
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
	defer p.writing.unlock() // soon, because writeTimeout bounds a write
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

// open returns the shared channel. If necessary, it opens the channel and declares the exchanges.
// If an exchange was deleted, its bindings are gone too. In that case, open declares all known
// queues again, so that they receive the next message.
func (p *publisher) open(ctx context.Context) (*confirmChannel, error) {
	if err := p.opening.lock(ctx); err != nil {
		return nil, err
	}
	defer p.opening.unlock()
	if p.ch == nil || p.ch.IsClosed() {
		if p.ch != nil && p.ch.exchangeMissing() {
			p.ch = nil
			if err := p.topology.declareKnown(ctx, p.controlLink); err != nil {
				return nil, err
			}
		}
		ch, err := p.link.channel(ctx)
		if err != nil {
			return nil, err
		}
		if err := ch.call(ctx, func(ch *amqp.Channel) error { return ch.Confirm(false) }); err != nil {
			_ = ch.Close()
			return nil, err
		}
		p.ch = newConfirmChannel(ch)
	}
	if !p.ch.exchangesDeclared() {
		if err := p.topology.declareExchanges(ctx, p.controlLink); err != nil {
			return nil, err
		}
		p.ch.setExchangesDeclared()
	}
	return p.ch, nil
}

// declareTask declares the queue for a task name, unless it is already declared. It does nothing if
// name is empty. Without the queue, tasks published before the first worker starts would be lost.
func (p *publisher) declareTask(ctx context.Context, ch *confirmChannel, name string) error {
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
	if err := p.topology.declareQueue(ctx, p.controlLink, s); err != nil {
		return err
	}
	q.declared = true
	return nil
}
