// Package scheduler decides when pages are polled. A [Scheduler] is a consumer: when it receives a
// match_activated event, it immediately publishes the first task to poll the page, under the TID of
// the event. It publishes the later tasks when they are due. Each later task has a new TID, and its
// cause is the match_activated event. If an operator asks for a poll, its task has the TID of the request.
//
// Any number of schedulers can share one [Schedule] in Redis. The first scheduler that reads a due
// poll publishes its task. The interval between polls depends on the match:
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
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/poll"
)

const (
	batch          = 8                      // maximum number of polls that one read of the schedule returns
	readMost       = 250 * time.Millisecond // longest pause between two reads of the schedule
	readLeast      = 5 * time.Millisecond   // shortest pause between two reads of the schedule
	readSpread     = 20 * time.Millisecond  // random addition to the pause, so that schedulers share the work
	publishTimeout = 10 * time.Second
	stoppedFor     = 24 * time.Hour   // time for which a stopped source stays on the schedule
	outagePause    = time.Second      // longest pause after a failed read of the schedule
	ensurePause    = 10 * time.Second // longest pause after a failed check of the config
	firstPoll      = 30 * time.Second // shortest time until the first task of a source expires
)

// A Scheduler publishes tasks for the polls that are due on a schedule.
type Scheduler struct {
	Schedule  *Schedule
	Publisher broker.Publisher
	// Config lists the activations of the sources that the config names. [Scheduler.Reload] replaces it.
	Config   []Activation
	Instance string          // name of the process in the registry
	Trace    *trace.Recorder // may be nil
	Log      *slog.Logger

	reloads  chan []Activation // see Reload
	creating sync.Once         // creates reloads
}

// Reload replaces Config in a running scheduler, which applies it at once. Sources that the scheduler has stopped, and
// that the new config does not change, stay stopped. Only the latest of several calls has an effect.
func (s *Scheduler) Reload(config []Activation) {
	for {
		select {
		case s.reloaded() <- config:
			return
		case <-s.reloaded(): // an earlier config that Run has not loaded
		}
	}
}

// reloaded returns the channel for Reload, which has a capacity of 1.
func (s *Scheduler) reloaded() chan []Activation {
	s.creating.Do(func() { s.reloads = make(chan []Activation, 1) })
	return s.reloads
}

// Consumer returns the consumer of match_activated events.
func (s *Scheduler) Consumer() consumers.Consumer {
	return consumers.Consumer{Keys: []string{"*.*." + string(event.MatchActivated)}, Limit: 8, Handle: s.handleActivation}
}

// handleActivation begins the polls of a source and publishes the task of its first poll. If the
// event is delivered again, the task is for the latest tick, and workers poll once for each tick.
func (s *Scheduler) handleActivation(ctx context.Context, e event.Event) error {
	source := e.Data.Source
	if source == nil || source.Every < event.Interval(time.Second) {
		return broker.Permanent(errors.New("the event has no source, or the interval of its source is below a second"))
	}
	every := time.Duration(source.Every)
	// The random delay of the second poll spreads the polls of sources that are activated at the same time.
	tick, current, err := s.Schedule.Begin(ctx, source.ID, e.ID, every/2+rand.N(every))
	if err != nil {
		return consumers.RedisError(err)
	}
	if !current {
		trace.From(ctx).SetOutcome("outdated, or the source is paused")
		s.Log.Info("activation is outdated, or its source is paused", "tid", e.TID, "source", source.ID)
		return nil
	}
	s.Log.Info("source scheduled", "tid", e.TID, "source", source.ID, "url", source.URL, "match", source.Match)
	first := poll.Poll{Source: *source, Due: tick, Activated: e.TID}
	return s.publishTasks(ctx, task{first, e.TID, e.ID, max(every, firstPoll)})
}

