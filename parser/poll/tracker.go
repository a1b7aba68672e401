package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// A Tracker ingests the pages of one source, one after the other. Only one goroutine can use it at a time.
type Tracker struct {
	ingester *Ingester
	profile  *profile.Profile
	match    string // match ID; "" if the pages contain it
	id       string // differs from the IDs of other trackers of the same site
	cause    string // ID of the message that caused the current poll

	parsed *parsedPage             // the latest page
	status map[string]event.Status // by match ID: status of each ingested match after the latest page
	found  int                     // matches that the latest page was the first to show; 0 for a page of one match
	sourceState

	measured Measured // what Ingest has measured
}

// Ingest reconciles a page of the source with the states of its matches. It returns the events,
// which are saved in the outbox. The events have the TID of ctx. The error names every match that
// was not ingested. The states of these matches did not change. Ingest sets the outcome of the
// trace step in ctx, if there is one.
func (t *Tracker) Ingest(ctx context.Context, p page.Page) ([]event.Event, error) {
	events, err := t.ingest(ctx, p)
	trace.From(ctx).SetOutcome(fmt.Sprintf("read %s, %d bytes, events: %d", p.URL, len(p.Body), len(events)))
	return events, err
}

func (t *Tracker) ingest(ctx context.Context, p page.Page) ([]event.Event, error) {
	began := time.Now()
	t.parsed = parse(ctx, t.profile, p, t.parsed)
	t.measured.Parse += time.Since(began)
	defer func() { t.parsed.document = nil }()
	if err := ctx.Err(); err != nil {
		return nil, err // the page itself may be usable
	}
	t.countUnchanged(t.parsed.hash)
	log := t.log(ctx, p.URL)
	if p.File != "" {
		log = log.With("file", p.File, "at", p.At)
	}
	if err := t.checkSport(p.At); err != nil {
		return t.unusable(ctx, log, p, err)
	}
	t.Failures, t.Usable = 0, p.At
	t.reportProblems(log, p)

	from := t.provenance(ctx, p.URL, p.At)
	from.Modified, from.Evidence.Snapshot = p.Modified(), t.parsed.snapshot
	if t.profile.ManyMatches() {
		from.Superseded = t.recordPage(t.parsed.hash)
	}
	t.status, t.Refused, t.found = map[string]event.Status{}, nil, 0
	began = time.Now()
	var all []event.Event
	var failed []error
	for _, o := range t.parsed.observations {
		events, err := t.ingestMatch(ctx, log, p, o, from)
		if err != nil {
			failed = append(failed, err) // continue with the other matches
		}
		all = append(all, events...)
	}
	if t.found > 0 {
		log.Info("new matches on a page", "matches", len(t.parsed.observations), "new", t.found, "events", len(all))
	}
	t.reportFailed(ctx, log, errors.Join(failed...))
	stale, err := t.markVanished(ctx, p.At, from)
	all = append(all, stale...)
	t.measured.Reconcile += time.Since(began)
	t.measured.Events = append(t.measured.Events, all...)
	return all, errors.Join(append(failed, err)...)
}

// ingestMatch reconciles one match of a page with the saved state of the match.
func (t *Tracker) ingestMatch(
	ctx context.Context, log *slog.Logger, p page.Page, o observation.Observation, from reconcile.Provenance,
) ([]event.Event, error) {
	o.PageID = o.Match.ID
	if t.match != "" {
		o.Match.ID = t.match
	}
	out, err := t.ingester.reconcile(ctx, o, from)
	if err != nil {
		if errors.Is(err, reconcile.ErrOtherMatch) {
			t.recordRefused(o.Match.ID, p.At, err.Error())
		}
		if o.Match.ID != "" {
			err = fmt.Errorf("match %s: %w", o.Match.ID, err)
		}
		return nil, err
	}
	t.recordShown(o.Match.ID, p.At)
	t.status[o.Match.ID] = out.status
	level, text := slog.LevelDebug, "page read"
	switch several := len(t.parsed.observations) > 1; {
	case several && !out.known: // ingest logs the number of these matches
		t.found++
	case len(out.events) > 0 || !out.known:
		level = slog.LevelInfo
	}
	if out.held != nil {
		text = "page ignored for now: it shows an older state of the match than an earlier page"
		if out.held.Polls == 1 { // log only the first of several ignored pages in a row at level info
			level = slog.LevelInfo
		}
	}
	if d := out.doubt; d != nil && d.Leap && d.Polls == 1 && d.Lasted == 0 {
		log.Warn("score ignored until it is confirmed", "match", o.Match.ID+t.ingester.Suffix,
			"problem", fmt.Sprintf("the score rises to %s in one step", d.Score))
	}
	if end := out.end; end != nil && end.Polls == 1 {
		log.Warn("end of the match ignored until it is confirmed", "match", o.Match.ID+t.ingester.Suffix,
			"problem", "the match cannot be over yet, so pages must show the end for minutes")
	}
	log.Log(ctx, level, text, "match", o.Match.ID+t.ingester.Suffix, "status", o.Match.Status,
		"incidents", len(o.Incidents), "events", len(out.events), "problems", t.Problems)
	t.traceEvents(ctx, p, out.events)
	return out.events, nil
}

