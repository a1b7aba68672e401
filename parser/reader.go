package parser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/matchwire/matchwire/event"
)

// A Reader takes pages all the way: observation, comparison with the saved
// state, state and events saved. It does not wait for the events to leave.
type Reader struct {
	Store   *Store
	Saved   func(match string) // told of each match that owes events; may be nil
	Aliases Aliases            // which team names mean the same; may be nil
	Keep    *Keeper            // keeps pages that a profile does not understand; may be nil
	Archive *Archive           // keeps pages that made events; may be nil
	Log     *slog.Logger

	Replay bool   // mark the events as made from a recording
	Suffix string // put behind every match ID, so that a replay touches no live match
}

// tries bounds how often a page is compared anew because another worker saved
// the match meanwhile.
const tries = 20

// A taking is what became of one observation.
type taking struct {
	events []event.Event
	known  bool  // whether the match was, before
	held   *Hold // nil unless the page looks older than one already read
}

// take compares and saves one observation.
func (r *Reader) take(ctx context.Context, o Observation, reading Reading) (t taking, err error) {
	if o.Match.ID == "" {
		return t, fmt.Errorf("the page gives %s v %s no match ID that can be used: give one as match, in matchwire.yaml or fixture.yaml", o.Match.Home, o.Match.Away)
	}
	o.Match.ID += r.Suffix
	t.events, t.known, err = r.change(ctx, o.Match.ID, func(s State) (State, []event.Event, error) {
		next, events, err := Reconcile(s, o, reading)
		t.held = next.Views[reading.Source].Hold
		return next, events, err
	})
	return t, err
}

// quiet says of a match that its source brings nothing usable any more, and
// reports whether that is settled: said, or needless.
func (r *Reader) quiet(ctx context.Context, match string, reading Reading, reason string) ([]event.Event, bool, error) {
	settled := false
	events, _, err := r.change(ctx, match+r.Suffix, func(s State) (State, []event.Event, error) {
		next, events, err := GoneQuiet(s, reading, reason)
		settled = err == nil && (next.Match.Stale != nil || !s.seen() || rank(s.Match.Status) > rank(event.Live))
		return next, events, err
	})
	return events, settled, err
}

// change loads a match's state, lets f change it, and saves it with the events
// that say the change; anew if another worker was faster. Where nothing
// changes, nothing is written.
func (r *Reader) change(ctx context.Context, match string, f func(State) (State, []event.Event, error)) (events []event.Event, known bool, err error) {
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
		if len(events) == 0 && (known || !next.seen()) && reflect.DeepEqual(next, state) {
			return nil, known, nil
		}
		owed := make([]event.Message, len(events))
		for i, e := range events {
			if owed[i], err = e.Encode(); err != nil {
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
func (r *Reader) tell(match string, events []event.Event) {
	if len(events) > 0 && r.Saved != nil {
		r.Saved(match + r.Suffix)
	}
}