// Run publishes tasks when they are due, and applies the config while it is in force, until ctx
// ends. It logs errors and returns nil.
func (s *Scheduler) Run(ctx context.Context) error {
	own, config := &ownConfig{}, s.Config
	ensuring := retry{
		fails: "cannot activate the sources of the config: polling the sources that are already on the schedule",
		again: "activated the sources of the config", least: time.Second, most: ensurePause,
	}
	reading := retry{
		fails: "cannot poll pages: are Redis and RabbitMQ running?",
		again: "polling pages again", least: outagePause / 2, most: outagePause,
	}
	var nextConfig time.Time
	var pop PopID
	for ctx.Err() == nil {
		if !time.Now().Before(nextConfig) {
			pause := configEvery
			if err := s.ensure(ctx, config, own); err == nil {
				ensuring.succeeded(s.Log)
			} else if ctx.Err() == nil {
				pause = ensuring.failed(s.Log, err)
			}
			nextConfig = time.Now().Add(pause)
		}
		wait, err := s.publishDue(ctx, &pop)
		pause := max(min(wait, readMost), readLeast) + rand.N(readSpread)
		switch {
		case err == nil:
			reading.succeeded(s.Log)
			if wait <= 0 { // more polls are due
				pause = 0
			}
		case ctx.Err() == nil:
			pause = reading.failed(s.Log, err)
		}
		select {
		case <-ctx.Done():
		case current := <-s.reloaded():
			own.load(config, current)
			config, nextConfig = current, time.Now()
		case <-time.After(pause):
		}
	}
	return nil
}

// publishDue publishes tasks for the polls that are due, at most batch. It returns the time until
// the next poll is due.
func (s *Scheduler) publishDue(ctx context.Context, pop *PopID) (time.Duration, error) {
	polls, wait, err := s.Schedule.Pop(ctx, batch, pop)
	if len(polls) == 0 {
		return wait, err
	}
	// No other Pop returns these polls, so publish their tasks even if ctx has ended.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	failed := []error{err}
	var tasks []task
	for _, due := range polls {
		a := due.Activation
		p := poll.Poll{Source: a.Source, Due: due.Due, Activated: a.TID}
		if due.Asked.IsZero() {
			tasks = append(tasks, task{p, event.NewTID(), a.Event, due.Left})
			continue
		}
		p.Asked = true
		failed = append(failed, s.publishAsked(bounded, task{p, due.Asked, a.Event, max(due.Left, firstPoll)}))
	}
	return wait, errors.Join(append(failed, s.publishTasks(bounded, tasks...))...)
}

// publishAsked publishes the task of a poll that a job has asked for. The trace of the job has the task.
func (s *Scheduler) publishAsked(ctx context.Context, t task) error {
	ctx, step := s.Trace.Start(event.WithTID(ctx, t.tid), trace.Span{
		Op: trace.Start, Role: "scheduler", Name: "poll " + t.poll.Source.ID, Match: t.poll.Source.Match,
	})
	defer step.End()
	return s.publishTasks(ctx, t)
}

// A task holds what publishTasks needs to publish the task of a poll.
type task struct {
	poll  poll.Poll
	tid   event.TID
	cause string        // ID of the event that caused the poll
	left  time.Duration // time until the task expires
}

// publishTasks publishes tasks and waits until the broker has confirmed them.
func (s *Scheduler) publishTasks(ctx context.Context, tasks ...task) error {
	if len(tasks) == 0 {
		return nil
	}
	msgs := make([]broker.Message, len(tasks))
	for i, t := range tasks {
		published, err := t.poll.Task(t.tid, t.cause, time.Now(), t.left)
		if err == nil {
			published.Source = "/scheduler/" + s.Instance
			msgs[i], err = published.Message()
		}
		if err != nil {
			return err
		}
		trace.From(ctx).Created(msgs[i], nil, "")
		s.Log.Debug("poll due", "tid", t.tid, "source", t.poll.Source.ID, "task", published.ID, "due", t.poll.Due)
	}
	began := time.Now()
	if _, err := s.Publisher.Publish(ctx, msgs...); err != nil {
		return fmt.Errorf("publishing tasks: %w", err)
	}
	if trace.From(ctx) != nil { // otherwise the worker records the poll, but only if the poll produces an event or fails
		s.Trace.Sent("scheduler", began, msgs...)
	}
	return nil
}
