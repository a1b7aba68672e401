package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// An Ingester reconciles pages with the saved states of their matches. It saves each new state and
// its events in one write. The outbox publishes the events later. Goroutines can share an Ingester.
// Do not change its fields while it is in use.
type Ingester struct {
	Store   *Store
	Nudge   func(match string)  // called after events of a match are saved; may be nil; see outbox.Relay.Nudge
	Aliases observation.Aliases // aliases of team names; may be nil
	Keep    PageKeeper          // saves pages that a profile cannot parse completely; may be nil
	Archive *page.Archive       // saves pages that produced events; may be nil
	Log     *slog.Logger

	Replay bool   // whether the pages come from a recording; the events are then marked as replayed
	Suffix string // appended to every match ID, so that a replay does not change live matches

	// Live means that the events have the current time instead of the times of their pages. A recording that is
	// handled like live pages can then have any speed.
	Live bool
	// Shift is added to the kick-off times that pages show.
	Shift time.Duration
}

// A PageKeeper saves pages that a profile cannot parse completely, so that you can fix the profile.
type PageKeeper interface {
	// Keep saves a page and returns its location, or "" if it did not save the page. why describes
	// the problem.
	Keep(p page.Page, prof *profile.Profile, match, why string) (string, error)
}

// Track returns a tracker for a source with the profile p. match is the match ID, or "" if the pages
// contain it.
func (in *Ingester) Track(p *profile.Profile, match string) *Tracker {
	return &Tracker{ingester: in, profile: p, match: match, id: uuid.NewString()[:8], parsed: &parsedPage{}}
}

// An outcome is the result of reconciling one observation.
type outcome struct {
	events []event.Event
	known  bool             // whether the match had a saved state before
	status event.Status     // status of the match after the page
	held   *reconcile.Hold  // nil unless the page appears older than an earlier page
	doubt  *reconcile.Doubt // nil unless the score of the page is in doubt
	end    *reconcile.Hold  // nil unless the page shows the end of the match too early
}

// reconcile reconciles an observation with the saved state of its match, and saves the new state
// and the events.
func (in *Ingester) reconcile(
	ctx context.Context, o observation.Observation, from reconcile.Provenance,
) (out outcome, err error) {
	if o.Match.ID == "" {
		return out, fmt.Errorf("the page has no valid match ID for %s v %s: set match in matchwire.yaml or fixture.yaml",
			o.Match.Home, o.Match.Away)
	}
	o.Match.ID += in.Suffix
	if !o.Match.Start.IsZero() {
		o.Match.Start = o.Match.Start.Add(in.Shift)
	}
	change := func(s reconcile.State) (reconcile.State, []event.Event, error) {
		next, events, err := reconcile.Match(s, o, from)
		view := next.Views[from.Site]
		out.held, out.doubt, out.end, out.status = view.Hold, view.Doubt, view.End, next.Match.Status
		return next, events, err
	}
	out.events, out.known, err = in.update(ctx, o.Match.ID, change)
	return out, err
}

// markStale marks a match as stale. If err is nil, done is true if the match is marked or need not
// be marked, and false while another source has usable pages of the match.
func (in *Ingester) markStale(
	ctx context.Context, match string, from reconcile.Provenance, reason string,
) (events []event.Event, done bool, err error) {
	events, _, err = in.update(ctx, match+in.Suffix, func(s reconcile.State) (reconcile.State, []event.Event, error) {
		next, events, err := reconcile.MarkStale(s, from, reason)
		done = err == nil && (next.Match.Stale != nil || !s.Known() || s.Match.Status.Rank() > event.Live.Rank())
		return next, events, err
	})
	return events, done, err
}

// maxAttempts is the maximum number of attempts of update to save a state. An attempt fails if
// another worker saves the state at the same time.
const maxAttempts = 20

// update loads the state of a match, calls change with it, and saves the state and events that
// change returns. If another worker saved the state meanwhile, update tries again, at most
// maxAttempts times in total. If nothing changed, it writes nothing. After it has saved events, it
// calls in.Nudge. known reports whether the match had a saved state before.
func (in *Ingester) update(
	ctx context.Context, match string, change func(reconcile.State) (reconcile.State, []event.Event, error),
) (events []event.Event, known bool, err error) {
	if err := event.CheckMatchID(match); err != nil {
		return nil, false, err
	}
	for range maxAttempts {
		state, version, err := in.Store.Load(ctx, match)
		if err != nil {
			return nil, false, err
		}
		known = version > 0
		next, events, err := change(state)
		if err != nil {
			return nil, known, err
		}
		if len(events) == 0 && (known || !next.Known()) && reflect.DeepEqual(next, state) {
			return nil, known, nil
		}
		if in.Live {
			setTime(&state, &next, events, time.Now().UTC())
		}
		messages, err := encode(events)
		if err != nil {
			return nil, known, err
		}
		if !in.Replay {
			if err := in.Store.markUpcoming(ctx, next.Match); err != nil {
				return nil, known, err
			}
		}
		err = in.Store.Save(ctx, next, version, messages)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return nil, known, err
		}
		if len(events) > 0 && in.Nudge != nil {
			in.Nudge(match)
		}
		return events, known, nil
	}
	return nil, true, fmt.Errorf("%w, %d times in a row", ErrConflict, maxAttempts)
}

// setTime replaces the time of the page in events, and in next if the match is now stale. known is the state
// before the page.
func setTime(known, next *reconcile.State, events []event.Event, now time.Time) {
	for i := range events {
		events[i].Time = now
	}
	if stale := next.Match.Stale; stale != nil && known.Match.Stale == nil {
		stale.Since = now // the events have the same pointer
	}
}

func encode(events []event.Event) ([]broker.Message, error) {
	messages := make([]broker.Message, len(events))
	for i, e := range events {
		var err error
		if messages[i], err = broker.NewMessage(e); err != nil {
			return nil, err
		}
	}
	return messages, nil
}
