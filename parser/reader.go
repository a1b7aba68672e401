package parser

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"

	"github.com/matchwire/matchwire/event"
)

// A Reader walks a page all the way: observation, comparison with the saved
// state, state and events saved. It does not wait for the events to leave.
type Reader struct {
	Store *Store
	Saved func(match string) // told of each match that owes events; may be nil
	Log   *slog.Logger

	Replay bool   // mark the events as made from a recording
	Suffix string // put behind every match ID, so that a replay touches no live match

	said sync.Map // page URL: its problems when they were last logged
}

// tries bounds how often a page is compared anew because another worker saved
// the match meanwhile.
const tries = 20

// Read reads a page and returns the events it made, which are saved by then.
// match names the match where the caller knows it; "" leaves it to the page.
// The TID is that of ctx. An error names every match of the page that was not
// taken over, and those are not changed.
func (r *Reader) Read(ctx context.Context, p *Profile, page Page, match string) ([]event.Event, error) {
	tid := event.TIDFrom(ctx)
	log := r.Log.With("tid", tid, "url", page.URL, "profile", p.Name)
	observations, problems, err := p.Extract(page)
	if err != nil {
		log.Warn("page unusable, nothing changed", "bytes", len(page.Body), "error", err)
		return nil, err
	}
	sum := sha256.Sum256(page.Body)
	reading := Reading{
		TID: tid, Source: "/parser/" + p.Name, At: page.At, Modified: page.Modified, Replay: r.Replay,
		Evidence: event.Evidence{URL: page.URL, Snapshot: "sha256:" + hex.EncodeToString(sum[:])},
	}
	var all []event.Event
	var refused []error
	for _, o := range observations {
		if match != "" {
			o.Match.ID = match
		}
		events, known, err := r.take(ctx, o, reading)
		if err != nil {
			log.Warn("page not taken over, nothing changed", "match", o.Match.ID, "error", err)
			refused = append(refused, err)
			continue // another match of the page may be good
		}
		text := problemText(problems)
		was, _ := r.said.Swap(page.URL, text)
		level := slog.LevelDebug
		if len(events) > 0 || !known || text != "" && was != text {
			level = slog.LevelInfo
		}
		log.Log(ctx, level, "page read", "match", o.Match.ID+r.Suffix, "status", o.Match.Status,
			"incidents", len(o.Incidents), "events", len(events), "problems", text)
		all = append(all, events...)
	}
	return all, errors.Join(refused...)
}

// take compares and saves one observation, and reports whether the match was
// known before.
func (r *Reader) take(ctx context.Context, o Observation, reading Reading) ([]event.Event, bool, error) {
	if o.Match.ID == "" {
		return nil, false, fmt.Errorf("the page gives %s v %s no match ID, and nobody else does", o.Match.Home, o.Match.Away)
	}
	o.Match.ID += r.Suffix
	return r.reconcile(ctx, o, reading)
}

// problemText says what the page lacked, in bounds.
func problemText(problems []Problem) string {
	const most = 3
	var text []string
	for _, p := range problems[:min(most, len(problems))] {
		text = append(text, p.String())
	}
	if more := len(problems) - most; more > 0 {
		text = append(text, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(text, "; ")
}

// reconcile compares and saves, anew if another worker was faster.
func (r *Reader) reconcile(ctx context.Context, o Observation, reading Reading) ([]event.Event, bool, error) {
	if err := event.CheckMatchID(o.Match.ID); err != nil {
		return nil, false, err
	}
	for range tries {
		state, version, err := r.Store.Load(ctx, o.Match.ID)
		if err != nil {
			return nil, false, err
		}
		known := version > 0
		next, events, err := Reconcile(state, o, reading)
		if err != nil {
			return nil, known, err
		}
		if len(events) == 0 && known && reflect.DeepEqual(next, state) {
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
			if len(owed) > 0 && r.Saved != nil {
				r.Saved(o.Match.ID)
			}
			return events, known, nil
		case !errors.Is(err, ErrConflict):
			return nil, known, err
		}
	}
	return nil, true, fmt.Errorf("%w, %d times in a row", ErrConflict, tries)
}
