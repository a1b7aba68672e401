// Package scheduler decides when pages are polled. It is a consumer: an event
// that activates a match causes the first task to read its page, at once and
// under the same TID. From then on the clock causes them: each poll is a job of
// its own, with a new TID, and names the event that set the clock as its cause.
//
// Any number of schedulers share one [Schedule] in Redis; whoever looks first
// takes what is due. Polling follows the match: seldom before kick-off, often
// while it is live, more so in stoppage time and after a score, seldom in a
// break; it ends some time after the match has.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/poll"
)

const (
	batch          = 8                      // polls that one look at the schedule takes
	lookEvery      = 250 * time.Millisecond // at most, between two looks
	lookLeast      = 5 * time.Millisecond
	lookSpread     = 20 * time.Millisecond // so that not always the same scheduler is first
	publishTimeout = 10 * time.Second
	stoppedFor     = 24 * time.Hour   // that a source which was stopped is shown
	outagePause    = time.Second      // at most, between two looks at the schedule that fail
	ensurePause    = 10 * time.Second // at most, between two looks at the config that fail
	firstPoll      = 30 * time.Second // that the task of an activation may wait for a worker
)

// A Scheduler emits the tasks that a schedule asks for.
type Scheduler struct {
	Schedule  *Schedule
	Publisher broker.Publisher
	// Config are the sources that the config names.
	Config   []Activation
	Instance string          // of the registry
	Trace    *trace.Recorder // nil: none
	Log      *slog.Logger
}

// Consumer hears of activations.
func (s *Scheduler) Consumer() consumers.Consumer {
	return consumers.Consumer{Keys: []string{"*.*." + string(event.MatchActivated)}, Limit: 8, Handle: s.activated}
}

// activated puts a source on the schedule and has it read at once. The same
// activation, again, makes the same task, which is done once.
func (s *Scheduler) activated(ctx context.Context, e event.Event) error {
	source := e.Data.Source
	if source == nil || source.Every < event.Interval(time.Second) {
		return broker.Permanent(errors.New("the event names no source, or none that could be polled"))
	}
	// Those that are activated together are not to be polled together for ever.
	every := time.Duration(source.Every)
	tick, holds, err := s.Schedule.Begin(ctx, source.ID, e.ID, every/2+rand.N(every))
	if err != nil {
		return consumers.RedisError(err)
	}
	if !holds {
		trace.From(ctx).Says("does not hold any more")
		s.Log.Info("activation does not hold any more", "tid", e.TID, "source", source.ID)
		return nil
	}
	s.Log.Info("source scheduled", "tid", e.TID, "source", source.ID, "url", source.URL, "match", source.Match)
	first := poll.Poll{Source: *source, Due: tick, Activated: e.TID}
	return s.emit(ctx, task{first, e.TID, e.ID, max(every, firstPoll)})
}

// Run emits the tasks that are due until ctx ends.
func (s *Scheduler) Run(ctx context.Context) error {
	own := &ownConfig{}
	ensuring := retry{fails: "sources of the config not activated: polling goes on with those on the schedule", again: "sources of the config activated again", least: time.Second, most: ensurePause}
	looking := retry{fails: "no page is polled: is Redis up, and the broker?", again: "pages are polled again", least: outagePause / 2, most: outagePause}
	var nextConfig time.Time
	for ctx.Err() == nil {
		if !time.Now().Before(nextConfig) {
			pause := configEvery
			if err := s.ensure(ctx, own); err == nil {
				ensuring.succeeded(s.Log)
			} else if ctx.Err() == nil {
				pause = ensuring.failed(s.Log, err)
			}
			nextConfig = time.Now().Add(pause)
		}
		wait, err := s.look(ctx)
		if err == nil {
			looking.succeeded(s.Log)
			wait = min(wait, lookEvery)
		} else if ctx.Err() == nil {
			wait = looking.failed(s.Log, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(wait, lookLeast) + rand.N(lookSpread)):
		}
	}
	return nil
}

// look emits what is due now, and says how long nothing more is.
func (s *Scheduler) look(ctx context.Context) (time.Duration, error) {
	ticks, wait, err := s.Schedule.Pop(ctx, batch)
	if len(ticks) == 0 {
		return wait, err
	}
	var tasks []task
	for _, t := range ticks {
		a := t.Activation
		tasks = append(tasks, task{poll.Poll{Source: a.Source, Due: t.Due, Activated: a.TID}, event.NewTID(), a.Event, t.Left})
	}
	// What was taken off the schedule is asked for even at the end.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	return wait, errors.Join(err, s.emit(bounded, tasks...))
}

// A task is a poll with what caused it.
type task struct {
	poll  poll.Poll
	tid   event.TID
	cause string
	left  time.Duration // that it is worth beginning
}

func (s *Scheduler) emit(ctx context.Context, tasks ...task) error {
	msgs := make([]broker.Message, len(tasks))
	for i, t := range tasks {
		made, err := t.poll.Task(t.tid, t.cause, time.Now(), t.left)
		if err == nil {
			made.Source = "/scheduler/" + s.Instance
			msgs[i], err = made.Message()
		}
		if err != nil {
			return err
		}
		trace.From(ctx).Created(msgs[i], nil, "")
		s.Log.Debug("poll due", "tid", t.tid, "source", t.poll.Source.ID, "task", made.ID, "due", t.poll.Due)
	}
	began := time.Now()
	if _, err := s.Publisher.Publish(ctx, msgs...); err != nil {
		return fmt.Errorf("emitting tasks: %w", err)
	}
	if trace.From(ctx) != nil { // of those that the clock causes the worker tells, if they bring anything
		s.Trace.Sent("scheduler", began, msgs...)
	}
	return nil
}
