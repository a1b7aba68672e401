package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// A run is the execution of one poll.
type run struct {
	worker   *Worker
	poll     Poll
	task     string   // ID of the task
	tracker  *Tracker // tracker of the page; set by track
	request  *page.Request
	url      string // URL of the page, with dates instead of placeholders
	cacheKey string // key of the page in the cache
	log      *slog.Logger
	began    time.Time
	result   Result // completed by do
	measured Measured

	timedOut bool // whether the page could not be ingested in time
}

func newRun(w *Worker, task string, p Poll, log *slog.Logger) *run {
	return &run{worker: w, poll: p, task: task, log: log, began: w.now().UTC(), result: Result{Due: p.Due}}
}

// do runs the poll. state is the state of the source before the poll. do returns the state after
// the poll, and the result.
func (r *run) do(ctx context.Context, state sourceState) (sourceState, Result) {
	prof, err := r.sourceProfile()
	if err == nil {
		err = r.setRequest()
	}
	switch {
	case err != nil:
		r.log.Error("page not fetched", "error", err)
		r.result.Problem = err.Error()
		state.Failures++
	case dated(r.poll.Source, r.request):
		state = r.pollDays(ctx, prof, state)
	default:
		state = r.pollPage(ctx, prof, state, time.Time{})
	}
	r.result.At = time.Now().UTC()
	r.result.Failures = state.Failures
	r.measured.Began = r.began
	r.result.Measured = r.measured
	r.log.Debug("polled", "late", r.began.Sub(r.poll.Due), "took", r.result.Took, "problem", r.result.Problem)
	return state, r.result
}

// setRequest sets r.request to the request settings that the source names, or to empty settings if
// it names none. setRequest returns an error if the worker does not have the named settings.
func (r *run) setRequest() error {
	name := r.poll.Source.Request
	if r.request = r.worker.Requests[name]; r.request == nil && name != "" {
		return fmt.Errorf("the parser's config does not have the request settings %q, which the source names", name)
	}
	if r.request == nil {
		r.request = &page.Request{}
	}
	return nil
}

// pollPage polls the page of a day, or the only page of the source if day is the zero time. It
// returns the new state of the page, and sets the result.
func (r *run) pollPage(ctx context.Context, prof *profile.Profile, state sourceState, day time.Time) sourceState {
	r.result = Result{Due: r.poll.Due}
	r.url, r.cacheKey = r.poll.Source.URL, r.poll.Source.ID
	if !day.IsZero() {
		r.url, r.cacheKey = ExpandDates(r.url, day), r.cacheKey+" "+day.Format(time.DateOnly)
	}
	r.track(prof, state)
	r.fetchAndIngest(ctx, day)
	r.measured.add(r.tracker.measured)
	r.result.Unchanged = r.tracker.Unchanged
	return r.tracker.sourceState
}

// fetchAndIngest fetches the page and ingests it. If the site forbids the page, fetchAndIngest calls
// stop instead.
func (r *run) fetchAndIngest(ctx context.Context, day time.Time) {
	if r.tracker.Forbidden != "" {
		r.stop(ctx)
		return
	}
	cached, err := r.cachedPage(day)
	if err != nil {
		r.fetchFailed(ctx, err)
		return
	}
	err = r.fetch(ctx, cached)
	var refused *page.RefusedError
	var busy *page.BusyError
	switch {
	case err == nil:
		r.ingest(ctx, cached)
	case errors.As(err, &busy):
		r.log.Info("page not fetched: too many requests wait for the host", "wait", busy.Wait)
		r.result.Busy, r.result.Problem = true, busy.Error()
	case errors.As(err, &refused) && refused.Forbidden():
		r.log.Error("the site forbids the page: source stopped", "error", err)
		r.tracker.Forbidden = refused.Error()
		r.stop(ctx)
		return // and do not put the page into the cache
	default:
		r.fetchFailed(ctx, err)
	}
	r.worker.cache.put(r.cacheKey, cached)
}

// sourceProfile returns the profile of the source. It returns an error if the worker does not have
// the profile, or if the profile does not allow the URL.
func (r *run) sourceProfile() (*profile.Profile, error) {
	prof := r.worker.profiles[r.poll.Source.Profile]
	if prof == nil {
		return nil, fmt.Errorf("the parser does not have the profile %q", r.poll.Source.Profile)
	}
	_, err := prof.CheckURL(r.poll.Source.URL)
	return prof, err
}

