package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// A Worker does [PagePoll] tasks: it fetches a page, reads it, and says
// what came of it. Any worker can do any task; what is known of a source lies
// in Redis, and only copies of pages are the worker's own.
type Worker struct {
	library profile.Library
	client  *page.Client
	reader  *Ingester
	trace   *trace.Recorder
	polled  func(ctx context.Context, source string, p Polled) error

	memories sourceStore
	visits   pageCache
}

// NewWorker makes a worker. polled is told of every poll that was done, under
// the TID of its task. t records the polls that something came of; nil: none.
func NewWorker(lib profile.Library, c *page.Client, r *Ingester, store redis.UniversalClient, prefix string, t *trace.Recorder,
	polled func(ctx context.Context, source string, p Polled) error) *Worker {
	return &Worker{library: lib, client: c, reader: r, trace: t, polled: polled, memories: sourceStore{redis: store, prefix: prefix}}
}

// pollTimeout bounds a poll: waiting for a slot at the host, redirects, reading.
const pollTimeout = 90 * time.Second

// Subscription is what workers ask of the broker.
func (w *Worker) Subscription() broker.Subscription {
	return broker.Subscription{Queue: broker.TaskQueue(PagePoll), Exchange: broker.Tasks, Patterns: []string{PagePoll}, Limit: 16, Timeout: pollTimeout}
}

// Handle does one task. The same poll is done once, and none that a later one
// of its source has overtaken. An error says that Redis does not answer.
func (w *Worker) Handle(ctx context.Context, m broker.Message) error {
	task, err := broker.DecodeTask(m.Body)
	if err != nil {
		return err
	}
	var p Poll
	if err := json.Unmarshal(task.Data, &p); err != nil {
		return broker.Permanent(fmt.Errorf("task %s: %w", task.ID, err))
	}
	ctx, step := w.begin(event.WithTID(ctx, task.TID), task, p, m)
	defer step.End()
	known, begun, err := w.memories.begin(ctx, p, m.Redelivered || m.Retried)
	if err != nil {
		step.Fails(err.Error())
		return broker.Unavailable(err)
	}
	log := w.reader.Log.With("tid", task.TID, "source", p.Source.ID, "url", page.Redacted(p.Source.URL))
	if !begun {
		step.Says("left out: it was done, or a later one has begun")
		log.Info("poll left out: it was done, or a later one has begun", "task", task.ID, "due", p.Due)
		return nil
	}
	job := &poll{Worker: w, Poll: p, task: task.ID, log: log, out: Polled{Due: p.Due}}
	known = job.do(ctx, known)
	job.out.At = time.Now().UTC()
	job.out.Failures, job.out.Unchanged = known.Fails, known.Unchanged
	switch {
	case job.out.Busy:
		step.Says(job.out.Problem)
	case job.out.Problem != "":
		step.Fails(job.out.Problem)
	}
	after := context.WithoutCancel(ctx)
	if err := errors.Join(w.memories.end(after, p, known), w.polled(after, p.Source.ID, job.out)); err != nil {
		return broker.Unavailable(err)
	}
	log.Debug("polled", "task", task.ID, "due", p.Due, "late", job.began.Sub(p.Due), "took", job.out.Took, "problem", job.out.Problem)
	return nil
}

// begin begins the step of a trace. Of a poll that the clock caused it is
// recorded only if something came of it, and then the task's making with it.
func (w *Worker) begin(ctx context.Context, task broker.Task, p Poll, m broker.Message) (context.Context, *trace.Active) {
	made := task.TID.Span(task.ID)
	ctx, step := w.trace.Start(ctx, trace.Span{
		Parent: made, Op: trace.Process, Role: "parser", Name: task.Name, Message: task.ID, Match: p.Source.Match,
		Queue: broker.TaskQueue(task.Name), Attempt: m.Attempt,
	})
	if p.ByClock(task.TID) {
		step.Hold()
		step.Add(trace.Span{
			TID: task.TID, ID: made, Op: trace.Create, Role: "scheduler", Instance: strings.TrimPrefix(task.Source, "/scheduler/"), Name: task.Name, Message: task.ID,
			Match: p.Source.Match, Start: task.Time, Cause: &trace.Cause{TID: p.Activated, Message: task.CausationID},
		})
	}
	return ctx, step
}

// A poll is one task being done.
type poll struct {
	*Worker
	Poll
	task  string
	log   *slog.Logger
	began time.Time
	out   Polled
}

