package memory

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/matchwire/matchwire/broker"
)

// A Journal stores records of the changes of a Broker. The Broker calls it while its own lock is held.
type Journal interface {
	// Append stores records in order. If sync is true, they survive a crash of the machine when Append
	// returns.
	Append(sync bool, records ...[]byte) error
	// Err returns the error of the latest write, or nil.
	Err() error
}

// A change is one change of a Broker. Exactly one field is set.
type change struct {
	Declared  *declared       `json:",omitzero"`
	Published *broker.Message `json:",omitzero"` // its body follows the change in the record
	Retried   *retriedItem    `json:",omitzero"` // the body of its message follows the change in the record
	Gone      *itemID         `json:",omitzero"` // the item was handled or dropped
	Dead      *deadItem       `json:",omitzero"` // the item became a dead letter
	Letters   *letters        `json:",omitzero"` // all dead letters of a queue
	LogStart  *uint64         `json:",omitzero"` // offset of the first entry of the log
	Logged    *broker.Message `json:",omitzero"` // an entry of the log; its body follows the change in the record
}

// An itemID identifies an item of a queue.
type itemID struct {
	Queue  string
	Number uint64
}

// A declared queue, and the patterns that bind it to an exchange.
type declared struct {
	Queue    string
	Exchange broker.Exchange
	Patterns []string
}

// A retriedItem is an item as it is pushed again at Due, or at once if Due is zero.
type retriedItem struct {
	itemID
	Message   broker.Message
	FirstSeen time.Time `json:",omitzero"`
	Outages   int       `json:",omitzero"`
	Due       time.Time `json:",omitzero"`
}

type deadItem struct {
	itemID
	Letter broker.DeadLetter
}

type letters struct {
	Queue string
	All   []broker.DeadLetter
}

// retried returns the item of the named queue as it is pushed again.
func (m *item) retried(queue string, due time.Time) *retriedItem {
	return &retriedItem{itemID{queue, m.number}, m.Message, m.firstSeen, m.outages, due}
}

// body returns a pointer to the body that follows the change in a record, or nil.
func (c *change) body() *[]byte {
	switch {
	case c.Published != nil:
		return &c.Published.Body
	case c.Retried != nil:
		return &c.Retried.Message.Body
	case c.Logged != nil:
		return &c.Logged.Body
	}
	return nil
}

