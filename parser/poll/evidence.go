package poll

import (
	"context"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// provenance is where the events of a page come from.
func (t *Tracker) provenance(ctx context.Context, url string, at time.Time) reconcile.Provenance {
	return reconcile.Provenance{
		TID: event.TIDFrom(ctx), CausationID: t.cause,
		Source: "/parser/" + t.profile.Name, Watcher: t.id, At: at,
		Aliases: t.ingester.Aliases, Replay: t.ingester.Replay,
		Evidence: event.Evidence{URL: url},
	}
}

// traceEvents records in the trace which events a page made, with the rows that are their evidence,
// and puts the page into the archive.
func (t *Tracker) traceEvents(ctx context.Context, p page.Page, events []event.Event) {
	if len(events) == 0 {
		return
	}
	if t.ingester.Archive != nil && len(p.Body) > 0 {
		if err := t.ingester.Archive.Keep(p, t.parsed.snapshot); err != nil {
			t.ingester.Log.Warn("page not archived", "error", err)
		}
	}
	step := trace.From(ctx)
	if step == nil {
		return
	}
	document := t.document(ctx, p)
	for _, e := range events {
		var why *trace.Evidence
		if from := e.Data.Evidence; from != nil {
			why = &trace.Evidence{Evidence: *from}
			if document != nil {
				why.Row = document.Quote(ctx, from.Path)
			}
		}
		step.Created(traced(e), why, traceOutcome(e))
	}
	step.Keep()
}

// traceStale records in the trace that matches became stale. No page is evidence of that.
func (t *Tracker) traceStale(ctx context.Context, events []event.Event) {
	step := trace.From(ctx)
	if len(events) == 0 || step == nil {
		return
	}
	for _, e := range events {
		var why *trace.Evidence
		if from := e.Data.Evidence; from != nil {
			why = &trace.Evidence{Evidence: *from}
		}
		step.Created(traced(e), why, traceOutcome(e))
	}
	step.Keep()
}

// document is the parsed document of the latest page. A page that makes events only when it comes
// again is parsed again for it; nil if that fails.
func (t *Tracker) document(ctx context.Context, p page.Page) *profile.Document {
	if t.parsed.document == nil {
		t.parsed.document, _ = t.profile.Parse(ctx, p)
	}
	return t.parsed.document
}

// traced is an event as a trace names it.
func traced(e event.Event) broker.Message {
	return broker.Message{TID: e.TID, ID: e.ID, Key: e.Type, Match: e.Subject}
}

// traceOutcome is what a trace says of an event besides its name.
func traceOutcome(e event.Event) string {
	if e.Data.Backfill {
		return "backfill"
	}
	return e.Data.Reason
}
