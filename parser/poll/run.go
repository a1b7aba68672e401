package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// A run is one poll being done.
type run struct {
	worker  *Worker
	poll    Poll
	task    string   // its ID
	tracker *Tracker // of the source; nil if its profile is not known
	log     *slog.Logger
	began   time.Time
	result  Result // filled in step by step
}

func newRun(w *Worker, task string, p Poll, log *slog.Logger) *run {
	return &run{worker: w, poll: p, task: task, log: log, began: time.Now().UTC(), result: Result{Due: p.Due}}
}

// do does the poll. state is what was known of the source before. It returns what is known now, and
// the result.
func (r *run) do(ctx context.Context, state sourceState) (sourceState, Result) {
	if by, err := r.sourceProfile(); err != nil {
		r.log.Error("page not fetched", "error", err)
		r.result.Problem = err.Error()
		state.Failures++
	} else {
		r.track(by, state)
		r.readPage(ctx)
		state = r.tracker.sourceState
	}
	r.result.At = time.Now().UTC()
	r.result.Failures, r.result.Unchanged = state.Failures, state.Unchanged
	r.log.Debug("polled", "late", r.began.Sub(r.poll.Due), "took", r.result.Took, "problem", r.result.Problem)
	return state, r.result
}

// readPage fetches the page of the source and ingests it.
func (r *run) readPage(ctx context.Context) {
	if r.tracker.Forbidden != "" {
		r.stop(ctx)
		return
	}
	cached, err := r.cachedPage()
	if err != nil {
		r.failed(ctx, err)
		return
	}
	err = r.fetch(ctx, cached)
	var refused *page.RefusedError
	var busy *page.BusyError
	switch {
	case err == nil:
		r.ingest(ctx, cached)
	case errors.As(err, &busy):
		r.log.Info("page not fetched: too many polls wait for the same host", "wait", busy.Wait)
		r.result.Busy, r.result.Problem = true, busy.Error()
	case errors.As(err, &refused) && refused.Forbidden():
		r.log.Error("the site forbids the page: source stopped", "error", err)
		r.tracker.Forbidden = refused.Error()
		r.stop(ctx)
		return // and the cached page is dropped
	default:
		r.failed(ctx, err)
	}
	r.worker.cache.put(r.poll.Source.ID, cached)
}

// sourceProfile is the profile that reads the source.
func (r *run) sourceProfile() (*profile.Profile, error) {
	by := r.worker.profiles[r.poll.Source.Profile]
	if by == nil {
		return nil, fmt.Errorf("the parser that was asked does not have the profile %q", r.poll.Source.Profile)
	}
	_, err := by.CheckURL(r.poll.Source.URL)
	return by, err
}

// track makes the tracker of the source, from its state.
func (r *run) track(by *profile.Profile, state sourceState) {
	r.result.Many = by.ManyMatches()
	r.tracker = r.worker.ingester.Track(by, r.poll.Source.Match)
	r.tracker.id, r.tracker.cause, r.tracker.sourceState = r.poll.Source.ID, r.task, state
	if r.tracker.Activated != r.poll.Activated { // activated again: the site is asked again
		r.tracker.Activated, r.tracker.Forbidden = r.poll.Activated, ""
	}
}

// cachedPage takes the source's page out of the cache, or makes an empty one.
func (r *run) cachedPage() (*cachedPage, error) {
	if cached := r.worker.cache.take(r.poll.Source.ID); cached != nil {
		return cached, nil
	}
	fetcher, err := r.worker.client.Fetcher(r.poll.Source.URL)
	if err != nil {
		return nil, err
	}
	return &cachedPage{fetcher: fetcher, parsed: &parsedPage{}}, nil
}

// fetch fetches the page of the source. One that is unchanged was read again just now.
func (r *run) fetch(ctx context.Context, cached *cachedPage) error {
	fetched, err := cached.fetcher.Fetch(ctx)
	r.result.Took = cached.fetcher.Took()
	switch {
	case errors.Is(err, page.ErrUnchanged):
		cached.page.At = time.Now().UTC()
	case err != nil:
		return err
	default:
		cached.page = fetched
	}
	return nil
}

// ingest ingests the page that was fetched.
func (r *run) ingest(ctx context.Context, cached *cachedPage) {
	r.tracker.parsed = cached.parsed
	events, err := r.tracker.Ingest(ctx, cached.page) // which logs what is wrong
	cached.parsed = r.tracker.parsed
	r.showPage(cached, events)
	trace.From(ctx).SetOutcome(fmt.Sprintf("read %s, %d bytes, events: %d", cached.page.URL, len(cached.page.Body), len(events)))
	if err != nil {
		r.result.Problem = err.Error()
		if errors.As(err, new(net.Error)) { // it names a server of ours
			r.result.Problem = "what the page says could not be saved"
		}
		cached.fetcher.Forget()
	}
}

// showPage fills in the result with what the page shows. A match that was not ingested does not hide the others.
func (r *run) showPage(cached *cachedPage, events []event.Event) {
	if cached.parsed.err != nil {
		return
	}
	r.result.Fresh = cached.page.MaxAge()
	for _, o := range cached.parsed.observations {
		match := o.Match
		if r.poll.Source.Match != "" {
			match.ID = r.poll.Source.Match
		}
		r.result.Matches = append(r.result.Matches, match)
	}
	for _, e := range events {
		if !e.Data.Backfill && (e.Data.Kind == event.ScoreChange || e.Data.Sport.Scores(e.Data.Kind)) {
			r.result.Scored = true
		}
	}
}

// failed notes that the page could not be fetched.
func (r *run) failed(ctx context.Context, err error) {
	var refused *page.RefusedError
	if errors.As(err, &refused) {
		r.result.Wait = refused.Wait
	}
	r.result.Problem = page.PublicReason(err)
	_, staleErr := r.tracker.NoteFailure(ctx, page.Redacted(r.poll.Source.URL), time.Now().UTC(), r.result.Problem)
	r.log.Warn("page not fetched, trying again", "error", errors.Join(err, staleErr), "failures", r.tracker.Failures)
}

// stop marks the matches of a source as stale that its site forbids, at every poll until that is
// done. Then the source is polled no more.
func (r *run) stop(ctx context.Context) {
	reason := r.tracker.Forbidden
	r.result.Problem = reason
	_, done, err := r.tracker.MarkAllStale(ctx, page.Redacted(r.poll.Source.URL), time.Now().UTC(), reason)
	if err != nil {
		r.log.Warn("matches not marked as stale", "error", err)
	}
	if r.result.Unmarked = !done; done {
		r.result.Stop = reason
	}
}