// encode returns the record of a change: the length of its JSON, the JSON, and a body.
func (c change) encode() ([]byte, error) {
	var body []byte
	if c.Published != nil { // the caller's message must keep its body
		m := *c.Published
		c.Published = &m
	}
	if c.Logged != nil {
		m := *c.Logged
		c.Logged = &m
	}
	if at := c.body(); at != nil {
		body, *at = *at, nil
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	b := binary.AppendUvarint(nil, uint64(len(text)))
	return append(append(b, text...), body...), nil
}

// decode decodes a record. The change shares no memory with the record.
func decode(record []byte) (c change, err error) {
	n, used := binary.Uvarint(record)
	if used <= 0 || n > uint64(len(record)-used) {
		return c, errors.New("the record of the broker has no valid length")
	}
	text, body := record[used:used+int(n)], record[used+int(n):]
	if err := json.Unmarshal(text, &c); err != nil {
		return c, err
	}
	if at := c.body(); at != nil {
		*at = slices.Clone(body)
	}
	return c, nil
}

// write writes changes to the journal.
func (b *Broker) write(sync bool, changes ...change) error {
	records := make([][]byte, len(changes))
	for i, c := range changes {
		var err error
		if records[i], err = c.encode(); err != nil {
			return err
		}
	}
	return b.journal.Append(sync, records...)
}

// record writes a change to the journal, if there is one. If it fails, a message may be delivered again
// after a restart, but none is lost.
func (b *Broker) record(c change) {
	if b.journal == nil {
		return
	}
	if err := b.write(false, c); err != nil {
		b.log.Warn("a message may be delivered again after a restart", "error", err)
	}
}

// recordPublished writes messages to the journal, if there is one.
func (b *Broker) recordPublished(msgs []broker.Message) error {
	if b.journal == nil {
		return nil
	}
	sync := false // a task is repeated if it is lost
	changes := make([]change, len(msgs))
	for i := range msgs {
		changes[i].Published = &msgs[i]
		sync = sync || msgs[i].Exchange == broker.LiveEvents
	}
	return b.write(sync, changes...)
}

// Replay applies a record of an earlier Broker. Call it before [Broker.Record].
func (b *Broker) Replay(_ time.Time, record []byte) error {
	c, err := decode(record)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case c.Declared != nil:
		b.queue(c.Declared.Queue, c.Declared.Exchange, c.Declared.Patterns...)
	case c.Published != nil:
		for _, q := range b.route(*c.Published) {
			m := q.newItem(*c.Published)
			q.out[m.number] = m
		}
	case c.Retried != nil:
		q := b.queues[c.Retried.Queue]
		if q == nil {
			return fmt.Errorf("%w: %q", broker.ErrNoQueue, c.Retried.Queue)
		}
		q.last = max(q.last, c.Retried.Number)
		q.out[c.Retried.Number] = &item{Message: c.Retried.Message, number: c.Retried.Number,
			firstSeen: c.Retried.FirstSeen, outages: c.Retried.Outages, due: c.Retried.Due}
	case c.Gone != nil:
		if q := b.queues[c.Gone.Queue]; q != nil {
			delete(q.out, c.Gone.Number)
		}
	case c.Dead != nil:
		if q := b.queues[c.Dead.Queue]; q != nil {
			delete(q.out, c.Dead.Number)
			q.deadLetter(c.Dead.Letter)
		}
	case c.Letters != nil:
		if q := b.queues[c.Letters.Queue]; q != nil {
			q.dead = c.Letters.All
		}
	case c.LogStart != nil:
		b.history.first = *c.LogStart
	case c.Logged != nil:
		b.history.append(*c.Logged)
	default:
		return errors.New("the record of the broker has no known change: a newer version of matchwire wrote it")
	}
	return nil
}

// Record makes the broker write all later changes to a journal. It delivers the messages that [Broker.Replay]
// has restored: a message that waited for a retry waits for the rest of its pause.
func (b *Broker) Record(j Journal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.journal = j
	for name, q := range b.queues {
		for _, m := range q.restored() {
			if pause := time.Until(m.due); pause > 0 {
				b.retry(name, q, m, pause)
				continue
			}
			m.Redelivered = true // the earlier process may have handled it
			delete(q.out, m.number)
			b.push(name, q, m)
		}
	}
}

// restored returns the items of q.out, oldest first.
func (q *queue) restored() []*item {
	return slices.SortedFunc(maps.Values(q.out), func(a, b *item) int { return cmp.Compare(a.number, b.number) })
}

// Freeze locks the broker until thaw is called. dump passes records to add that create the log and the
// queues with all messages that are not handled.
func (b *Broker) Freeze() (dump func(add func(record []byte) error) error, thaw func()) {
	b.mu.Lock()
	return b.dump, b.mu.Unlock
}

func (b *Broker) dump(add func(record []byte) error) error {
	write := func(c change) error {
		record, err := c.encode()
		if err != nil {
			return err
		}
		return add(record)
	}
	if err := write(change{LogStart: &b.history.first}); err != nil {
		return err
	}
	for i := range b.history.entries {
		if err := write(change{Logged: &b.history.entries[i]}); err != nil {
			return err
		}
	}
	for name, q := range b.queues {
		all := []change{{Declared: &declared{name, q.exchange, q.patterns}}, {Letters: &letters{name, q.dead}}}
		for _, m := range append(q.restored(), q.items...) {
			all = append(all, change{Retried: m.retried(name, m.due)})
		}
		for _, c := range all {
			if err := write(c); err != nil {
				return err
			}
		}
	}
	return nil
}
