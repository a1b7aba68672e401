package rabbit

import (
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// maxReturns bounds the returned messages that wait to be looked at.
const maxReturns = 1 << 14

// A confirming channel knows what was returned on it. Callers can outlive it: they
// await confirmations while another caller opens the next.
type confirming struct {
	*channel
	returns <-chan amqp.Return

	mu        sync.Mutex
	returned  map[address]struct{}  // received from returns
	exchanges bool                  // declared since the channel was opened, as far as is known
	tasks     map[string]*taskQueue // by task name
}

// An address tells messages in flight apart: one event can be on its way to
// several queues at the same time.
type address struct{ exchange, key, id string }

// A taskQueue is declared by the first caller that has a task for it.
type taskQueue struct {
	declaring lock // guards declared
	declared  bool
}

func newConfirming(ch *channel) *confirming {
	return &confirming{channel: ch, returns: ch.NotifyReturn(make(chan amqp.Return, maxReturns)),
		returned: map[address]struct{}{}, tasks: map[string]*taskQueue{}}
}

// unroutable reports whether a confirmed message was returned. The broker returns
// a message before it confirms it.
func (c *confirming) unroutable(a address) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		select {
		case r, ok := <-c.returns:
			if ok {
				c.returned[address{r.Exchange, r.RoutingKey, r.MessageId}] = struct{}{}
				continue
			}
		default:
		}
		_, back := c.returned[a]
		delete(c.returned, a)
		return back
	}
}

func (c *confirming) exchangesDeclared() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exchanges
}

func (c *confirming) setExchangesDeclared() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchanges = true
}

func (c *confirming) taskQueue(name string) *taskQueue {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.tasks[name]
	if q == nil {
		q = &taskQueue{declaring: newLock()}
		c.tasks[name] = q
	}
	return q
}

// forgetDeclared has everything declared again before the next message.
func (c *confirming) forgetDeclared() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchanges, c.tasks = false, map[string]*taskQueue{}
}
