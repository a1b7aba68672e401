package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// A Tracker follows one source from page to page, and knows how the source is doing. It is for one
// goroutine.
type Tracker struct {
	ingester *Ingester
	profile  *profile.Profile
	match    string // ID of the match if the pages do not give it
	id       string // tells this tracker from others of the same source
	cause    string // ID of the message that caused the current poll

	parsed *parsedPage // the latest
	sourceState
}

// Ingest takes a page of the source into the states of its matches, and returns the events it
// made, already saved. Their TID is that of ctx. The error names every match of the page
// that was not ingested; the states of those did not change.
func (t *Tracker) Ingest(ctx context.Context, p page.Page) ([]event.Event, error) {
	t.parsed = parse(ctx, t.profile, p, t.parsed)
	defer func() { t.parsed.document = nil }()
	if err := ctx.Err(); err != nil {
		return nil, err // that says nothing of the page
	}
	t.countUnchanged(t.parsed.hash)
	log := t.log(ctx, p.URL)
	if t.parsed.err != nil {
		return t.unusable(ctx, log, p)
	}
	t.Failures, t.Usable = 0, p.At
	t.reportProblems(log, p)

	from := t.provenance(ctx, p.URL, p.At)
	from.Modified, from.Evidence.Snapshot = p.Modified(), t.parsed.snapshot
	if t.profile.ManyMatches() {
		from.Superseded = t.notePage(t.parsed.hash)
	}
	var all []event.Event
	var failed []error
	for _, o := range t.parsed.observations {
		events, err := t.ingestMatch(ctx, log, p, o, from)
		if err != nil {
			failed = append(failed, err) // another match of the page may be good
		}
		all = append(all, events...)
	}
	t.reportFailed(ctx, log, errors.Join(failed...))
	stale, err := t.markVanished(ctx, p.At, from)
	return append(all, stale...), errors.Join(append(failed, err)...)
}

// ingestMatch takes one match of a page into its state.
func (t *Tracker) ingestMatch(ctx context.Context, log *slog.Logger, p page.Page, o observation.Observation, from reconcile.Provenance) ([]event.Event, error) {
	o.PageID = o.Match.ID
	if t.match != "" {
		o.Match.ID = t.match
	}
	out, err := t.ingester.reconcile(ctx, o, from)
	if err != nil {
		if o.Match.ID != "" {
			err = fmt.Errorf("match %s: %w", o.Match.ID, err)
		}
		return nil, err
	}
	t.shows(o.Match.ID, p.At)
	level, text := slog.LevelDebug, "page read"
	if len(out.events) > 0 || !out.known {
		level = slog.LevelInfo
	}
	if out.held != nil {
		text = "page held: it looks older than one already read"
		if out.held.Polls == 1 { // logged once for all that follow
			level = slog.LevelInfo
		}
	}
	log.Log(ctx, level, text, "match", o.Match.ID+t.ingester.Suffix, "status", o.Match.Status,
		"incidents", len(o.Incidents), "events", len(out.events), "problems", t.Problems)
	t.traceEvents(ctx, p, out.events)
	return out.events, nil
}

// unusable reports a page that cannot be used at all.
func (t *Tracker) unusable(ctx context.Context, log *slog.Logger, p page.Page) ([]event.Event, error) {
	err := t.parsed.err
	if kept := t.keep(p, err.Error()); kept != "" {
		log = log.With("kept", kept)
	}
	log.Log(ctx, t.warningLevel(err.Error()), "page unusable, nothing changed", "bytes", len(p.Body), "error", err)
	stale, staleErr := t.NoteFailure(ctx, p.URL, p.At, "the page is unusable: "+err.Error())
	return stale, errors.Join(err, staleErr)
}

// reportProblems logs what the page lacks, and keeps the page, if that is new.
func (t *Tracker) reportProblems(log *slog.Logger, p page.Page) {
	text := t.parsed.problemText()
	before := t.Problems
	if t.Problems = text; text == "" || text == before {
		return
	}
	t.keep(p, text)
	log.Warn("page lacks something, or has what the profile does not know", "problems", text)
}

// reportFailed logs why matches of the page were not ingested.
func (t *Tracker) reportFailed(ctx context.Context, log *slog.Logger, err error) {
	if err == nil {
		t.Warning = ""
		return
	}
	log.Log(ctx, t.warningLevel(err.Error()), "page not ingested, nothing changed", "error", err)
}

// warningLevel is the level at which to log why a page could not be used: low if the page before it
// had the same fault.
func (t *Tracker) warningLevel(why string) slog.Level {
	if why == t.Warning {
		return slog.LevelDebug
	}
	t.Warning = why
	return slog.LevelWarn
}

// keep keeps a page that the profile does not understand, and returns where; "" if nowhere.
func (t *Tracker) keep(p page.Page, why string) string {
	if t.ingester.Keep == nil || len(p.Body) == 0 {
		return ""
	}
	kept, err := t.ingester.Keep.Keep(p, t.profile, t.match, why)
	if err != nil {
		t.ingester.Log.Warn("page not kept", "error", err)
	}
	return kept
}

func (t *Tracker) log(ctx context.Context, url string) *slog.Logger {
	return t.ingester.Log.With("tid", event.TIDFrom(ctx), "url", url, "profile", t.profile.Name)
}
