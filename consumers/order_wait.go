package consumers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// An orderWait is the wait of an event for earlier events of its match, in this process.
type orderWait struct {
	*order
	message broker.Message
	event   event.Event
	waiter  *waiter
	began   time.Time
	maxWait time.Duration // the longest wait, from began
	due     time.Time     // when the next attempt of an earlier event became due; zero if it is not due yet
	last    int64         // the field "last" of the record, as read most recently
	moved   time.Time     // time of the latest change to last
}

// until returns when the wait in this process ends.
func (w *orderWait) until() time.Time { return w.began.Add(w.maxWait) }

// wait returns nil when the event no longer has to wait for earlier events. If the event must wait,
// wait first calls Early. If Early fails, wait returns the error of Early. If the event must continue
// to wait in the broker, wait returns an error from [broker.Postpone]. It also returns the errors
// of enterOrPostpone.
func (w *orderWait) wait(ctx context.Context) error {
	state, err := w.enterOrPostpone(ctx)
	if err != nil {
		return err
	}
	if state.result == orderReady || state.result == orderNone {
		return nil
	}
	if w.early != nil {
		if err := w.early(ctx, w.event); err != nil {
			w.settle(ctx, w.event, remaining(w.message, err))
			return err
		}
	}
	for {
		if !w.pause(state) {
			err := postponed(state)
			w.settle(ctx, w.event, remaining(w.message, err))
			return err
		}
		if state, err = w.enterOrPostpone(ctx); err != nil {
			return err
		}
		if state.result == orderReady || state.result == orderNone {
			return nil
		}
	}
}

// orderOutage is how long an event is postponed while Redis is unavailable.
const orderOutage = 5 * time.Second

// enterOrPostpone calls enter. While Redis is unavailable, enterOrPostpone repeats the call for as
// long as the event may wait in this process. After that, it returns an error from
// [broker.Postpone]. It returns other errors of enter at once.
func (w *orderWait) enterOrPostpone(ctx context.Context) (orderState, error) {
	for {
		state, err := w.enter(ctx, w.event)
		if err == nil {
			return state, nil
		}
		err = fmt.Errorf("waiting for earlier events of the match: %w", RedisError(err))
		switch {
		case !errors.Is(err, broker.ErrUnavailable):
			return state, err
		case !w.sleep(orderPollMax):
			return state, broker.Postpone(time.Now().Add(orderOutage), err.Error())
		}
	}
}

const (
	orderPollMin = 5 * time.Millisecond   // the shortest pause between two polls of a record
	orderPollMax = 250 * time.Millisecond // the longest pause between two polls of a record
)

// pause waits until the record may have changed. It returns false if the event should continue to
// wait in the broker, or if the consumer stops.
func (w *orderWait) pause(s orderState) bool {
	changed, first := w.waiter.isFirst()
	now := time.Now()
	until := w.until()
	switch {
	case !first:
	case s.result == orderRetrying && s.in > 0:
		if w.due = (time.Time{}); now.Add(s.in).After(until) {
			return false
		}
	case s.result == orderRetrying: // the earlier event is in the queue, perhaps behind many other messages
		if w.due.IsZero() {
			w.due = now
		}
		until = w.due.Add(w.bounds.brief)
	case s.result == orderMissing && w.message.Retried:
		until = w.began.Add(w.bounds.brief)
	}
	if s.last != w.last || w.moved.IsZero() {
		w.last, w.moved = s.last, now
	}
	if first { // the pauses between polls grow while last does not change
		poll := now.Add(min(max(now.Sub(w.moved)/4, orderPollMin), orderPollMax))
		if poll.Before(until) {
			return w.sleepUntil(poll, changed)
		}
	}
	if now.After(until) {
		return false
	}
	return w.sleepUntil(until, changed)
}

// sleep sleeps for d and returns true. If the event may not wait that long in this process, sleep
// returns false at once. It also returns false if the consumer stops.
func (w *orderWait) sleep(d time.Duration) bool {
	until := time.Now().Add(d)
	return !until.After(w.until()) && w.sleepUntil(until, nil)
}

// sleepUntil sleeps until t, or until changed is closed. It returns false if the consumer stops.
func (w *orderWait) sleepUntil(t time.Time, changed <-chan struct{}) bool {
	select {
	case <-changed:
	case <-time.After(time.Until(t)):
	case <-w.stopped:
		return false
	}
	return true
}

// maxPostpone is the longest time for which an event is postponed, if the time of the earlier
// event's next attempt is unknown.
const maxPostpone = 10 * time.Second

// postponed returns an error that makes an event wait in the broker. The pause grows with the age
// of the event, so that many waiting events do not keep the broker busy.
func postponed(s orderState) error {
	pause := min(max(s.age/4, time.Second), maxPostpone)
	reason := "an earlier event of the match is under way"
	switch s.result {
	case orderRetrying:
		pause = max(pause, s.in)
		reason = "an earlier event of the match waits for another attempt"
	case orderMissing:
		pause = min(pause, s.in)
		reason = "an earlier event of the match has not arrived"
	}
	return broker.Postpone(time.Now().Add(pause), reason)
}
