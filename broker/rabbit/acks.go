package rabbit

import (
	"log/slog"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
)

// acks acknowledges the deliveries of one channel with one consumer. Those that
// are added while an acknowledgement is being written go out with the next, so a
// busy queue needs far fewer acknowledgements than messages. No delivery waits for
// another to be handled.
type acks struct {
	ch   *amqp.Channel
	log  *slog.Logger
	tags chan uint64   // delivery tags to be acknowledged; the broker numbers deliveries 1, 2, 3…
	last chan struct{} // closed by finish
	end  chan struct{} // closed when run has returned

	next   uint64              // the first tag that is not acknowledged
	beyond map[uint64]struct{} // the tags after it that are
}

// newAcks starts to acknowledge what is added. limit is how many deliveries can be
// unacknowledged at a time.
func newAcks(ch *amqp.Channel, limit int, log *slog.Logger) *acks {
	a := &acks{ch: ch, log: log, tags: make(chan uint64, limit), last: make(chan struct{}), end: make(chan struct{}), next: 1, beyond: map[uint64]struct{}{}}
	go a.run()
	return a
}

// add acknowledges a delivery soon. After finish it does nothing; the broker then
// delivers the message again.
func (a *acks) add(tag uint64) {
	select {
	case a.tags <- tag:
	case <-a.end:
	}
}

// finish acknowledges what was added before, and ends run.
func (a *acks) finish() {
	close(a.last)
	<-a.end
}

func (a *acks) run() {
	defer close(a.end)
	var batch []uint64
	for going := true; going; {
		batch = batch[:0]
		select {
		case tag := <-a.tags:
			batch = append(batch, tag)
		case <-a.last:
			going = false
		}
		for range len(a.tags) {
			batch = append(batch, <-a.tags)
		}
		if len(batch) == 0 {
			continue
		}
		if err := a.send(batch); err != nil {
			a.log.Debug("acknowledgements lost, the messages will come again", "messages", len(batch), "error", err)
		}
	}
}

// send acknowledges a batch: with one acknowledgement all up to the first gap in the
// tags, and each tag beyond the gap by itself.
func (a *acks) send(batch []uint64) error {
	slices.Sort(batch)
	for _, tag := range batch {
		a.beyond[tag] = struct{}{}
	}
	for {
		if _, ok := a.beyond[a.next]; !ok {
			break
		}
		delete(a.beyond, a.next)
		a.next++
	}
	together, _ := slices.BinarySearch(batch, a.next) // so many of the batch come before the gap
	if together > 0 {
		// The tag must be one that is not acknowledged yet.
		if err := a.ch.Ack(batch[together-1], true); err != nil {
			return err
		}
	}
	for _, tag := range batch[together:] {
		if err := a.ch.Ack(tag, false); err != nil {
			return err
		}
	}
	return nil
}
