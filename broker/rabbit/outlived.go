package rabbit

import (
	"errors"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
)

// pruneAbove is the number of recorded calls above which begin removes finished calls.
const pruneAbove = 1000

// handlerCalls records the handler calls of a subscription. A call can outlive the channel of its
// delivery. This happens if the connection is lost, or if the broker closes the channel because the
// handler has run for longer than consumer_timeout. The broker then redelivers the message. The
// redelivery gets the outcome of the call, so a slow handler does not handle the same message
// repeatedly.
//
// Another process can receive the redelivery. That process cannot use the outcome of the call.
type handlerCalls struct {
	mu  sync.Mutex
	all map[callKey]*handlerCall
}

// A callKey identifies a handler call: the message and the attempt to handle it.
type callKey struct {
	id, key          string
	attempt, outages int
}

// A handlerCall is a call of the handler for a message.
type handlerCall struct {
	done chan struct{} // closed by finish
	err  error         // the error of the call; valid after done is closed
}

func newHandlerCalls() *handlerCalls { return &handlerCalls{all: map[callKey]*handlerCall{}} }

// keyOf returns the key of the call that a delivery starts. ok is false if the message has no
// ID.
func keyOf(d amqp.Delivery, m broker.Message) (k callKey, ok bool) {
	return callKey{m.ID, m.Key, m.Attempt, number(d, headerOutages)}, m.ID != ""
}

// begin records a new call. If there are more than pruneAbove calls, it removes the finished calls.
func (a *handlerCalls) begin(k callKey) *handlerCall {
	a.mu.Lock()
	defer a.mu.Unlock()
	call := &handlerCall{done: make(chan struct{})}
	a.all[k] = call
	if len(a.all) > pruneAbove {
		for old, earlier := range a.all {
			select {
			case <-earlier.done: // the redelivery of its message went to another process
				delete(a.all, old)
			default:
			}
		}
	}
	return call
}

// finish records the error of a call whose channel is lost.
func (call *handlerCall) finish(err error) {
	call.err = err
	close(call.done)
}

// forget removes a call whose message the broker will not redeliver.
func (a *handlerCalls) forget(k callKey, call *handlerCall) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all[k] == call {
		delete(a.all, k)
	}
}

// find returns the earlier call for a redelivered message, or nil if there is none.
func (a *handlerCalls) find(k callKey) *handlerCall {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all[k]
}

// wait returns the error of the call. If the call does not return within limit, wait returns an
// error that counts as the outcome. ok is false if lost is closed first.
func (call *handlerCall) wait(limit time.Duration, lost <-chan struct{}) (err error, ok bool) {
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-call.done:
		return call.err, true
	case <-late.C:
		return errors.New("the handler of an earlier delivery has not returned yet"), true
	case <-lost:
		return nil, false
	}
}
