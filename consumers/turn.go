package consumers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// A turn is the wait of an event in this process, until it is the event's turn.
type turn struct {
	*order
	message  broker.Message
	event    event.Event
	place    *place
	began    time.Time
	patience time.Duration // the longest wait, from began
	due      time.Time     // when the next attempt at an earlier event was due; zero if it is not due yet
	last     int64         // as the latest look at the record showed it
	moved    time.Time     // when last changed
}

// until returns when the wait in this process ends.
func (w *turn) until() time.Time { return w.began.Add(w.patience) }

// wait returns nil when it is the event's turn. If the event has to wait longer than this process
// waits, wait returns an error from [broker.Postpone].
func (w *turn) wait(ctx context.Context) error {
	state, err := w.look(ctx)
	if err != nil {
		return err
	}
	if state.result == orderTurn || state.result == orderNone {
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
		if state, err = w.look(ctx); err != nil {
			return err
		}
		if state.result == orderTurn || state.result == orderNone {
			return nil
		}
	}
}

// orderOutage is the pause in the broker while Redis is unavailable.
const orderOutage = 5 * time.Second

// look is enter. While Redis is unavailable, look tries again, for as long as the event may wait in this
// process. After that, it returns an error from [broker.Postpone].
func (w *turn) look(ctx context.Context) (orderState, error) {
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
	orderPollMin = 5 * time.Millisecond   // the shortest pause between two looks at a record
	orderPollMax = 250 * time.Millisecond // the longest
)

// pause waits until the record may have changed. It reports false if the event should wait in the broker.
func (w *turn) pause(s orderState) bool {
	changed, first := w.place.look()
	now := time.Now()
	until := w.until()
	switch {
	case !first:
	case s.result == orderParked && s.in > 0:
		if w.due = (time.Time{}); now.Add(s.in).After(until) {
			return false
		}
	case s.result == orderParked: // the earlier event is in the queue, perhaps far behind
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
	if first { // the pauses grow while nothing moves
		look := now.Add(min(max(now.Sub(w.moved)/4, orderPollMin), orderPollMax))
		if look.Before(until) {
			return w.sleepUntil(look, changed)
		}
	}
	if now.After(until) {
		return false
	}
	return w.sleepUntil(until, changed)
}

// sleep sleeps for d, if that is not longer than the event may wait in this process. It reports whether
// it has slept.
func (w *turn) sleep(d time.Duration) bool {
	until := time.Now().Add(d)
	return !until.After(w.until()) && w.sleepUntil(until, nil)
}

// sleepUntil sleeps until t, or until changed is closed. It reports false if the consumer stops.
func (w *turn) sleepUntil(t time.Time, changed <-chan struct{}) bool {
	select {
	case <-changed:
	case <-time.After(time.Until(t)):
	case <-w.stopped:
		return false
	}
	return true
}

// maxReturn is the longest pause in the broker of an event that waits for an event without a known time.
const maxReturn = 10 * time.Second

// postponed returns the error with which an event waits in the broker. The pause grows with its age, so
// that many waiting events do not keep the broker busy.
func postponed(s orderState) error {
	pause := min(max(s.age/4, time.Second), maxReturn)
	reason := "an earlier event of the match is under way"
	switch s.result {
	case orderParked:
		pause = max(pause, s.in)
		reason = "an earlier event of the match waits for another attempt"
	case orderMissing:
		pause = min(pause, s.in)
		reason = "an earlier event of the match has not arrived"
	}
	return broker.Postpone(time.Now().Add(pause), reason)
}
