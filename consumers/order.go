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
	"github.com/matchwire/matchwire/internal/redisclient"
)

// order handles the events of each match in the order of (epoch, seq), one at a time, in all
// processes that share a queue. The record of a match is a hash in Redis:
//
//	mw:order:<consumer>:{<match>}
//	  epoch          the latest epoch
//	  last           all events up to this seq are finished, or later events have passed them
//	  <seq>          "done" for a finished event, or "<end> <due> <since>" for an unfinished event
//	  <epoch>:<seq>  "<end> <due> <since>" for an unfinished event of an older epoch
//
// The times of an unfinished event are in Unix milliseconds. Later events wait for the event until
// <end>. <due> is the time of its next attempt, or 0 while the event is under way. The event first
// arrived at <since>.
//
// An event waits while an earlier event of its match is unfinished or missing. The event waits
// first in this process, and then in the broker. While it waits in this process, it occupies a slot
// of the subscription. So the subscription has more slots than the number of events that the
// consumer handles at a time. Only the first waiting event of a match polls the record. The others
// wait until that event leaves.
//
// Every wait is bounded. Later events pass an unfinished event at its <end>. They pass a missing event
// some time after the arrival of the first later event.
//
// These events do not wait for other events: an event that later events have passed, an event of an
// older epoch, and an event without a match, epoch or seq.
//
// The Redis client repeats a script whose reply was lost, so each script has the same result when
// it is repeated. Two processes can handle one event at the same time, unless the consumer also
// sets Once.
type order struct {
	redis   redis.UniversalClient
	prefix  string        // prefix of the records' keys
	keys    []string      // topic patterns of the events that the consumer handles
	timeout time.Duration // time limit for one call of the consumer
	early   handler       // Early of the consumer; can be nil
	bounds  orderBounds
	log     *slog.Logger

	waiters  waiters
	waiting  chan struct{}  // has a token for each event that may wait for bounds.long in this process
	handling chan struct{}  // has a token for each call of the consumer
	stopped  chan struct{}  // closed when the consumer stops
	settling sync.WaitGroup // the background goroutines of settle
	unstored chan struct{}  // has a token for each goroutine of settling
}

// orderBounds are the longest waits of events in an order.
type orderBounds struct {
	long    time.Duration // the longest wait in this process
	brief   time.Duration // the longest wait in this process if the event will probably wait in the broker
	first   time.Duration // for missing events, until the first event of the epoch is finished or passed
	missing time.Duration // for missing events after that
	margin  time.Duration // for an unfinished event, after its timeout or the time of its next attempt
}

// orderSlots is the number of additional slots of the subscription, for events that wait in this
// process. Three quarters of them are for events that may wait for bounds.long.
const orderSlots = 56

// defaultOrderBounds returns the usual bounds. missing is 35 s because a missing event may have
// failed in an outage before its arrival was stored. Its next attempt then follows within 30 s.
func defaultOrderBounds() orderBounds {
	return orderBounds{long: 10 * time.Second, brief: 250 * time.Millisecond, first: 5 * time.Second,
		missing: 35 * time.Second, margin: 2 * time.Minute}
}

// keepOrder is how long the record of a match is kept after its latest event.
const keepOrder = 3 * 24 * time.Hour

// newOrder returns the order of a consumer in this process. The caller must call stop.
func newOrder(r redis.UniversalClient, prefix string, c Consumer, bounds orderBounds, log *slog.Logger) *order {
	return &order{
		redis: r, prefix: prefix, keys: c.Keys, timeout: c.timeout(), early: c.Early, bounds: bounds, log: log,
		waiters: waiters{byMatch: map[string]*matchWaiters{}}, waiting: make(chan struct{}, orderSlots*3/4),
		handling: make(chan struct{}, max(c.Limit, 1)), stopped: make(chan struct{}),
		unstored: make(chan struct{}, maxUnstored),
	}
}

// stop ends the waits in this process. Each settle in the background then tries once more to store
// the end of its event.
func (o *order) stop() { close(o.stopped) }

// handle calls h when the event no longer has to wait for earlier events. If the wait takes too long,
// handle postpones the event. If h reports that a server is unavailable, handle calls h again while
// the event may wait in this process. If no key of the consumer matches the event, handle only
// stores that the event is finished.
func (o *order) handle(ctx context.Context, m broker.Message, e event.Event, h handler) error {
	wanted := event.MatchAny(o.keys, m.Key)
	if e.Subject == "" || e.Data.Epoch == "" || e.Data.Seq < 1 {
		if !wanted {
			return nil
		}
		return o.call(ctx, time.Now().Add(o.bounds.long), e, h)
	}
	if !wanted {
		return RedisError(o.leave(ctx, e, finished))
	}
	w := &orderWait{order: o, message: m, event: e, began: time.Now(), maxWait: o.bounds.long}
	select {
	case o.waiting <- struct{}{}:
		defer func() { <-o.waiting }()
	default: // too many events wait in this process
		w.maxWait = o.bounds.brief
	}
	w.waiter = o.waiters.add(e)
	defer w.waiter.leave()
	if err := w.wait(ctx); err != nil {
		return err
	}
	err := errors.New("the handler panicked") // replaced when the handler returns
	defer func() { o.settle(ctx, e, remaining(m, err)) }()
	for {
		err = o.call(ctx, w.began.Add(o.bounds.long), e, h)
		pause := time.Second
		var postponed *broker.PostponedError
		if errors.As(err, &postponed) {
			pause = time.Until(postponed.Until)
		}
		if !errors.Is(err, broker.ErrUnavailable) || !w.sleep(pause) {
			return err
		}
	}
}

