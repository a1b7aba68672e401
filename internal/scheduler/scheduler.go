// Package scheduler decides when pages are polled. It is a consumer: a match_activated event causes
// the first task to poll the page, at once and under the same TID. The clock causes the later
// tasks. Each has a new TID, and names the match_activated event as its cause.
//
// Any number of schedulers share one [Schedule] in Redis. The first that asks gets the polls that
// are due. The interval between polls depends on the match:
//
//   - It is long before kick-off and in a break, and short while the match is live.
//   - It is shortest in stoppage time and after a score.
//   - Polling ends some time after the match is over.
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
	batch          = 8                      // the most polls of one look at the schedule
	lookEvery      = 250 * time.Millisecond // the most between two looks at the schedule
	lookLeast      = 5 * time.Millisecond   // the least
	lookSpread     = 20 * time.Millisecond  // random addition, so that the schedulers share the work
	publishTimeout = 10 * time.Second
	stoppedFor     = 24 * time.Hour   // how long a stopped source stays in the list
	outagePause    = time.Second      // the most between two looks at the schedule that fail
	ensurePause    = 10 * time.Second // the most between two checks of the config that fail
	firstPoll      = 30 * time.Second // how long the first task of a source may wait for a worker
)

// A Scheduler publishes the tasks of the polls that are due on a schedule.
type Scheduler struct {
	Schedule  *Schedule
	Publisher broker.Publisher
	// Config lists the sources that the config names.
	Config   []Activation
	Instance string          // its ID in the registry
	Trace    *trace.Recorder // may be nil
	Log      *slog.Logger
}

// Consumer returns the consumer of match_activated events.
func (s *Scheduler) Consumer() consumers.Consumer {
	return consumers.Consumer{Keys: []string{"*.*." + string(event.MatchActivated)}, Limit: 8, Handle: s.handleActivation}
}

// handleActivation puts a source on the schedule and publishes the task of its first poll. If the
// event is delivered again, the task is for the same tick, which is polled once.
func (s *Scheduler) handleActivation(ctx context.Context, e event.Event) error {
	source := e.Data.Source
	if source == nil || source.Every < event.Interval(time.Second) {
		return broker.Permanent(errors.New("the event names no source, or none that could be polled"))
	}
	// Spread the polls of sources that are activated at the same time.
	every := time.Duration(source.Every)
	tick, current, err := s.Schedule.Begin(ctx, source.ID, e.ID, every/2+rand.N(every))
	if err != nil {
		return consumers.RedisError(err)
	}
	if !current {
		trace.From(ctx).SetOutcome("does not hold any more")
		s.Log.Info("activation does not hold any more", "tid", e.TID, "source", source.ID)
		return nil
	}
	s.Log.Info("source scheduled", "tid", e.TID, "source", source.ID, "url", source.URL, "match", source.Match)
	first := poll.Poll{Source: *source, Due: tick, Activated: e.TID}
	return s.publishTasks(ctx, task{first, e.TID, e.ID, max(every, firstPoll)})
}

// Run publishes the tasks that are due until ctx ends.
func (s *Scheduler) Run(ctx context.Context) error {
	own := &ownConfig{}
	ensuring := retry{
		fails: "cannot activate the sources of the config: polling those on the schedule",
		again: "activated the sources of the config", least: time.Second, most: ensurePause,
	}
	looking := retry{
		fails: "cannot poll pages: are Redis and RabbitMQ running?",
		again: "polling pages again", least: outagePause / 2, most: outagePause,
	}
	var nextConfig time.Time
	var call Call
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
		wait, err := s.look(ctx, &call)
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

// look publishes the tasks that are due now. It returns the time until another is due.
func (s *Scheduler) look(ctx context.Context, call *Call) (time.Duration, error) {
	ticks, wait, err := s.Schedule.Pop(ctx, batch, call)
	if len(ticks) == 0 {
		return wait, err
	}
	var tasks []task
	for _, t := range ticks {
		a := t.Activation
		p := poll.Poll{Source: a.Source, Due: t.Due, Activated: a.TID}
		tasks = append(tasks, task{p, event.NewTID(), a.Event, t.Left})
	}
	// Pop has rescheduled these polls, so publish them even if ctx has ended.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	return wait, errors.Join(err, s.publishTasks(bounded, tasks...))
}

// A task is a poll to publish.
type task struct {
	poll  poll.Poll
	tid   event.TID
	cause string        // ID of the event that caused it
	left  time.Duration // until it expires
}

// publishTasks publishes tasks and waits until the broker has confirmed them.
func (s *Scheduler) publishTasks(ctx context.Context, tasks ...task) error {
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
		return fmt.Errorf("publishing tasks: %w", err)
	}
	if trace.From(ctx) != nil { // the worker records the polls that the clock causes, if they have a result
		s.Trace.Sent("scheduler", began, msgs...)
	}
	return nil
}
