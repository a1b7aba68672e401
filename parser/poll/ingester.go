package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// A Reader takes pages all the way: observation, comparison with the saved
// state, state and events saved. It does not wait for the events to leave.
type Ingester struct {
	Store   *Store
	Saved   func(match string)  // told of each match that owes events; may be nil
	Aliases observation.Aliases // which team names mean the same; may be nil
	Keep    PageKeeper          // keeps pages that a profile does not understand; may be nil
	Archive *page.Archive       // keeps pages that made events; may be nil
	Log     *slog.Logger

	Replay bool   // mark the events as made from a recording
	Suffix string // put behind every match ID, so that a replay touches no live match
}

// A PageKeeper keeps pages that a profile does not understand, for the profile to be fixed by.
type PageKeeper interface {
	// Keep keeps a page and returns where, or "" if it kept none.
	Keep(p page.Page, by *profile.Profile, match, why string) (string, error)
}

// tries bounds how often a page is compared anew because another worker saved
// the match meanwhile.
const tries = 20

// A taking is what became of one observation.
type taking struct {
	events []event.Event
	known  bool            // whether the match was, before
	held   *reconcile.Hold // nil unless the page looks older than one already read
}

// take compares and saves one observation.
func (r *Ingester) take(ctx context.Context, o observation.Observation, reading reconcile.Provenance) (t taking, err error) {
	if o.Match.ID == "" {
		return t, fmt.Errorf("the page gives %s v %s no match ID that can be used: give one as match, in matchwire.yaml or fixture.yaml", o.Match.Home, o.Match.Away)
	}
	o.Match.ID += r.Suffix
	t.events, t.known, err = r.change(ctx, o.Match.ID, func(s reconcile.State) (reconcile.State, []event.Event, error) {
		next, events, err := reconcile.Match(s, o, reading)
		t.held = next.Views[reading.Source].Hold
		return next, events, err
	})
	return t, err
}

// quiet says of a match that its source brings nothing usable any more, and
// reports whether that is settled: said, or needless.
func (r *Ingester) quiet(ctx context.Context, match string, reading reconcile.Provenance, reason string) ([]event.Event, bool, error) {
	settled := false
	events, _, err := r.change(ctx, match+r.Suffix, func(s reconcile.State) (reconcile.State, []event.Event, error) {
		next, events, err := reconcile.MarkStale(s, reading, reason)
		settled = err == nil && (next.Match.Stale != nil || !s.Known() || s.Match.Status.Rank() > event.Live.Rank())
		return next, events, err
	})
	return events, settled, err
}

// change loads a match's state, lets f change it, and saves it with the events
// that say the change; anew if another worker was faster. Where nothing
// changes, nothing is written.
func (r *Ingester) change(ctx context.Context, match string, f func(reconcile.State) (reconcile.State, []event.Event, error)) (events []event.Event, known bool, err error) {
	if err := event.CheckMatchID(match); err != nil {
		return nil, false, err
	}
	for range tries {
		state, version, err := r.Store.Load(ctx, match)
		if err != nil {
			return nil, false, err
		}
		known = version > 0
		next, events, err := f(state)
		if err != nil {
			return nil, known, err
		}
		if len(events) == 0 && (known || !next.Known()) && reflect.DeepEqual(next, state) {
			return nil, known, nil
		}
		owed := make([]broker.Message, len(events))
		for i, e := range events {
			if owed[i], err = broker.NewMessage(e); err != nil {
				return nil, known, err
			}
		}
		err = r.Store.Save(ctx, next, version, owed)
		switch {
		case err == nil:
			return events, known, nil
		case !errors.Is(err, ErrConflict):
			return nil, known, err
		}
	}
	return nil, true, fmt.Errorf("%w, %d times in a row", ErrConflict, tries)
}

// tell says that a match owes events.
func (r *Ingester) tell(match string, events []event.Event) {
	if len(events) > 0 && r.Saved != nil {
		r.Saved(match + r.Suffix)
	}
}
