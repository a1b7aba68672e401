package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// kickoffSoon is the kind of a reminder, a notification before kick-off. The parser emits no event of
// this kind. Instead, each process reads the saved matches every few seconds. So if the kick-off time
// changes, the time of the reminder changes too.
const kickoffSoon event.Kind = "kickoff_soon"

// remindEvery is the interval between two reads of the matches. Only tests change it.
var remindEvery = 10 * time.Second

// remind sends the reminders until ctx ends. Every process runs remind, but the delivery state in Redis
// ensures that only one process sends each reminder.
func (n *notifier) remind(ctx context.Context) error {
	if n.upcoming == nil {
		return nil
	}
	locks := n.deliveries
	locks.owner = ":" + uuid.NewString() // distinguishes processes, which all use the same event ID
	longest := slices.MaxFunc(n.reminders, func(a, b rule) int { return int(a.before - b.before) }).before
	tick := time.NewTicker(remindEvery)
	defer tick.Stop()
	for failed := ""; ; {
		err := n.remindAll(ctx, locks, longest)
		if err != nil && ctx.Err() == nil && err.Error() != failed { // log a repeated error once
			n.log.Warn("reminders not sent, trying again", "error", err)
		}
		failed = fmt.Sprint(err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// remindAll sends the reminders that are due. longest is the longest time before kick-off that a
// rule sets.
func (n *notifier) remindAll(ctx context.Context, locks deliveries, longest time.Duration) error {
	now := time.Now()
	matches, err := n.upcoming(ctx, now.Add(longest))
	if err != nil {
		return err
	}
	var all []error
	for _, d := range matches {
		due, err := n.dueReminders(d, now)
		all = append(all, err)
		for _, r := range due {
			if err := n.remindOne(ctx, locks, r.event, r.rule); err != nil && !errors.As(err, new(*broker.PostponedError)) {
				all = append(all, err)
			}
		}
	}
	return errors.Join(all...)
}

// A dueReminder is the event of a reminder, with its rule.
type dueReminder struct {
	event event.Event
	rule  *rule
}

// dueReminders returns the reminders that are due at the time now for a match that has not begun.
func (n *notifier) dueReminders(d event.Data, now time.Time) (due []dueReminder, err error) {
	var done []time.Duration
	for i := range n.reminders {
		r := &n.reminders[i]
		if d.Match.Start.Sub(now) > r.before || slices.Contains(done, r.before) {
			continue
		}
		e, failed := reminder(d, r.before, now)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		if !r.matches(e) {
			continue
		}
		done = append(done, r.before) // the first rule with this time applies
		due = append(due, dueReminder{e, r})
	}
	return due, err
}

// reminder returns the event that a reminder describes. Events for the same match and the same time
// before kick-off have the same ID.
func reminder(d event.Data, before time.Duration, now time.Time) (event.Event, error) {
	d.Kind, d.Action, d.Rev = kickoffSoon, event.New, 1
	d.Incident = event.IncidentID(string(kickoffSoon), d.Match.ID, before.String())
	e, err := event.Of(event.Key(d.Sport, d.League, d.Kind.Word(d.Action)), d, now)
	e.TID, e.Source = event.NewTID(), "/notify"
	return e, err
}

// remindOne sends a reminder to the recipients that have not received it.
func (n *notifier) remindOne(ctx context.Context, locks deliveries, e event.Event, r *rule) error {
	ctx, cancel := context.WithTimeout(event.WithTID(ctx, e.TID), n.timeout())
	defer cancel()
	return n.handleWith(ctx, locks, e, r)
}
