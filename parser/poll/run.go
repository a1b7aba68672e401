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

// A run is one poll being done. It changes the state of its source and fills in the result.
type run struct {
	*Worker
	Poll
	task    string // its ID
	state   *sourceState
	tracker *Tracker // nil if the source cannot be tracked
	log     *slog.Logger
	began   time.Time
	result  Result
}

func newRun(w *Worker, task string, p Poll, state *sourceState, log *slog.Logger) *run {
	return &run{Worker: w, Poll: p, task: task, state: state, log: log, began: time.Now().UTC(), result: Result{Due: p.Due}}
}

// do fetches the page of the source and ingests it.
func (r *run) do(ctx context.Context) {
	by, err := r.sourceProfile()
	if err != nil {
		r.log.Error("page not fetched", "error", err)
		r.result.Problem = err.Error()
		r.state.Failures++
		return
	}
	r.track(by)
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
	r.cache.put(r.Source.ID, cached)
}

// finish returns the result, and leaves the new state in r.state.
func (r *run) finish() Result {
	if r.tracker != nil {
		*r.state = r.tracker.sourceState
	}
	r.result.At = time.Now().UTC()
	r.result.Failures, r.result.Unchanged = r.state.Failures, r.state.Unchanged
	r.log.Debug("polled", "late", r.began.Sub(r.Due), "took", r.result.Took, "problem", r.result.Problem)
	return r.result
}

// sourceProfile is the profile that reads the source.
func (r *run) sourceProfile() (*profile.Profile, error) {
	by := r.profiles[r.Source.Profile]
	if by == nil {
		return nil, fmt.Errorf("the parser that was asked does not have the profile %q", r.Source.Profile)
	}
	_, err := by.CheckURL(r.Source.URL)
	return by, err
}

// track makes the tracker of the source, from its state.
func (r *run) track(by *profile.Profile) {
	r.result.Many = by.ManyMatches()
	r.tracker = r.ingester.Track(by, r.Source.Match)
	r.tracker.id, r.tracker.cause, r.tracker.sourceState = r.Source.ID, r.task, *r.state
	if r.tracker.Activated != r.Activated { // activated again: the site is asked again
		r.tracker.Activated, r.tracker.Forbidden = r.Activated, ""
	}
}

// cachedPage takes the source's page out of the cache, or makes an empty one.
func (r *run) cachedPage() (*cachedPage, error) {
	if cached := r.cache.take(r.Source.ID); cached != nil {
		return cached, nil
	}
	fetcher, err := r.client.Fetcher(r.Source.URL)
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
	trace.From(ctx).Says(fmt.Sprintf("read %s, %d bytes, events: %d", cached.page.URL, len(cached.page.Body), len(events)))
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
		if r.Source.Match != "" {
			match.ID = r.Source.Match
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
	_, staleErr := r.tracker.NoteFailure(ctx, page.Redacted(r.Source.URL), time.Now().UTC(), r.result.Problem)
	r.log.Warn("page not fetched, trying again", "error", errors.Join(err, staleErr), "failures", r.tracker.Failures)
}

// stop marks the matches of a source as stale that its site forbids, at every poll until that is
// done. Then the source is polled no more.
func (r *run) stop(ctx context.Context) {
	reason := r.tracker.Forbidden
	r.result.Problem = reason
	_, done, err := r.tracker.MarkAllStale(ctx, page.Redacted(r.Source.URL), time.Now().UTC(), reason)
	if err != nil {
		r.log.Warn("matches not marked as stale", "error", err)
	}
	if r.result.Unmarked = !done; done {
		r.result.Stop = reason
	}
}
