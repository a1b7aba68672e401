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
	logPrefetch = 1000            // maximum number of unacknowledged deliveries
	logAcks     = logPrefetch / 4 // maximum number of deliveries per acknowledgement
	// logAckDelay is the maximum time before a delivery is acknowledged, together with later
	// deliveries. The broker closes the channel if a delivery is not acknowledged within the
	// broker's consumer_timeout.
	logAckDelay = 10 * time.Second

	// RabbitMQ has no request for the last offset of a stream. The tail method consumes the last
	// chunk, which RabbitMQ delivers as a whole, and waits until no delivery arrives for tailIdle. If
	// events keep arriving for tailMax, later events count as new. If the stream is not empty, the
	// first delivery may take tailFirst.
	tailIdle  = 200 * time.Millisecond
	tailMax   = 2 * time.Second
	tailFirst = 30 * time.Second
	// After a restart, or on a slow network, the result of tail can be too low. So ReadLog checks a
	// cursor beyond the tail a second time, with tailRecheck in place of tailIdle.
	tailRecheck = 5 * time.Second
)

// ReadLog reads the stream. It compares the first delivery with the cursor, because RabbitMQ
// reports no error for a wrong offset. In a stream that was deleted and declared again, the offset
// belongs to a different message. For an offset beyond the end, RabbitMQ delivers nothing. For an
// offset that was truncated, RabbitMQ starts at a later message.
func (b *Broker) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	r := &logReader{b: b, caughtUp: caughtUp, handle: h}
	switch from {
	case broker.Start:
		r.begin = "first"
	case broker.End: // read determines the offset
	default:
		r.begin, r.beginCursor = int64(from.Offset), &from
	}
	permanent := func(err error) bool { return r.handlerErr != nil || errors.Is(err, broker.ErrCursorGone) }
	const operation = "read the event log"
	r.reading = func() { b.failing.note(operation, nil) }
	err := retry(ctx, b.log, "log reader lost its channel, continuing", permanent, func() error {
		err := r.read(ctx)
		b.failing.note(operation, err)
		return err
	})
	b.failing.note(operation, nil)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// A logReader is one call of ReadLog. When it loses its channel, it continues after the last message
// handled.
type logReader struct {
	b           *Broker
	begin       any            // stream offset to consume from: "first", an int64, or nil for the end
	beginCursor *broker.Cursor // cursor of the message at begin; nil if any message is valid there
	last        broker.Cursor  // cursor of the last message handled; the next channel begins there
	handled     bool           // whether last is set
	unacked     int            // number of unacknowledged deliveries on this channel
	caughtUp    chan<- struct{}
	handle      func(broker.Cursor, broker.Message) error
	reading     func() // called when a channel starts to consume the stream
	handlerErr  error  // error from handle
}

// read reads on one channel until the channel is lost, ctx ends, or handle fails. If the stream does
// not contain the message at beginCursor, read returns [broker.ErrCursorGone].
func (r *logReader) read(ctx context.Context) error {
	if r.handled {
		r.begin, r.beginCursor = int64(r.last.Offset), &r.last
	}
	if err := r.b.topology.declareExchanges(ctx, r.b.controlLink); err != nil {
		return err
	}
	tail, err := r.b.tail(ctx, tailIdle)
	if err == nil && r.beginCursor != nil && int64(r.beginCursor.Offset) > tail {
		tail, err = r.b.tail(ctx, tailRecheck)
	}
	if err != nil {
		return err
	}
	if r.beginCursor != nil && int64(r.beginCursor.Offset) > tail {
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
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	deliveries, err := r.b.consumeLog(ctx, ch, r.begin)
	if err != nil {
		return err
	}
	r.b.startVerifying(ctx)
	r.reading()
	r.unacked = 0
	var latest amqp.Delivery
	var ackDue <-chan time.Time // fires when latest must be acknowledged; nil if all deliveries are acknowledged
	ack := func() error {
		r.unacked, ackDue = 0, nil
		return latest.Ack(true)
	}
	if first, ok := r.begin.(int64); tail < 0 || ok && (first > tail || first == tail && r.handled) {
		r.markCaughtUp()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case d, ok := <-deliveries:
			if !ok {
				select {
				case e := <-closed:
					return closeReason(e)
				default: // the stream was deleted
					return closeReason(nil)
				}
			}
			if err := r.deliver(d, tail); err != nil {
				return err
			}
			latest = d
			if ackDue == nil {
				ackDue = time.After(r.b.logAckDelay)
			}
			if r.unacked++; r.unacked == logAcks {
				if err := ack(); err != nil {
					return err
				}
			}
		case <-ackDue:
			if err := ack(); err != nil {
				return err
			}
		}
	}
}

// deliver checks a delivery and calls handle for it. After a lost channel, the new channel begins
// with the last message handled. deliver does not call handle again for that message.
func (r *logReader) deliver(d amqp.Delivery, tail int64) error {
	at, err := streamOffset(d)
	if err != nil {
		return err
	}
	if first, ok := r.begin.(int64); ok && at < first {
		return nil // before the offset: the broker delivers the whole chunk that contains the offset
	}
	c := broker.CursorAt(uint64(at), d.MessageId)
	if r.beginCursor != nil && c != *r.beginCursor {
		return broker.ErrCursorGone
	}
	if r.beginCursor == nil || !r.handled {
		if r.handlerErr = r.handle(c, received(d)); r.handlerErr != nil {
			return r.handlerErr
		}
	}
	r.beginCursor, r.last, r.handled = nil, c, true
	if at >= tail {
		r.markCaughtUp()
	}
	return nil
}

func (r *logReader) markCaughtUp() {
	if r.caughtUp != nil {
		close(r.caughtUp)
		r.caughtUp = nil
	}
}

// tail returns the offset of the last message in the stream, or -1 if the stream is empty. If no
// delivery arrives for the duration idle, tail assumes that the last delivery is the last message.
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
	var busy <-chan time.Time // fires if events keep arriving for tailMax, or for idle if idle is longer
	for delivered := 1; ; delivered++ {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-end.C:
			return tail, nil
		case <-busy:
			return tail, nil
		case d, ok := <-deliveries:
			if !ok {
				return 0, errors.New("finding the end of the log: the channel was lost")
			}
			if tail, err = streamOffset(d); err != nil {
				return 0, err
			}
			if delivered%logAcks == 0 {
				if err := d.Ack(true); err != nil {
					return 0, err
				}
			}
			end.Reset(idle)
			if busy == nil {
				busy = time.After(max(idle, tailMax))
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
