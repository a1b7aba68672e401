package rabbit

import (
	"log/slog"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Acks acknowledges the deliveries of one channel with one consumer. What is
// done while an acknowledgement is being written goes out together with the
// next, so a busy queue costs far fewer of them than messages; no delivery
// waits for another.
type acks struct {
	ch   *amqp.Channel
	log  *slog.Logger
	done chan uint64   // delivery tags, 1, 2, 3… in the order of delivery
	last chan struct{} // closed when nothing that comes after it counts
	end  chan struct{} // closed when all are acknowledged

	next   uint64              // all before it are acknowledged
	beyond map[uint64]struct{} // those after it that are
}

// newAcks starts to acknowledge what is added. limit is how many
// deliveries can be under way.
func newAcks(ch *amqp.Channel, limit int, log *slog.Logger) *acks {
	a := &acks{ch: ch, log: log, done: make(chan uint64, limit), last: make(chan struct{}), end: make(chan struct{}), next: 1, beyond: map[uint64]struct{}{}}
	go a.run()
	return a
}

// add has a delivery acknowledged, unless the channel has ended: then the broker
// delivers it again.
func (a *acks) add(tag uint64) {
	select {
	case a.done <- tag:
	case <-a.end:
	}
}

// finish acknowledges what was added before.
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
		case tag := <-a.done:
			batch = append(batch, tag)
		case <-a.last:
			going = false
		}
		for range len(a.done) {
			batch = append(batch, <-a.done)
		}
		if len(batch) == 0 {
			continue
		}
		if err := a.send(batch); err != nil {
			a.log.Debug("acknowledgements lost, the messages will come again", "messages", len(batch), "error", err)
		}
	}
}

// send acknowledges those that all before them are done in one, and each of
// the others by itself.
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
	together, _ := slices.BinarySearch(batch, a.next)
	if together > 0 {
		// The last one of this batch: the tag must be one that is outstanding.
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
