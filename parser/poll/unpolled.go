package poll

import (
	"context"
	"errors"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// MarkUnpolled marks the matches of a source as stale because no process polls its page. matches are
// the IDs of the matches that the page shows. cause is the ID of the event that activated the
// source. Readers of the live page see the reason. A match
// that another source shows, or that is over, stays unchanged. The next usable page makes the
// matches fresh again. MarkUnpolled saves the events in the outbox and returns them.
func (in *Ingester) MarkUnpolled(
	ctx context.Context, source event.Source, matches []string, cause, reason string,
) ([]event.Event, error) {
	from := reconcile.Provenance{
		TID: event.TIDFrom(ctx), CausationID: cause, Site: "/parser/" + source.Profile, Tracker: "unpolled",
		At: time.Now().UTC(), Evidence: event.Evidence{URL: page.Redacted(source.URL)}, Aliases: in.Aliases,
	}
	var all []event.Event
	var failed []error
	for _, match := range matches {
		events, _, err := in.markStale(ctx, match, from, reason)
		all, failed = append(all, events...), append(failed, err)
	}
	return all, errors.Join(failed...)
}
