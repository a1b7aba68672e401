package consumers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// order handles the events of each match in the order of (epoch, seq), one at a time, in all processes
// that share a queue. Its record of a match is a hash in Redis:
//
//	mw:order:<consumer>:{<match>}
//	  epoch          the latest epoch
//	  last           the last seq that no event waits for
//	  <seq>          "done", or "<end> <due> <since>" for an unfinished event, in Unix milliseconds:
//	                 later events wait for it until <end>; it is under way if <due> is 0, else <due> is
//	                 the time of its next attempt; it arrived at <since>
//	  <epoch>:<seq>  an unfinished event of an older epoch
//
// An event waits while an earlier event of its match is unfinished or missing. It waits first in this
// process, for a short time, and then in the broker. No wait is unbounded: an unfinished event is
// passed at its <end>, and a missing event some time after the arrival of the first later event.
//
// An event that arrives after its place was passed is handled immediately. So is an event of an older
// epoch, and an event without an epoch.
//
// The Redis client repeats a script whose reply was lost, so each script has the same result when it
// is repeated. The record does not prevent that one event is handled twice at a time: that is the task
// of [marks].
type order struct {
	redis    redis.UniversalClient
	prefix   string        // prefix of the records' keys
	keys     []string      // topic patterns of the events that the consumer handles
	timeout  time.Duration // of one call of the consumer
	early    func(context.Context, event.Event) error
	waiting  chan struct{} // has a token for each event that waits long in this process
	leaving  departures
	stopped  chan struct{} // closed when the consumer stops
	settling sync.WaitGroup
	unstored chan struct{} // has a token for each goroutine of settling
	bounds   orderBounds
	log      *slog.Logger
}

// orderBounds bound the waits of an order.
type orderBounds struct {
	long    time.Duration // the longest wait in this process
	brief   time.Duration // the longest wait in this process for an event that has not come back yet
	first   time.Duration // for missing events before the first event of an epoch
	missing time.Duration // for other missing events
	margin  time.Duration // for an unfinished event, beyond its timeout or the time of its next attempt
}

// defaultOrderBounds returns the usual bounds. A missing event may have failed in an outage, before its
// arrival was stored. Its next attempt is then within 30 s.
func defaultOrderBounds() orderBounds {
	return orderBounds{long: 2 * time.Second, brief: 250 * time.Millisecond, first: 5 * time.Second,
		missing: 35 * time.Second, margin: 30 * time.Second}
}

// keepOrder is how long the record of a match is kept after its latest event.
const keepOrder = 3 * 24 * time.Hour

// newOrder returns the order of a consumer in this process. The caller must call stop.
func newOrder(r redis.UniversalClient, prefix string, c Consumer, bounds orderBounds, log *slog.Logger) *order {
	return &order{
		redis: r, prefix: prefix, keys: c.Keys, timeout: c.timeout(), early: c.Early, bounds: bounds, log: log,
		stopped: make(chan struct{}), waiting: make(chan struct{}, max(1, c.Limit*3/4)),
		unstored: make(chan struct{}, maxUnstored), leaving: departures{next: map[string]chan struct{}{}},
	}
}

// stop waits until the ends of all attempts are stored. Redis gets one more attempt at each.
func (o *order) stop() {
	close(o.stopped)
	o.settling.Wait()
}

// handle calls h when it is the event's turn. It postpones the event if that takes too long. If the
// event matches none of the consumer's keys, handle only stores that no event waits for it.
func (o *order) handle(ctx context.Context, m broker.Message, e event.Event, h func(context.Context, event.Event) error) error {
	wanted := event.MatchAny(o.keys, m.Key)
	if e.Subject == "" || e.Data.Epoch == "" || e.Data.Seq < 1 {
		if !wanted {
			return nil
		}
		return h(ctx, e)
	}
	if !wanted {
		return RedisError(o.leave(ctx, e, finished))
	}
	if err := o.wait(ctx, m, e); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	err := errors.New("the handler panicked") // replaced when the handler returns
	defer func() { o.settle(ctx, e, remaining(m, err)) }()
	err = h(ctx, e)
	return err
}

// Pass returns an error with the text of err that wraps err. If Handle of an ordered consumer returns
// it, later events of the match no longer wait for the event. The event is still retried as err says.
func Pass(err error) error { return &passError{err} }

// Passed reports whether err wraps an error from [Pass].
func Passed(err error) bool { return errors.As(err, new(*passError)) }

type passError struct{ error }

// Unwrap returns the error that was passed to [Pass].
func (p *passError) Unwrap() error { return p.error }

// finished is the pause of an event that no later event waits for.
const finished time.Duration = -1

// remaining returns the longest pause before the next attempt at a message whose handler returned err.
// It returns finished if there is no further attempt, or if later events do not wait for it.
func remaining(m broker.Message, err error) time.Duration {
	if Passed(err) {
		return finished
	}
	switch broker.Classify(err, m.Last) {
	case broker.Ack, broker.Dead:
		return finished
	}
	pauses := broker.Pauses()
	disposition, pause := broker.Decide(err, m.Attempt, len(pauses), pauses)
	if disposition == broker.Dead { // the broker has more attempts than usual
		return pauses[len(pauses)-1]
	}
	return pause
}

const (
	orderPollMin = 5 * time.Millisecond  // pause before the second look at the record
	orderPollMax = 50 * time.Millisecond // the longest pause between two looks
)

