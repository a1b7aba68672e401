package rabbit

import (
	"log/slog"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
)

// acks acknowledges, in batches, the deliveries of a channel that has a single consumer. While acks
// writes an acknowledgement, it collects the tags for the next acknowledgement. So a busy queue
// needs far fewer acknowledgements than messages. A slow handler does not delay the
// acknowledgements of other deliveries.
type acks struct {
	ch     *amqp.Channel
	log    *slog.Logger
	tags   chan uint64   // delivery tags to acknowledge; the broker numbers deliveries 1, 2, 3…
	finish chan struct{} // closed by close
	done   chan struct{} // closed when run has returned

	next  uint64              // first unacknowledged tag
	acked map[uint64]struct{} // acknowledged tags after next
}

// newAcks returns an acks that runs until close. limit is the consumer's prefetch count.
func newAcks(ch *amqp.Channel, limit int, log *slog.Logger) *acks {
	a := &acks{ch: ch, log: log, tags: make(chan uint64, limit), finish: make(chan struct{}),
		done: make(chan struct{}), next: 1, acked: map[uint64]struct{}{}}
	go a.run()
	return a
}

// add queues a delivery tag for acknowledgement. After close it does nothing. The broker then
// redelivers the message.
func (a *acks) add(tag uint64) {
	select {
	case a.tags <- tag:
	case <-a.done:
	}
}

// close acknowledges the queued tags and ends run.
func (a *acks) close() {
	close(a.finish)
	<-a.done
}

func (a *acks) run() {
	defer close(a.done)
	var batch []uint64
	for running := true; running; {
		batch = batch[:0]
		select {
		case tag := <-a.tags:
			batch = append(batch, tag)
		case <-a.finish:
			running = false
		}
		for range len(a.tags) {
			batch = append(batch, <-a.tags)
		}
		if len(batch) == 0 {
			continue
		}
		if err := a.send(batch); err != nil {
			a.log.Debug("acknowledgements not sent, the broker redelivers the messages", "messages", len(batch), "error", err)
		}
	}
}

// send acknowledges a batch. The gap is the first tag that has not been added yet. send sends one
// acknowledgement for all tags before the gap, and one for each tag after the gap.
func (a *acks) send(batch []uint64) error {
	slices.Sort(batch)
	for _, tag := range batch {
		a.acked[tag] = struct{}{}
	}
	for {
		if _, ok := a.acked[a.next]; !ok {
			break
		}
		delete(a.acked, a.next)
		a.next++
	}
	afterGap, _ := slices.BinarySearch(batch, a.next) // index of the first tag after the gap
	if afterGap > 0 {
		// The broker rejects a tag that is already acknowledged, so use the last tag of this batch
		// before the gap.
		if err := a.ch.Ack(batch[afterGap-1], true); err != nil {
			return err
		}
	}
	for _, tag := range batch[afterGap:] {
		if err := a.ch.Ack(tag, false); err != nil {
			return err
		}
	}
	return nil
}