// do does it, and returns what is known of the source now.
func (p *poll) do(ctx context.Context, known sourceState) sourceState {
	p.began = time.Now().UTC()
	profile := p.library[p.Source.Profile]
	if profile == nil {
		p.log.Error("page not read: this worker does not have the profile", "profile", p.Source.Profile)
		p.out.Problem = fmt.Sprintf("the parser that was asked does not have the profile %q", p.Source.Profile)
		known.Fails++
		return known
	}
	if _, err := profile.CheckURL(p.Source.URL); err != nil {
		p.log.Error("page not read", "error", err)
		p.out.Problem = err.Error()
		known.Fails++
		return known
	}
	p.out.Many = profile.ManyMatches()
	watch := p.reader.Track(profile, p.Source.Match)
	if known.Activated != p.Activated { // whoever activated it anew has asked the site
		known.Activated, known.Forbidden = p.Activated, ""
	}
	watch.id, watch.cause, watch.sourceState = p.Source.ID, p.task, known
	if known.Forbidden != "" {
		p.stop(ctx, watch)
		return watch.sourceState
	}
	held := p.visits.take(p.Source.ID)
	if held == nil {
		held = &cachedPage{}
	}
	if held.fetcher == nil {
		f, err := p.client.Fetcher(p.Source.URL)
		if err != nil {
			p.failed(ctx, watch, err)
			return watch.sourceState
		}
		held.fetcher = f
	}
	fetched, err := held.fetcher.Fetch(ctx)
	p.out.Took = time.Duration(held.fetcher.Took.Load())
	if errors.Is(err, page.ErrUnchanged) {
		fetched, err = held.page, nil
		fetched.At = time.Now().UTC()
	}
	var refused *page.RefusedError
	var busy *page.BusyError
	switch {
	case errors.As(err, &busy):
		p.log.Info("page not fetched: others are waiting for the same host", "wait", busy.Wait)
		p.out.Busy, p.out.Problem = true, busy.Error()
	case err == nil:
		held.page, watch.last = fetched, held.last
		p.read(ctx, watch, held)
	case errors.As(err, &refused) && refused.Forbidden():
		p.log.Error("the site forbids it: source stopped", "error", err)
		watch.Forbidden = refused.Error()
		p.stop(ctx, watch)
		return watch.sourceState
	default:
		p.failed(ctx, watch, err)
	}
	p.visits.put(p.Source.ID, held)
	return watch.sourceState
}

// read reads the page of a visit.
func (p *poll) read(ctx context.Context, watch *Tracker, held *cachedPage) {
	events, err := watch.Ingest(ctx, held.page) // which logs what is wrong
	held.last = watch.last
	p.shows(watch, held.page, events)
	trace.From(ctx).Says(fmt.Sprintf("read %s, %d bytes, events: %d", held.page.URL, len(held.page.Body), len(events)))
	if err != nil {
		var network net.Error
		if p.out.Problem = err.Error(); errors.As(err, &network) { // it names a server of ours
			p.out.Problem = "what the page says could not be saved"
		}
		held.fetcher.Forget()
	}
}

// shows says what the page shows, as far as it can be used: one match that
// could not be taken over does not hide the others.
func (p *poll) shows(watch *Tracker, fetched page.Page, events []event.Event) {
	if watch.last.err != nil {
		return
	}
	p.out.Fresh = page.MaxAge(fetched)
	for _, o := range watch.last.observations {
		match := o.Match
		if watch.match != "" {
			match.ID = watch.match
		}
		p.out.Matches = append(p.out.Matches, match)
	}
	for _, e := range events {
		if !e.Data.Backfill && (e.Data.Kind == event.ScoreChange || e.Data.Sport.Scores(e.Data.Kind)) {
			p.out.Scored = true
		}
	}
}

// failed says that the page could not be fetched.
func (p *poll) failed(ctx context.Context, watch *Tracker, err error) {
	var refused *page.RefusedError
	if errors.As(err, &refused) {
		p.out.Wait = min(refused.Wait, page.MaxRetryAfter)
	}
	p.out.Problem = page.PublicReason(err, refused)
	_, serr := watch.Failed(ctx, page.Redacted(p.Source.URL), time.Now().UTC(), p.out.Problem)
	p.log.Warn("page not fetched, trying again", "error", errors.Join(err, serr), "failures", watch.Fails)
}

// stop says that the site forbids it, again and again until that is settled.
func (p *poll) stop(ctx context.Context, watch *Tracker) {
	p.out.Problem = watch.Forbidden
	_, settled, err := watch.Stopped(ctx, page.Redacted(p.Source.URL), time.Now().UTC(), watch.Forbidden)
	if err != nil {
		p.log.Warn("matches not marked as stale", "error", err)
	}
	if p.out.Settle = !settled; settled {
		p.out.Stop = watch.Forbidden
	}
}
