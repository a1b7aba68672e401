package poll

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// A Watch reads the pages of one source, one after the other, and knows how
// the source is doing. It is for one goroutine.
type Tracker struct {
	reader  *Ingester
	profile *profile.Profile
	match   string // the match's ID where the pages do not give it
	id      string // tells this watch from others of the same match
	cause   string // ID of the message that caused this reading

	last lastPage
	sourceState
}

// A memory is what is known of a source from one page to the next.
type sourceState struct {
	Hash      uint64               `json:"hash,omitempty"`      // of the latest page's bytes
	Unchanged int                  `json:"unchanged,omitempty"` // pages in a row that were the one before again
	Newest    uint64               `json:"newest,omitempty"`    // hash of the newest page, as far as bytes tell
	Gone      []uint64             `json:"gone,omitempty"`      // hashes of pages that it and others replaced
	Shown     map[string]time.Time `json:"shown,omitempty"`     // match: when a page last showed it
	Fails     int                  `json:"fails,omitempty"`     // polls in a row that brought nothing usable
	Good      time.Time            `json:"good,omitzero"`       // when one last did, or watching began
	Said      string               `json:"said,omitempty"`      // the problems that were last logged
	Warned    string               `json:"warned,omitempty"`    // why the last page could not be used, whole or in part
	Quiets    map[string]bool      `json:"quiets,omitempty"`    // matches known to be quiet
	Forbidden string               `json:"forbidden,omitempty"` // why the site is not asked any more
	Activated event.TID            `json:"activated,omitzero"`  // the job that activated the source
}

// lastPage is what the latest page said. Pages are polled far more often than
// they change, so the same bytes are not parsed again.
type lastPage struct {
	hash         uint64
	snapshot     string
	observations []observation.Observation
	problems     []observation.Problem
	err          error
}

// Watch returns a watch of pages that p reads. match names their match where
// the caller knows it; "" leaves it to the pages.
func (r *Ingester) Track(p *profile.Profile, match string) *Tracker {
	return &Tracker{reader: r, profile: p, match: match, id: uuid.NewString()[:8]}
}

// Read reads a page and returns the events it made, which are saved by then.
// The TID is that of ctx. An error names every match of the page that was not
// taken over, and those are not changed.
func (w *Tracker) Ingest(ctx context.Context, fetched page.Page) ([]event.Event, error) {
	w.extract(ctx, fetched)
	if err := ctx.Err(); err != nil {
		return nil, err // the page is not at fault
	}
	if w.Unchanged++; w.last.hash != w.Hash {
		w.Hash, w.Unchanged = w.last.hash, 0
	}
	log := w.log(ctx, fetched.URL)
	if err := w.last.err; err != nil {
		if kept := w.keep(fetched, err.Error()); kept != "" {
			log = log.With("kept", kept)
		}
		log.Log(ctx, w.warning(err.Error()), "page unusable, nothing changed", "bytes", len(fetched.Body), "error", err)
		quiet, qerr := w.Failed(ctx, fetched.URL, fetched.At, "the page is unusable: "+err.Error())
		return quiet, errors.Join(err, qerr)
	}
	w.Fails, w.Good = 0, fetched.At
	reading := w.reading(ctx, fetched.URL, fetched.At)
	reading.Modified, reading.Evidence.Snapshot = fetched.Modified(), w.last.snapshot
	if w.profile.ManyMatches() {
		reading.Again = w.again()
	}
	problems, changed := w.problems(fetched)
	if changed {
		log.Warn("page lacks something, or has what the profile does not know", "problems", problems)
	}
	var all []event.Event
	var refused []error
	for _, o := range w.last.observations {
		o.PageID = o.Match.ID
		if w.match != "" {
			o.Match.ID = w.match
		}
		taken, err := w.reader.take(ctx, o, reading)
		if err != nil {
			if o.Match.ID != "" {
				err = fmt.Errorf("match %s: %w", o.Match.ID, err)
			}
			refused = append(refused, err)
			continue // another match of the page may be good
		}
		w.saw(o.Match.ID, fetched.At)
		level, what := slog.LevelDebug, "page read"
		if len(taken.events) > 0 || !taken.known {
			level = slog.LevelInfo
		}
		if taken.held != nil { // said once for all that follow
			what = "page held: it looks older than one already read"
			if taken.held.Polls == 1 {
				level = slog.LevelInfo
			}
		}
		log.Log(ctx, level, what, "match", o.Match.ID+w.reader.Suffix, "status", o.Match.Status,
			"incidents", len(o.Incidents), "events", len(taken.events), "problems", problems)
		w.reader.tell(o.Match.ID, taken.events)
		w.record(ctx, fetched, taken.events)
		all = append(all, taken.events...)
	}
	if err := errors.Join(refused...); err != nil {
		log.Log(ctx, w.warning(err.Error()), "page not taken over, nothing changed", "error", err)
	} else {
		w.Warned = ""
	}
	gone, err := w.vanished(ctx, fetched, reading)
	return append(all, gone...), errors.Join(append(refused, err)...)
}

