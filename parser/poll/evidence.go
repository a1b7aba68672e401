package poll

import (
	"context"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// provenance returns the provenance of a page that was fetched at the given time.
func (t *Tracker) provenance(ctx context.Context, url string, at time.Time) reconcile.Provenance {
	return reconcile.Provenance{
		TID: event.TIDFrom(ctx), CausationID: t.cause,
		Site: "/parser/" + t.profile.Name, Tracker: t.id, At: at,
		Aliases: t.ingester.Aliases, Replay: t.ingester.Replay,
		Evidence: event.Evidence{URL: url},
	}
}

// traceEvents adds the events of a page to the trace, each with the row that is its evidence. If
// there are events, it also archives the page.
func (t *Tracker) traceEvents(ctx context.Context, p page.Page, events []event.Event) {
	if len(events) == 0 {
		return
	}
	if t.ingester.Archive != nil && len(p.Body) > 0 {
		if err := t.ingester.Archive.Add(p, t.parsed.snapshot); err != nil {
			t.ingester.Log.Warn("page not archived", "error", err)
		}
	}
	document := sync.OnceValue(func() *profile.Document { return t.document(ctx, p) })
	traceCreated(ctx, events, func(path string) string {
		if d := document(); d != nil {
			return d.Quote(ctx, path)
		}
		return ""
	})
}

// traceStale adds events about stale matches to the trace. These events have no row as evidence.
func (t *Tracker) traceStale(ctx context.Context, events []event.Event) {
	traceCreated(ctx, events, func(string) string { return "" })
}

// traceCreated adds events to the trace. row returns the text of the row at a path in the page.
func traceCreated(ctx context.Context, events []event.Event, row func(path string) string) {
	step := trace.From(ctx)
	if len(events) == 0 || step == nil {
		return
	}
	for _, e := range events {
		var evidence *trace.Evidence
		if from := e.Data.Evidence; from != nil {
			evidence = &trace.Evidence{Evidence: *from, Row: row(from.Path)}
		}
		outcome := e.Data.Reason
		if e.Data.Backfill {
			outcome = "backfill"
		}
		step.Created(broker.Message{TID: e.TID, ID: e.ID, Key: e.Type, Match: e.Subject}, evidence, outcome)
	}
	step.Keep()
}

// document returns the document of the latest page, or nil if it cannot be parsed. The document is
// not stored between polls. So if an unchanged page produces events, the page is parsed again.
func (t *Tracker) document(ctx context.Context, p page.Page) *profile.Document {
	if t.parsed.document == nil {
		t.parsed.document, _ = t.profile.Parse(ctx, p)
	}
	return t.parsed.document
}
