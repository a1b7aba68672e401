package poll

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// NoteFailure records a poll without a usable page. The source is stale after at least
// [reconcile.StalePolls] such polls in a row, over at least [reconcile.StaleAfter]. NoteFailure then
// marks the matches of the source as stale, except matches that are over.
func (t *Tracker) NoteFailure(ctx context.Context, url string, at time.Time, reason string) ([]event.Event, error) {
	if t.Usable.IsZero() {
		t.Usable = at
	}
	if t.Failures++; t.Failures < reconcile.StalePolls || at.Sub(t.Usable) < reconcile.StaleAfter {
		return nil, nil
	}
	events, _, err := t.MarkAllStale(ctx, url, at, reason)
	return events, err
}

// MarkAllStale marks the matches of the source as stale, except matches that are over. done is
// false if a match is not marked because another source has usable pages of the match, or if
// marking failed. In both cases, call MarkAllStale again later.
func (t *Tracker) MarkAllStale(
	ctx context.Context, url string, at time.Time, reason string,
) (events []event.Event, done bool, err error) {
	matches := slices.Sorted(maps.Keys(t.Shown))
	if t.match != "" {
		matches = []string{t.match} // even if no page showed the match
	}
	events, err = t.markStale(ctx, matches, t.provenance(ctx, url, at), reason)
	open := func(match string) bool { return !t.Stale[match] }
	return events, err == nil && !slices.ContainsFunc(matches, open), err
}

const (
	// vanishedAfter is the time after which a match that is missing from a list becomes stale.
	// Sites sometimes remove a match and list it again.
	vanishedAfter = 5 * time.Minute
	// forgottenAfter is how long a match that no page shows stays in the state of its source. It is
	// also how long a page about another sport counts, see mayBeOtherSport.
	forgottenAfter = 24 * time.Hour
)

// markVanished marks as stale each match that no page has shown for vanishedAfter. If the latest
// page showed another match instead, the reason says so. After forgottenAfter, markVanished removes
// the match from the state of the source.
func (t *Tracker) markVanished(ctx context.Context, at time.Time, from reconcile.Provenance) ([]event.Event, error) {
	var vanished []string
	for match, shown := range t.Shown {
		switch away := at.Sub(shown); {
		case away > forgottenAfter:
			delete(t.Shown, match)
			delete(t.Stale, match)
		case away >= vanishedAfter:
			vanished = append(vanished, match)
		}
	}
	slices.Sort(vanished)
	var all []event.Event
	for _, match := range vanished {
		reason := cmp.Or(t.Refused[match], "the page no longer lists the match")
		events, err := t.markStale(ctx, []string{match}, from, reason)
		all = append(all, events...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// markStale marks matches as stale, except matches that are already done, see recordStale.
func (t *Tracker) markStale(
	ctx context.Context, matches []string, from reconcile.Provenance, reason string,
) ([]event.Event, error) {
	var all []event.Event
	for _, match := range matches {
		if t.Stale[match] {
			continue
		}
		events, done, err := t.ingester.markStale(ctx, match, from, reason)
		if err != nil {
			return all, err
		}
		t.recordStale(match, done)
		if len(events) > 0 {
			t.log(ctx, from.Evidence.URL).Warn("match is stale", "match", match+t.ingester.Suffix, "reason", reason)
		}
		t.traceStale(ctx, events)
		all = append(all, events...)
	}
	return all, nil
}