// track sets r.tracker to a tracker of the source with the given state.
func (r *run) track(prof *profile.Profile, state sourceState) {
	r.result.Many = prof.ManyMatches()
	r.tracker = r.worker.ingester.Track(prof, r.poll.Source.Match)
	r.tracker.id, r.tracker.cause, r.tracker.sourceState = r.poll.Source.ID, r.task, state
	if r.tracker.Activated != r.poll.Activated { // the source was activated again, so request the page again
		r.tracker.Activated, r.tracker.Forbidden = r.poll.Activated, ""
	}
}

// cachedPage removes the page from the cache and returns it. If the cache does not contain the
// page, cachedPage returns a new fetcher without a page.
func (r *run) cachedPage(day time.Time) (*cachedPage, error) {
	if cached := r.worker.cache.get(r.cacheKey); cached != nil {
		return cached, nil
	}
	fetcher, err := r.worker.client.RequestFetcher(r.url, onDay(r.request, day))
	if err != nil {
		return nil, err
	}
	return &cachedPage{fetcher: fetcher, parsed: &parsedPage{}}, nil
}

// fetch updates the cached page. If the page has not changed, fetch updates only the time.
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
		r.measured.Bytes += len(fetched.Body)
	}
	return nil
}

// ingest ingests the page that was fetched.
func (r *run) ingest(ctx context.Context, cached *cachedPage) {
	weight := pageWeight(cached.page)
	if err := r.worker.pages.Acquire(ctx, weight); err != nil {
		r.result.Problem = "the poll timed out while it waited for other pages to be parsed"
		cached.fetcher.Forget()
		return
	}
	defer r.worker.pages.Release(weight)
	r.tracker.parsed = cached.parsed
	events, err := r.tracker.Ingest(ctx, cached.page) // logs the error
	cached.parsed = r.tracker.parsed
	r.setPageResult(cached, events)
	if err != nil {
		r.timedOut = errors.Is(err, context.DeadlineExceeded)
		r.result.Problem = err.Error()
		if errors.As(err, new(net.Error)) { // err contains the address of Redis
			r.result.Problem = "the events of the page could not be saved"
		}
		cached.fetcher.Forget()
	}
}

// setPageResult sets the fields of the result that depend on the page. result.Matches also includes
// the matches that could not be ingested.
func (r *run) setPageResult(cached *cachedPage, events []event.Event) {
	if cached.parsed.err != nil {
		return
	}
	r.result.Fresh = cached.page.MaxAge()
	if r.tracker.Day != "" {
		r.tracker.recordPlaying(cached.parsed.observations, r.poll.Source, cached.page.At)
	}
	for _, o := range cached.parsed.observations {
		match := o.Match
		if r.poll.Source.Match != "" {
			match.ID = r.poll.Source.Match
		}
		// Prefer the status of the ingested match. The page may show a wrong status, such as the
		// end of a match that has just begun.
		match.Status = cmp.Or(r.tracker.status[match.ID], match.Status)
		r.result.Matches = append(r.result.Matches, match)
	}
	for _, e := range events {
		scores := e.Data.Sport.Scores(e.Data.Kind) && !e.Data.Sport.Misses(e.Data.Kind, e.Data.Detail)
		if !e.Data.Backfill && (e.Data.Kind == event.ScoreChange || scores) {
			r.result.Scored = true
		}
	}
}

// fetchFailed records that the page could not be fetched.
func (r *run) fetchFailed(ctx context.Context, err error) {
	var refused *page.RefusedError
	if errors.As(err, &refused) {
		r.result.Wait = refused.Wait
	}
	r.result.Problem = page.PublicReason(err)
	_, staleErr := r.tracker.NoteFailure(ctx, page.Redacted(r.url), time.Now().UTC(), r.result.Problem)
	r.log.Warn("page not fetched, will retry", "error", errors.Join(err, staleErr), "failures", r.tracker.Failures)
}

// stop marks the matches of the source as stale, because the site forbids the page. When all
// matches are marked, stop sets result.Stop. Until then, each poll of the source calls stop again,
// but sends no request to the site.
func (r *run) stop(ctx context.Context) {
	reason := r.tracker.Forbidden
	r.result.Problem = reason
	_, done, err := r.tracker.MarkAllStale(ctx, page.Redacted(r.url), time.Now().UTC(), reason)
	if err != nil {
		r.log.Warn("matches not marked as stale", "error", err)
	}
	if r.result.Unmarked = !done; done {
		r.result.Stop = reason
	}
}
