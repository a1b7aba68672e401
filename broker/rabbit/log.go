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
	logAcks     = logPrefetch / 4 // messages that one acknowledgement returns the credit of
	// The last chunk of the stream comes in one go, so the end is found when
	// nothing came for tailIdle, or, where events keep coming, after tailLong:
	// those came later. A stream that holds something gets tailFirst to show it.
	tailIdle  = 200 * time.Millisecond
	tailLong  = 2 * time.Second
	tailFirst = 30 * time.Second
	// A cursor beyond the end that was found so fast may be none: a broker that
	// has just come back shows less than it has, and a slow network too. Then
	// the end is looked for once more, with this in place of tailIdle.
	tailSure = 5 * time.Second
)

// ReadLog reads the stream. A stream's bare offset lies: of a stream deleted
// and made again it gives the new message at that offset, beyond the end it
// gives silence, and of a truncated one it starts later without a word. So the
// first delivery is held against the cursor.
func (b *Broker) ReadLog(ctx context.Context, from broker.Cursor, caughtUp chan<- struct{},
	h func(broker.Cursor, broker.Message) error) error {
	r := &logReader{b: b, caughtUp: caughtUp, handle: h}
	switch from {
	case broker.Start:
		r.begin = "first"
	case broker.End: // read finds out where that is
	default:
		r.begin, r.expect = int64(from.Offset), &from
	}
	hopeless := func(err error) bool { return r.failed != nil || errors.Is(err, broker.ErrCursorGone) }
	err := persist(ctx, b.log, "log reader lost, going on where it was", hopeless, func() error { return r.read(ctx) })
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// A logReader goes on where it was when its channel is lost.
type logReader struct {
	b        *Broker
	begin    any            // stream offset to ask for: "first", an int64, or nil for the end
	expect   *broker.Cursor // what must stand at begin; nil where anything may
	last     broker.Cursor  // what was handled last; goes to begin and expect when the channel is lost
	unacked  int            // deliveries of this channel
	handled  bool           // whether last is set
	caughtUp chan<- struct{}
	handle   func(broker.Cursor, broker.Message) error
	failed   error // what handle returned
}

// read reads on one channel until it, ctx or handle ends it.
func (r *logReader) read(ctx context.Context) error {
	if r.handled {
		r.begin, r.expect = int64(r.last.Offset), &r.last
	}
	ch, err := r.b.consume.channel(ctx)
	if err != nil {
		return err
	}
	defer ch.Close()
	if err := declareExchanges(ch.Channel, r.b.topology); err != nil {
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
	gone := ch.NotifyClose(make(chan *amqp.Error, 1))
	deliveries, err := consumeStream(ch.Channel, r.b.topology.log(), r.begin)
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
			if err := r.take(d, tail); err != nil {
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

// take checks one delivery and hands it on.
func (r *logReader) take(d amqp.Delivery, tail int64) error {
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

// tail finds the offset of the last message in the stream, -1 if there is none:
// nothing came for so long.
func (b *Broker) tail(ctx context.Context, quiet time.Duration) (int64, error) {
	ch, err := b.consume.channel(ctx)
	if err != nil {
		return 0, err
	}
	defer ch.Close()
	deliveries, err := consumeStream(ch.Channel, b.topology.log(), "last")
	if err != nil {
		return 0, err
	}
	q, err := ch.QueueDeclarePassive(b.topology.log(), true, false, false, false, nil)
	if err != nil {
		return 0, err
	}
	patience := quiet
	if q.Messages > 0 {
		patience = tailFirst
	}
	tail := int64(-1)
	idle := time.NewTimer(patience)
	defer idle.Stop()
	var enough <-chan time.Time
	for unacked := 1; ; unacked++ {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-idle.C:
			return tail, nil
		case <-enough:
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
			idle.Reset(quiet)
			if enough == nil {
				enough = time.After(max(quiet, tailLong))
			}
		}
	}
}

func consumeStream(ch *amqp.Channel, queue string, begin any) (<-chan amqp.Delivery, error) {
	if err := ch.Qos(logPrefetch, 0, false); err != nil {
		return nil, err
	}
	d, err := ch.Consume(queue, "", false, false, false, false, amqp.Table{"x-stream-offset": begin})
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", queue, err)
	}
	return d, nil
}

func streamOffset(d amqp.Delivery) (int64, error) {
	n, ok := d.Headers["x-stream-offset"].(int64)
	if !ok {
		return 0, fmt.Errorf("delivery without a stream offset from %q", d.RoutingKey)
	}
	return n, nil
}
