package rabbit

import (
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// maxReturns is the capacity of the Go channel from which unroutable receives returned messages.
const maxReturns = 1 << 14

// A confirmChannel is a channel in confirm mode. It records the messages that the broker returned,
// and the objects that were declared since the channel was opened. Callers may still wait for
// confirmations on one confirmChannel while another caller opens the next confirmChannel.
type confirmChannel struct {
	*channel
	returns <-chan amqp.Return
	closed  <-chan *amqp.Error // receives the reason when the broker closes the channel

	mu        sync.Mutex
	returned  map[messageKey]struct{} // received from returns
	exchanges bool                    // whether the exchanges and the log are declared
	tasks     map[string]*taskQueue   // key: task name
}

// A messageKey identifies a message in flight. The ID is not enough: one event can be in flight to
// several queues.
type messageKey struct{ exchange, key, id string }

// A taskQueue records whether the queue for a task name is declared.
type taskQueue struct {
	declaring lock // guards declared
	declared  bool
}

func newConfirmChannel(ch *channel) *confirmChannel {
	return &confirmChannel{channel: ch, returns: ch.NotifyReturn(make(chan amqp.Return, maxReturns)),
		closed:   ch.NotifyClose(make(chan *amqp.Error, 1)),
		returned: map[messageKey]struct{}{}, tasks: map[string]*taskQueue{}}
}

// exchangeMissing reports whether the broker closed the channel because an exchange does not exist.
// Call it once, after IsClosed has returned true.
func (c *confirmChannel) exchangeMissing() bool {
	if !c.Channel.IsClosed() {
		return false // the connection is dropped
	}
	e := <-c.closed // does not block: the client closes c.closed when it closes the AMQP channel
	return e != nil && e.Code == amqp.NotFound
}

// unroutable reports whether the broker returned a message. Call it after the confirmation: the
// broker returns a message before it confirms that message.
func (c *confirmChannel) unroutable(k messageKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		select {
		case r, ok := <-c.returns:
			if ok {
				c.returned[messageKey{r.Exchange, r.RoutingKey, r.MessageId}] = struct{}{}
				continue
			}
		default:
		}
		_, found := c.returned[k]
		delete(c.returned, k)
		return found
	}
}

func (c *confirmChannel) exchangesDeclared() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exchanges
}

func (c *confirmChannel) setExchangesDeclared() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchanges = true
}

// taskQueue returns the taskQueue for a task name. The first call creates it.
func (c *confirmChannel) taskQueue(name string) *taskQueue {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.tasks[name]
	if q == nil {
		q = &taskQueue{declaring: newLock()}
		c.tasks[name] = q
	}
	return q
}

// forgetDeclared makes the next publish declare everything again.
func (c *confirmChannel) forgetDeclared() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchanges, c.tasks = false, map[string]*taskQueue{}
}