// saw remembers that a page showed a match.
func (w *Tracker) saw(match string, at time.Time) {
	if w.Shown == nil {
		w.Shown = map[string]time.Time{}
	}
	w.Shown[match] = at
	delete(w.Quiets, match)
}

// record says in the trace of the job which events were made, and on what
// evidence. A page that made some is kept.
func (w *Tracker) record(ctx context.Context, fetched page.Page, events []event.Event) {
	if len(events) == 0 {
		return
	}
	if w.reader.Archive != nil && len(fetched.Body) > 0 {
		if err := w.reader.Archive.Keep(fetched, w.last.snapshot); err != nil {
			w.reader.Log.Warn("page not kept", "error", err)
		}
	}
	step := trace.From(ctx)
	if step == nil {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, profile.ExtractTimeout)
	defer cancel()
	doc, _ := w.profile.Parse(bounded, fetched) // no row is quoted of a page that cannot be parsed
	for _, e := range events {
		var why *trace.Evidence
		if from := e.Data.Evidence; from != nil {
			why = &trace.Evidence{Evidence: *from}
			if doc != nil {
				why.Row = doc.Quote(bounded, from.Path)
			}
		}
		outcome := ""
		switch {
		case e.Data.Backfill:
			outcome = "backfill"
		case e.Data.Reason != "":
			outcome = e.Data.Reason
		}
		step.Created(broker.Message{TID: e.TID, ID: e.ID, Key: e.Type, Match: e.Subject}, why, outcome)
	}
	step.Keep()
}

// warning is the level at which to say why a page could not be used: what was
// said of the page before it is no news.
func (w *Tracker) warning(why string) slog.Level {
	if why == w.Warned {
		return slog.LevelDebug
	}
	w.Warned = why
	return slog.LevelWarn
}

// Failed says that a poll brought nothing usable. When that lasts, each match
// that the source has shown and that is not over is reported as source_stale.
func (w *Tracker) Failed(ctx context.Context, url string, at time.Time, reason string) ([]event.Event, error) {
	if w.Good.IsZero() {
		w.Good = at
	}
	if w.Fails++; w.Fails < reconcile.StalePolls || at.Sub(w.Good) < reconcile.StaleAfter {
		return nil, nil
	}
	events, _, err := w.Stopped(ctx, url, at, reason)
	return events, err
}

// Stopped says that the source will bring nothing more, and reports whether
// that is all that need be said: while somebody else reads its matches it must
// be said again later, lest they stop too.
func (w *Tracker) Stopped(ctx context.Context, url string, at time.Time, reason string) (events []event.Event, settled bool, err error) {
	matches := slices.Sorted(maps.Keys(w.Shown))
	if w.match != "" {
		matches = []string{w.match} // also when no page of it was seen
	}
	events, err = w.quiet(ctx, matches, w.reading(ctx, url, at), reason)
	open := func(match string) bool { return !w.Quiets[match] }
	return events, err == nil && !slices.ContainsFunc(matches, open), err
}

// vanishedFor is how long a match may be missing from a page of many before
// its source counts as stale. Lists drop matches and bring them back.
const vanishedFor = 5 * time.Minute

