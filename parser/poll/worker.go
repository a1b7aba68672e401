package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/semaphore"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// A Worker runs [PagePoll] tasks. Any worker can run any task: the state of a source is stored in
// Redis, and a worker only caches pages. Goroutines can share a Worker.
type Worker struct {
	// Requests are the request settings that sources can name. Set the field before the first call
	// of Handle. It may be nil.
	Requests Requests

	profiles    profile.Library
	client      *page.Client
	ingester    *Ingester
	sources     sourceStore
	cache       pageCache
	pages       *semaphore.Weighted // limits the total size of the pages that are parsed at the same time, see pageWeight
	quarantined quarantine
	trace       *trace.Recorder
	report      Report
	now         func() time.Time // current time, for dates in URLs; tests replace it
}

// A Report receives the result of every poll that was not skipped. ctx carries the TID of the task.
// The scheduler's Schedule.Polled is a Report: it decides when the next poll is due.
type Report func(ctx context.Context, source string, r Result) error

// NewWorker returns a worker. Its keys in r begin with prefix. t records the steps of polls in the
// trace, and may be nil.
func NewWorker(
	profiles profile.Library, c *page.Client, in *Ingester,
	r redis.UniversalClient, prefix string, t *trace.Recorder, report Report,
) *Worker {
	sources := sourceStore{redis: r, prefix: prefix}
	return &Worker{
		profiles: profiles, client: c, ingester: in, sources: sources, trace: t, report: report, now: time.Now,
		pages: semaphore.NewWeighted(maxParsedBytes),
	}
}

// With returns a worker that polls with other profiles and settings, for the same sources. It caches no pages of w. The
// two workers share the limit on the pages that are parsed at the same time. They can both handle tasks.
func (w *Worker) With(profiles profile.Library, c *page.Client, in *Ingester, requests Requests) *Worker {
	return &Worker{
		Requests: requests, profiles: profiles, client: c, ingester: in, sources: w.sources, pages: w.pages, trace: w.trace,
		report: w.report, now: w.now,
	}
}

const (
	// pollTimeout is the timeout of a poll, from the wait for a slot at the host to saving the
	// events.
	pollTimeout = 90 * time.Second
	// maxPolls is the maximum number of polls that a worker runs at the same time.
	maxPolls = 16
	// maxParsedBytes is the maximum total size, in bytes, of the pages that a worker parses at the
	// same time. Parsing a page can need up to 160 times its size in memory, but at most 80 MiB.
	maxParsedBytes = 2 << 20
)

// pageWeight returns how many bytes of maxParsedBytes a page uses. A page uses at most half, so two
// pages of any size can be parsed at the same time.
func pageWeight(p page.Page) int64 { return min(int64(len(p.Body)), maxParsedBytes/2) }

// Subscription returns the subscription to the queue of tasks, which all workers share.
func (w *Worker) Subscription() broker.Subscription {
	return broker.Subscription{
		Queue: broker.TaskQueue(PagePoll), Exchange: broker.Tasks, Patterns: []string{PagePoll},
		Limit: maxPolls, Timeout: pollTimeout,
	}
}

// Handle runs one task. It skips a poll that was claimed before, unless the worker that claimed it
// ended or failed. It also skips a poll if a later poll of the source was claimed. If the message
// is not a poll, the error is permanent. If Redis is unavailable, the error wraps
// [broker.ErrUnavailable].
func (w *Worker) Handle(ctx context.Context, m broker.Message) error {
	task, p, err := decode(m)
	if err != nil {
		return err
	}
	ctx, step := w.startStep(event.WithTID(ctx, task.TID), task, p, m)
	defer step.End()
	log := w.ingester.Log.With("tid", task.TID, "source", p.Source.ID, "url", page.Redacted(p.Source.URL),
		"task", task.ID, "due", p.Due)
	c, claimed, err := w.sources.claim(ctx, p, m.Retried, m.Redelivered)
	if err != nil {
		step.Fail(err.Error())
		return broker.Unavailable(err)
	}
	if !claimed {
		step.SetOutcome("skipped: this poll or a later poll was already claimed")
		log.Info("poll skipped: this poll or a later poll was already claimed")
		return nil
	}
	result := w.run(ctx, &c, newRun(w, task.ID, p, log))
	switch {
	case result.Busy:
		step.SetOutcome(result.Problem)
	case result.Problem != "":
		step.Fail(result.Problem)
	}
	after := context.WithoutCancel(ctx) // record the poll even if ctx has ended
	saved := make(chan error, 1)
	go func() { saved <- w.sources.save(after, p, c) }() // at the same time as the report
	if err := errors.Join(w.report(after, p.Source.ID, result), <-saved); err != nil {
		return broker.Unavailable(err)
	}
	return nil
}

// decode decodes the task and the poll in a message. The error is permanent.
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

// startStep starts the poll's step of the trace. A poll that the schedule caused is recorded only
// if it produced events or failed. In that case, the scheduler's step that created the task is
// recorded too.
func (w *Worker) startStep(
	ctx context.Context, task broker.Task, p Poll, m broker.Message,
) (context.Context, *trace.Active) {
	parent := task.TID.Span(task.ID)
	ctx, step := w.trace.Start(ctx, trace.Span{
		Parent: parent, Op: trace.Process, Role: "parser", Name: task.Name, Message: task.ID, Match: p.Source.Match,
		Queue: broker.TaskQueue(task.Name), Attempt: m.Attempt,
	})
	if p.ByClock(task.TID) {
		step.Buffer()
		step.Add(trace.Span{
			TID: task.TID, ID: parent, Op: trace.Create, Role: "scheduler",
			Instance: strings.TrimPrefix(task.Source, "/scheduler/"),
			Name:     task.Name, Message: task.ID, Match: p.Source.Match, Start: task.Time,
			Cause: &trace.Cause{TID: p.Activated, Message: task.CausationID},
		})
	}
	return ctx, step
}
