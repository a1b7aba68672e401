package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/parser/poll"
)

const (
	watchInterval = 10 * time.Second
	watchTimeout  = 8 * time.Second
)

// A Watch finds sources that no process polls, for example because all parsers have stopped. Any
// number of processes can run a Watch.
type Watch struct {
	Schedule *Schedule
	// Ingester marks the matches of the sources as stale. If it is nil, the Watch only reports the
	// sources.
	Ingester *poll.Ingester
	// Down is the Down field of the issues that Health returns. Set it if this process schedules or
	// polls sources.
	Down bool
	Log  *slog.Logger

	mu     sync.Mutex
	issues []health.Issue
}

// Run looks for sources that no process polls, every 10 seconds until ctx ends. It logs errors and
// returns nil.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		bounded, cancel := context.WithTimeout(ctx, watchTimeout)
		if err := w.look(bounded); err != nil && ctx.Err() == nil {
			w.Log.Warn("cannot check whether all sources are polled", "error", err)
		}
		cancel()
	}
}

// Health returns an issue if Run last found sources that no process polls.
func (w *Watch) Health(context.Context) []health.Issue {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.issues
}

// look looks for sources that no process polls. If Ingester is set, look marks the matches of each
// source that it can claim as stale, also those of paused sources.
func (w *Watch) look(ctx context.Context) error {
	entries, paused, count, err := w.Schedule.Overdue(ctx)
	if err != nil {
		return err
	}
	w.report(entries, count)
	if w.Ingester == nil {
		return nil
	}
	for _, e := range slices.Concat(entries, paused) {
		claimed, err := w.Schedule.ClaimOverdue(ctx, e.ID)
		if err != nil {
			return err
		}
		if !claimed {
			continue
		}
		if err := w.markStale(ctx, e); err != nil {
			return err
		}
		if e.Paused != nil {
			if err := w.Schedule.expectNoneWhilePaused(ctx, e.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// report sets the issues for Health.
func (w *Watch) report(entries []Entry, count int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.issues = nil
	if len(entries) > 0 {
		first := entries[0]
		w.issues = []health.Issue{{Down: w.Down, Text: fmt.Sprintf(
			"sources that are not polled on time: %d, for example %s, not polled since %s: is the role parser running?",
			count, first.ID, first.polled().UTC().Format(time.TimeOnly))}}
	}
}

// polled returns the time of the latest poll, or of the activation if there was none.
func (e *Entry) polled() time.Time {
	if e.Latest.At.IsZero() {
		return e.Activated
	}
	return e.Latest.At
}

// markStale marks the matches of a source as stale.
func (w *Watch) markStale(ctx context.Context, e Entry) error {
	ids := []string{e.Match}
	if e.Match == "" {
		ids = nil
		for _, m := range e.Latest.Matches {
			ids = append(ids, m.ID)
		}
	}
	job, since := event.NewTID(), e.polled().UTC().Format(time.TimeOnly)
	message := "no process polls a source: its matches are stale"
	reason := "no process has read the page since " + since + " UTC"
	if e.Paused != nil {
		job = e.Paused.TID
		message = "a source is paused: its matches are stale"
		reason = "the source is paused: the page was last read at " + since + " UTC"
	}
	events, err := w.Ingester.MarkUnpolled(event.WithTID(ctx, job), e.Source, ids, e.Event, reason)
	if len(events) > 0 {
		w.Log.Warn(message, "tid", job, "source", e.ID, "matches", len(events))
	}
	if err != nil {
		return fmt.Errorf("marking the matches of source %s as stale: %w", e.ID, err)
	}
	return nil
}
