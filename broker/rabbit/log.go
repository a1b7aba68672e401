package rabbit

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
)

const (
	logPrefetch = 1000
	logAcks     = logPrefetch / 4 // deliveries per acknowledgement; each returns that much credit

	// RabbitMQ has no request for the end of a stream. Its last chunk is delivered
	// at once, so the end is reached when no delivery came for tailIdle. Where
	// events keep coming, it is reached after tailLong: those are new. If the
	// stream holds messages, the first may take tailFirst.
	tailIdle  = 200 * time.Millisecond
	tailLong  = 2 * time.Second
	tailFirst = 30 * time.Second
	// A broker that has just restarted, or a slow network, can show an end that is
	// too early. So a cursor beyond the end is checked a second time, with tailSure
	// in place of tailIdle.
	tailSure = 5 * time.Second
)

// ReadLog reads the stream. A bare stream offset is not enough. In a stream that
// was deleted and declared again it names another message. Beyond the end it
// delivers nothing. In a truncated stream it starts later without an error. So the
// first delivery is compared with the cursor.
func (b *Broker) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	r := &logReader{b: b, caughtUp: caughtUp, handle: h}
	switch from {
	case broker.Start:
		r.begin = "first"
	case broker.End: // read finds the end
	default:
		r.begin, r.expect = int64(from.Offset), &from
	}
	final := func(err error) bool { return r.failed != nil || errors.Is(err, broker.ErrCursorGone) }
	err := persist(ctx, b.log, "log reader lost, continuing where it was", final, func() error { return r.read(ctx) })
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// A logReader continues after its last message when its channel is lost.
type logReader struct {
	b        *Broker
	begin    any            // stream offset to consume from: "first", an int64, or nil for the end
	expect   *broker.Cursor // of the message at begin; nil if it may be any
	last     broker.Cursor  // of the last message handled; begin and expect after the channel is lost
	handled  bool           // whether last is set
	unacked  int            // deliveries of this channel
	caughtUp chan<- struct{}
	handle   func(broker.Cursor, broker.Message) error
	failed   error // what handle returned
}

// read reads on one channel until that is lost, ctx ends or handle fails.
func (r *logReader) read(ctx context.Context) error {
	if r.handled {
		r.begin, r.expect = int64(r.last.Offset), &r.last
	}
	if err := r.b.topology.declareExchanges(ctx, r.b.control); err != nil {
		return err
	}
	tail, err := r.b.tail(ctx, tailIdle) // -1 in an empty log
	if err == nil && r.expect != nil && int64(r.expect.Offset) > tail {
		tail, err = r.b.tail(ctx, tailSure)
	}
	if err != nil {
		return err
	}
	if r.expect != nil && int64(r.expect.Offset) > tail {
		return broker.ErrCursorGone
	}
	if r.begin == nil {
		r.begin = tail + 1
	}
	ch, err := r.b.consumeLink.channel(ctx)
	if err != nil {
		return err
	}
	defer ch.Close()
	gone := ch.NotifyClose(make(chan *amqp.Error, 1))
	deliveries, err := r.b.consumeLog(ctx, ch, r.begin)
	if err != nil {
		return err
	}
	r.unacked = 0
	if first, ok := r.begin.(int64); tail < 0 || ok && (first > tail || first == tail && r.handled) {
		r.reached()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case d, ok := <-deliveries:
			if !ok {
				select {
				case e := <-gone:
					return closeReason(e)
				default: // the stream was deleted
					return closeReason(nil)
				}
			}
			if err := r.deliver(d, tail); err != nil {
				return err
			}
			if r.unacked++; r.unacked == logAcks {
				r.unacked = 0
				if err := d.Ack(true); err != nil {
					return err
				}
			}
		}
	}
}

// deliver checks one delivery and calls handle for it.
func (r *logReader) deliver(d amqp.Delivery, tail int64) error {
	at, err := streamOffset(d)
	if err != nil {
		return err
	}
	if first, ok := r.begin.(int64); ok && at < first {
		return nil // the stream begins with the chunk that holds the offset
	}
	c := broker.CursorAt(uint64(at), d.MessageId)
	if r.expect != nil && c != *r.expect {
		return broker.ErrCursorGone
	}
	if r.expect == nil || !r.handled {
		if r.failed = r.handle(c, received(d)); r.failed != nil {
			return r.failed
		}
	}
	r.expect, r.last, r.handled = nil, c, true
	if at >= tail {
		r.reached()
	}
	return nil
}

func (r *logReader) reached() {
	if r.caughtUp != nil {
		close(r.caughtUp)
		r.caughtUp = nil
	}
}

// tail returns the offset of the last message in the stream, -1 if it is empty. It
// takes a pause of idle between deliveries for the end.
func (b *Broker) tail(ctx context.Context, idle time.Duration) (int64, error) {
	ch, err := b.consumeLink.channel(ctx)
	if err != nil {
		return 0, err
	}
	defer ch.Close()
	deliveries, err := b.consumeLog(ctx, ch, "last")
	if err != nil {
		return 0, err
	}
	q, err := inspect(ctx, ch, b.topology.log())
	if err != nil {
		return 0, err
	}
	tail := int64(-1)
	end := time.NewTimer(idle)
	if q.Messages > 0 {
		end.Reset(tailFirst)
	}
	defer end.Stop()
	var busy <-chan time.Time // fires where events keep coming
	for unacked := 1; ; unacked++ {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-end.C:
			return tail, nil
		case <-busy:
			return tail, nil
		case d, ok := <-deliveries:
			if !ok {
				return 0, errors.New("channel lost")
			}
			if tail, err = streamOffset(d); err != nil {
				return 0, err
			}
			if unacked%logAcks == 0 {
				if err := d.Ack(true); err != nil {
					return 0, err
				}
			}
			end.Reset(idle)
			if busy == nil {
				busy = time.After(max(idle, tailLong))
			}
		}
	}
}

func (b *Broker) consumeLog(ctx context.Context, ch *channel, offset any) (<-chan amqp.Delivery, error) {
	return consume(ctx, ch, b.topology.log(), "", logPrefetch, amqp.Table{"x-stream-offset": offset})
}

func streamOffset(d amqp.Delivery) (int64, error) {
	n, ok := d.Headers["x-stream-offset"].(int64)
	if !ok {
		return 0, fmt.Errorf("delivery without a stream offset from %q", d.RoutingKey)
	}
	return n, nil
}