// wait returns nil when it is the event's turn. If the event has to wait longer than this process
// waits, wait returns an error from [broker.Postpone].
func (o *order) wait(ctx context.Context, m broker.Message, e event.Event) error {
	began, pause, early := time.Now(), orderPollMin, true
	patience := o.bounds.long
	select {
	case o.waiting <- struct{}{}:
		defer func() { <-o.waiting }()
	default: // too many events wait in this process
		patience = o.bounds.brief
	}
	for {
		left := o.leaving.of(e.Subject)
		result, in, err := o.enter(ctx, e)
		switch {
		case err != nil:
			return fmt.Errorf("waiting for earlier events of the match: %w", RedisError(err))
		case result == orderTurn || result == orderNone:
			return nil
		case result == orderParked || result == orderMissing && m.Retried:
			patience = min(patience, o.bounds.brief)
		}
		if early && o.early != nil {
			if err := o.early(ctx, e); err != nil {
				o.settle(ctx, e, remaining(m, err))
				return err
			}
		}
		early = false
		if rest := patience - time.Since(began); rest <= 0 || result == orderParked && in > rest {
			err := postponed(result, in)
			o.settle(ctx, e, remaining(m, err))
			return err
		}
		select {
		case <-left:
		case <-time.After(pause):
			pause = min(2*pause, orderPollMax)
		case <-ctx.Done():
			o.settle(ctx, e, remaining(m, ctx.Err()))
			return ctx.Err()
		}
	}
}

// postponed returns the error with which an event waits in the broker. in is the result of enterOrder.
func postponed(result int, in time.Duration) error {
	switch result {
	case orderParked:
		return broker.Postpone(time.Now().Add(in), "an earlier event of the match waits for another attempt")
	case orderMissing:
		return broker.Postpone(time.Now().Add(min(in, time.Second)), "an earlier event of the match has not arrived")
	}
	return broker.Postpone(time.Now().Add(time.Second), "an earlier event of the match is under way")
}

// key returns the key of the record of a match.
func (o *order) key(match string) string { return o.prefix + "{" + match + "}" }

// enter registers an event as under way. It returns the result of enterOrder, and how long a wait for
// an earlier event can take.
func (o *order) enter(ctx context.Context, e event.Event) (result int, in time.Duration, err error) {
	b := o.bounds
	found, err := enterOrder.Run(ctx, o.redis, []string{o.key(e.Subject)}, e.Data.Epoch, e.Data.Seq,
		keepOrder.Milliseconds(), (o.timeout + b.margin).Milliseconds(),
		b.first.Milliseconds(), b.missing.Milliseconds()).Int64Slice()
	if err != nil {
		return 0, 0, err
	}
	return int(found[0]), time.Duration(found[1]) * time.Millisecond, nil
}

// leave stores that an event is finished, or that it waits for its next attempt, which follows after
// pause. Then it wakes the events of the match that wait in this process.
func (o *order) leave(ctx context.Context, e event.Event, pause time.Duration) error {
	due := ""
	if pause != finished {
		due = strconv.FormatInt(pause.Milliseconds(), 10)
	}
	err := leaveOrder.Run(ctx, o.redis, []string{o.key(e.Subject)}, e.Data.Epoch, e.Data.Seq,
		keepOrder.Milliseconds(), due, o.bounds.margin.Milliseconds()).Err()
	if err == nil {
		o.leaving.wake(e.Subject)
	}
	return err
}

const (
	settleTime  = 500 * time.Millisecond // for the first attempt at leave, for which the handler waits
	settlePause = 100 * time.Millisecond // pause after the first error; it doubles after each error, up to 1 s
	maxUnstored = 100                    // goroutines that try leave again
)

// settle calls leave, even if ctx has ended. While Redis is unavailable, settle tries again in the
// background, for as long as later events wait for e.
func (o *order) settle(ctx context.Context, e event.Event, pause time.Duration) {
	ctx = context.WithoutCancel(ctx)
	try := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return o.leave(ctx, e, pause)
	}
	log := o.log.With("tid", e.TID, "id", e.ID, "match", e.Subject)
	failed := func(err error) { log.Warn("end of an event not stored: later events of the match wait", "error", err) }
	err := try(settleTime)
	if err == nil {
		return
	}
	select {
	case o.unstored <- struct{}{}:
	default:
		failed(err)
		return
	}
	o.settling.Go(func() {
		defer func() { <-o.unstored }()
		until := time.Now().Add(o.timeout + o.bounds.margin)
		for wait, last := settlePause, false; ; wait = min(2*wait, time.Second) {
			select {
			case <-time.After(wait):
			case <-o.stopped:
				last = true
			}
			if err = try(time.Second); err == nil {
				return
			}
			if last || time.Now().After(until) || !errors.Is(RedisError(err), broker.ErrUnavailable) {
				failed(err)
				return
			}
		}
	})
}

// departures tells events that wait in this process that an event of their match has left.
type departures struct {
	mu   sync.Mutex
	next map[string]chan struct{} // by match; closed when an event of the match leaves
}

// of returns a channel that is closed when the next event of a match leaves in this process.
func (d *departures) of(match string) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next[match] == nil {
		d.next[match] = make(chan struct{})
	}
	return d.next[match]
}

// wake wakes the events of a match that wait in this process.
func (d *departures) wake(match string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if next := d.next[match]; next != nil {
		close(next)
		delete(d.next, match)
	}
}
