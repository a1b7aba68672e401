package deadletters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
)

// OnBroker is a [Store] on a broker.
type OnBroker struct {
	Broker broker.DeadLetters
	// Consumers are the names of the enabled consumers. A consumer with parts has a name for each part.
	Consumers []string
	// Begin, if not nil, is called with the number of dead letters before Find or Move visits them. It returns a
	// function to call for each visited dead letter, and one to call at the end.
	Begin func(total int) (visited, end func())
}

// Counts implements [Store].
func (o OnBroker) Counts(ctx context.Context) ([]Count, error) {
	var all []Count
	for _, name := range o.Consumers {
		n, err := o.Broker.CountDead(ctx, consumers.QueueName(name))
		c := Count{name, &n}
		if errors.Is(err, broker.ErrNoQueue) {
			c.Dead, err = nil, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// List implements [Store].
func (o OnBroker) List(ctx context.Context, consumer string, limit int, show func(Letter) error) (int, error) {
	total, err := o.count(ctx, consumer)
	if err != nil {
		return 0, err
	}
	return total, broker.OldestDead(ctx, o.Broker, Queue(consumer), limit,
		func(l broker.DeadLetter) error { return show(letterOf(l)) })
}

// Find implements [Store].
func (o OnBroker) Find(ctx context.Context, consumer string, ids []string, show func(Letter) error) error {
	var found []broker.DeadLetter
	_, err := o.walk(ctx, consumer, Selection{IDs: ids}, func(l broker.DeadLetter) broker.DeadAction {
		found = append(found, l)
		return broker.Keep
	})
	for _, l := range found {
		if err == nil {
			err = show(letterOf(l))
		}
	}
	return err
}

// Move implements [Store].
func (o OnBroker) Move(ctx context.Context, consumer string, s Selection, action broker.DeadAction) (int, error) {
	return o.walk(ctx, consumer, s, func(broker.DeadLetter) broker.DeadAction { return action })
}

// errEnough ends a walk early.
var errEnough = errors.New("enough dead letters visited")

// MoveOldest performs an action with the oldest dead letters of a consumer, at most limit. It returns their number,
// and the number of the other dead letters.
func (o OnBroker) MoveOldest(
	ctx context.Context, consumer string, limit int, action broker.DeadAction,
) (moved, left int, err error) {
	total, err := o.count(ctx, consumer)
	if err != nil {
		return 0, 0, err
	}
	err = o.Broker.WalkDead(ctx, Queue(consumer), func(broker.DeadLetter) (broker.DeadAction, error) {
		if moved == limit {
			return broker.Keep, errEnough
		}
		moved++
		return action, nil
	})
	return moved, max(0, total-moved), ignoreEnough(err)
}

// walk calls act for each selected dead letter and performs the action that act returns. It returns the number of
// calls of act. If the queue lacks a selected ID, walk returns a *MissingError after the last call.
func (o OnBroker) walk(
	ctx context.Context, consumer string, s Selection, act func(broker.DeadLetter) broker.DeadAction,
) (n int, err error) {
	total, err := o.count(ctx, consumer)
	if err != nil {
		return 0, err
	}
	visited := func() {}
	if o.Begin != nil {
		var end func()
		visited, end = o.Begin(total)
		defer end()
	}
	left := map[string]bool{}
	for _, id := range s.IDs {
		left[id] = true
	}
	err = o.Broker.WalkDead(ctx, Queue(consumer), func(l broker.DeadLetter) (broker.DeadAction, error) {
		visited()
		if !s.All && !slices.Contains(s.IDs, l.ID) {
			if len(left) == 0 {
				return broker.Keep, errEnough
			}
			return broker.Keep, nil
		}
		delete(left, l.ID)
		n++
		return act(l), nil
	})
	if err = ignoreEnough(err); err != nil || len(left) == 0 {
		return n, err
	}
	missing := slices.DeleteFunc(slices.Clone(s.IDs), func(id string) bool { return !left[id] })
	return n, &MissingError{Queue(consumer), missing}
}

func ignoreEnough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// count returns the number of dead letters of a consumer. If the consumer has no queue, but its parts have, the error
// names the parts.
func (o OnBroker) count(ctx context.Context, consumer string) (int, error) {
	n, err := o.Broker.CountDead(ctx, Queue(consumer))
	if errors.Is(err, broker.ErrNoQueue) {
		parts := slices.DeleteFunc(slices.Clone(o.Consumers),
			func(name string) bool { return !strings.HasPrefix(name, consumer+".") })
		if len(parts) > 0 {
			err = fmt.Errorf("%w: %s has a queue for each of its parts: %s", err, consumer, strings.Join(parts, ", "))
		}
	}
	return n, err
}