// checkSport returns the error of the latest page, if the page is unusable. After a page about
// another sport, a page without a period is also unusable, because a final score fits every sport.
func (t *Tracker) checkSport(at time.Time) error {
	err := t.parsed.err
	switch {
	case errors.Is(err, profile.ErrOtherSport):
		t.OtherSport = &otherSport{t.profile.Sport, err.Error(), at}
	case err != nil:
	case slices.ContainsFunc(t.parsed.observations, func(o observation.Observation) bool { return o.ShowsPeriod() }):
		t.OtherSport = nil
	case t.mayBeOtherSport(t.profile.Sport, at):
		err = fmt.Errorf("no period of %s, and an earlier page had the problem: %s", t.profile.Sport.Title(),
			t.OtherSport.Why)
	}
	return err
}

// unusable saves an unusable page for the author of the profile, logs why it is unusable, and
// records a failure.
func (t *Tracker) unusable(ctx context.Context, log *slog.Logger, p page.Page, err error) ([]event.Event, error) {
	if kept := t.keep(p, err.Error()); kept != "" {
		log = log.With("kept", kept)
	}
	level := t.warningLevel(err.Error())
	log.Log(ctx, level, "page unusable, nothing changed", "bytes", len(p.Body), "error", err)
	// People read the reason of the event. The technical reason is in the log, the trace and the state of the source.
	stale, staleErr := t.NoteFailure(ctx, p.URL, p.At, "the page is unusable")
	if len(stale) > 0 && level < slog.LevelWarn { // the warning can be old
		log.Warn("page still unusable", "error", err)
	}
	return stale, errors.Join(err, staleErr)
}

// reportProblems logs the problems of the page and saves the page, unless the page before had the
// same problems.
func (t *Tracker) reportProblems(log *slog.Logger, p page.Page) {
	text := t.parsed.problemText()
	before := t.Problems
	if t.Problems = text; text == "" || text == before {
		return
	}
	t.keep(p, text)
	log.Warn("page has missing values, or values that the profile cannot interpret", "problems", text)
}

// reportFailed logs err, the reason why matches of the page were not ingested.
func (t *Tracker) reportFailed(ctx context.Context, log *slog.Logger, err error) {
	if err == nil {
		t.Warning = ""
		return
	}
	log.Log(ctx, t.warningLevel(err.Error()), "page not ingested, nothing changed", "error", err)
}

// warningLevel returns the level at which to log why a page was not ingested: debug if the reason
// is the same as for the page before, otherwise warn. It records the reason.
func (t *Tracker) warningLevel(why string) slog.Level {
	if why == t.Warning {
		return slog.LevelDebug
	}
	t.Warning = why
	return slog.LevelWarn
}

// keep saves a page that the profile cannot parse completely. It returns the location, or "" if the
// page was not saved.
func (t *Tracker) keep(p page.Page, why string) string {
	if t.ingester.Keep == nil || len(p.Body) == 0 {
		return ""
	}
	kept, err := t.ingester.Keep.Keep(p, t.profile, t.match, why)
	if err != nil {
		t.ingester.Log.Warn("page not saved in the keep folder", "error", err)
	}
	return kept
}

// log returns a logger with the attributes of a poll.
func (t *Tracker) log(ctx context.Context, url string) *slog.Logger {
	return t.ingester.Log.With("tid", event.TIDFrom(ctx), "url", url, "profile", t.profile.Name)
}