// A handler handles an event.
type handler = func(context.Context, event.Event) error

// call calls h in a slot of the consumer. If no slot becomes free before the given time, call
// postpones the event.
func (o *order) call(ctx context.Context, until time.Time, e event.Event, h handler) error {
	select {
	case o.handling <- struct{}{}:
		defer func() { <-o.handling }()
	case <-time.After(time.Until(until)):
		return broker.Postpone(time.Now().Add(time.Second), "all slots of the consumer are in use")
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	return h(ctx, e)
}

// Pass wraps err and keeps its text. If Handle of an ordered consumer returns the result, later
// events of the match no longer wait for the event. The event is still retried as err specifies.
func Pass(err error) error { return &passError{err} }

// Passed reports whether err wraps an error from [Pass].
func Passed(err error) bool { return errors.As(err, new(*passError)) }

type passError struct{ error }

// Unwrap returns the error that was passed to [Pass].
func (p *passError) Unwrap() error { return p.error }

// finished is the pause of an event that no later event waits for.
const finished time.Duration = -1

// remaining returns the longest pause before the next attempt to handle m, after the handler
// returned err. It returns finished if no attempt follows, or if later events do not wait for the
// event.
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
	if disposition == broker.Dead { // the broker allows more attempts than usual, because m.Last is false
		return pauses[len(pauses)-1]
	}
	return pause
}

// orderName is the beginning of the names of all records, after the prefix of the installation.
const orderName = "order:"

// ForgetOrders removes the records of all matches and consumers. In a backup of Redis, a record can contain events that
// were under way. They would delay later events of the match for minutes, although they have ended. No process may
// handle events meanwhile.
func ForgetOrders(ctx context.Context, r redis.UniversalClient, prefix string) error {
	return redisclient.EachKey(ctx, r, prefix+orderName+"*:{*}", func(key string) error {
		record, err := r.HExists(ctx, key, "epoch").Result()
		if err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") { // a key of a namespace with the name order
			return fmt.Errorf("reading %s: %w", key, err)
		}
		if !record {
			return nil
		}
		return r.Del(ctx, key).Err()
	})
}

// key returns the key of a match's record.
func (o *order) key(match string) string { return o.prefix + "{" + match + "}" }

// An orderState is the result of enterOrder.
type orderState struct {
	result int
	in     time.Duration // for orderRetrying, time until earlier events are retried; for orderMissing, longest wait
	age    time.Duration // time since the event first arrived
	last   int64         // the field "last" of the record
}

// enter registers an event as under way, unless the result is orderNone.
func (o *order) enter(ctx context.Context, e event.Event) (s orderState, err error) {
	b := o.bounds
	found, err := enterOrder.Run(ctx, o.redis, []string{o.key(e.Subject)}, e.Data.Epoch, e.Data.Seq,
		keepOrder.Milliseconds(), (o.timeout + b.margin).Milliseconds(),
		b.first.Milliseconds(), b.missing.Milliseconds()).Int64Slice()
	if err != nil {
		return s, err
	}
	const ms = time.Millisecond
	return orderState{int(found[0]), time.Duration(found[1]) * ms, time.Duration(found[2]) * ms, found[3]}, nil
}

// leave stores that an event is finished, if pause is finished. Otherwise it stores that the next
// attempt follows after pause.
func (o *order) leave(ctx context.Context, e event.Event, pause time.Duration) error {
	due := ""
	if pause != finished {
		due = strconv.FormatInt(pause.Milliseconds(), 10)
	}
	return leaveOrder.Run(ctx, o.redis, []string{o.key(e.Subject)}, e.Data.Epoch, e.Data.Seq,
		keepOrder.Milliseconds(), due, o.bounds.margin.Milliseconds()).Err()
}

const (
	settleTime  = 500 * time.Millisecond // time limit for the first call of leave, which delays the result of the handler
	settlePause = 100 * time.Millisecond // pause after the first error; it doubles after each error, up to 1 s
	maxUnstored = 100                    // maximum number of goroutines that call leave again
)

// settle calls leave, even if ctx has ended. If leave fails, a goroutine calls it again while Redis is
// unavailable, for as long as later events can wait for e. If maxUnstored goroutines are already
// running, settle does not try again.
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
