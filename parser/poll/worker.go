package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// A Worker does [PagePoll] tasks. Any worker can do any task: what is known of a source is kept in
// Redis, and a worker only caches pages.
type Worker struct {
	profiles profile.Library
	client   *page.Client
	ingester *Ingester
	sources  sourceStore
	cache    pageCache
	trace    *trace.Recorder
	report   Report
}

// A Report is called with the result of every poll that was done, under the TID of its task. The
// scheduler's Schedule.Polled is one: it decides when the next poll is due.
type Report func(ctx context.Context, source string, r Result) error

// NewWorker returns a worker. Its keys in store begin with prefix. t records polls that made
// events, and may be nil.
func NewWorker(profiles profile.Library, c *page.Client, in *Ingester, store redis.UniversalClient, prefix string, t *trace.Recorder, report Report) *Worker {
	return &Worker{profiles: profiles, client: c, ingester: in, sources: sourceStore{redis: store, prefix: prefix}, trace: t, report: report}
}

const (
	// pollTimeout bounds a poll: waiting for a slot at the host, redirects, reading.
	pollTimeout = 90 * time.Second
	// maxPolls bounds the polls that a worker does at a time.
	maxPolls = 16
)

// Subscription is the subscription to the tasks that workers share.
func (w *Worker) Subscription() broker.Subscription {
	return broker.Subscription{Queue: broker.TaskQueue(PagePoll), Exchange: broker.Tasks, Patterns: []string{PagePoll}, Limit: maxPolls, Timeout: pollTimeout}
}

// Handle does one task. A poll that was done before, or that a later poll of its source has
// overtaken, is left out. An error means that Redis does not answer, or that the message is no poll.
func (w *Worker) Handle(ctx context.Context, m broker.Message) error {
	task, p, err := decode(m)
	if err != nil {
		return err
	}
	ctx, step := w.startStep(event.WithTID(ctx, task.TID), task, p, m)
	defer step.End()
	log := w.ingester.Log.With("tid", task.TID, "source", p.Source.ID, "url", page.Redacted(p.Source.URL), "task", task.ID, "due", p.Due)
	state, claimed, err := w.sources.claim(ctx, p, m.Redelivered || m.Retried)
	if err != nil {
		step.Fail(err.Error())
		return broker.Unavailable(err)
	}
	if !claimed {
		step.SetOutcome("left out: it was done, or a later one has begun")
		log.Info("poll left out: it was done, or a later one has begun")
		return nil
	}
	state, result := newRun(w, task.ID, p, log).do(ctx, state)
	switch {
	case result.Busy:
		step.SetOutcome(result.Problem)
	case result.Problem != "":
		step.Fail(result.Problem)
	}
	after := context.WithoutCancel(ctx) // what was done is noted even at the end
	if err := errors.Join(w.sources.save(after, p, state), w.report(after, p.Source.ID, result)); err != nil {
		return broker.Unavailable(err)
	}
	return nil
}

// decode decodes the message of a poll. An error is permanent.
func decode(m broker.Message) (task broker.Task, p Poll, err error) {
	task, err = broker.DecodeTask(m.Body)
	if err != nil {
		return task, p, err
	}
	if err := json.Unmarshal(task.Data, &p); err != nil {
		return task, p, broker.Permanent(fmt.Errorf("task %s: %w", task.ID, err))
	}
	return task, p, nil
}

// startStep starts the poll's step of the trace. A poll that the clock caused is recorded only if
// it made events, and then with the scheduler's step that made its task.
func (w *Worker) startStep(ctx context.Context, task broker.Task, p Poll, m broker.Message) (context.Context, *trace.Active) {
	made := task.TID.Span(task.ID)
	ctx, step := w.trace.Start(ctx, trace.Span{
		Parent: made, Op: trace.Process, Role: "parser", Name: task.Name, Message: task.ID, Match: p.Source.Match,
		Queue: broker.TaskQueue(task.Name), Attempt: m.Attempt,
	})
	if p.ByClock(task.TID) {
		step.Buffer()
		step.Add(trace.Span{
			TID: task.TID, ID: made, Op: trace.Create, Role: "scheduler", Instance: strings.TrimPrefix(task.Source, "/scheduler/"),
			Name: task.Name, Message: task.ID, Match: p.Source.Match, Start: task.Time,
			Cause: &trace.Cause{TID: p.Activated, Message: task.CausationID},
		})
	}
	return ctx, step
}