// vanished reports matches that the page has not shown for long, and forgets
// those that no page has shown for a day.
func (w *Tracker) vanished(ctx context.Context, fetched page.Page, reading reconcile.Provenance) ([]event.Event, error) {
	var missing []string
	for match, shown := range w.Shown {
		switch away := fetched.At.Sub(shown); {
		case away > 24*time.Hour:
			delete(w.Shown, match)
			delete(w.Quiets, match)
		case away >= vanishedFor:
			missing = append(missing, match)
		}
	}
	slices.Sort(missing)
	return w.quiet(ctx, missing, reading, "the page no longer lists the match")
}

// quiet reports matches as source_stale, each once.
func (w *Tracker) quiet(ctx context.Context, matches []string, reading reconcile.Provenance, reason string) ([]event.Event, error) {
	var all []event.Event
	for _, match := range matches {
		if w.Quiets[match] {
			continue
		}
		events, settled, err := w.reader.quiet(ctx, match, reading, reason)
		if err != nil {
			return all, err
		}
		if w.Quiets == nil {
			w.Quiets = map[string]bool{}
		}
		w.Quiets[match] = settled
		if len(events) > 0 {
			w.log(ctx, reading.Evidence.URL).Warn("source gone quiet", "match", match+w.reader.Suffix, "reason", reason)
		}
		w.reader.tell(match, events)
		w.record(ctx, page.Page{}, events)
		all = append(all, events...)
	}
	return all, nil
}

// extract reads the page, unless it is the last one again.
func (w *Tracker) extract(ctx context.Context, fetched page.Page) {
	hash := xxhash.Sum64(fetched.Body)
	if hash == w.last.hash && w.last.snapshot != "" {
		return
	}
	sum := sha256.Sum256(fetched.Body)
	w.last = lastPage{hash: hash, snapshot: "sha256:" + hex.EncodeToString(sum[:])}
	w.last.observations, w.last.problems, w.last.err = w.profile.Extract(ctx, fetched)
	if errors.Is(w.last.err, context.DeadlineExceeded) || errors.Is(w.last.err, context.Canceled) {
		w.last.snapshot = "" // there may be more time for it when it comes again
	}
}

// again reports whether the last page's bytes were replaced by others before.
func (w *Tracker) again() bool {
	switch hash := w.last.hash; {
	case hash == w.Newest:
		return false
	case slices.Contains(w.Gone, hash):
		return true
	default:
		w.Gone = append(w.Gone, w.Newest)
		w.Gone = w.Gone[max(0, len(w.Gone)-reconcile.MaxSuperseded):]
		w.Newest = hash
		return false
	}
}

func (w *Tracker) reading(ctx context.Context, url string, at time.Time) reconcile.Provenance {
	return reconcile.Provenance{TID: event.TIDFrom(ctx), CausationID: w.cause, Source: "/parser/" + w.profile.Name, Watcher: w.id, At: at, Aliases: w.reader.Aliases,
		Replay: w.reader.Replay, Evidence: event.Evidence{URL: url}}
}

func (w *Tracker) log(ctx context.Context, url string) *slog.Logger {
	return w.reader.Log.With("tid", event.TIDFrom(ctx), "url", url, "profile", w.profile.Name)
}

// problems is what the page lacks, in a line, and whether that is news. A page
// that lacks something new is kept.
func (w *Tracker) problems(fetched page.Page) (text string, news bool) {
	text = problemText(w.last.problems)
	news = text != "" && text != w.Said
	if w.Said = text; news {
		w.keep(fetched, text)
	}
	return text, news
}

// keep keeps a page that the profile does not understand and returns where, or
// "".
func (w *Tracker) keep(fetched page.Page, why string) string {
	if w.reader.Keep == nil || len(fetched.Body) == 0 {
		return ""
	}
	dir, err := w.reader.Keep.Keep(fetched, w.profile, w.match, why)
	if err != nil {
		w.reader.Log.Warn("page not kept", "error", err)
	}
	return dir
}

// problemText says what a page lacked, in bounds.
func problemText(problems []observation.Problem) string {
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
