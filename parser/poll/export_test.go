package poll

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// Parse parses a page as Ingest does.
func (t *Tracker) Parse(ctx context.Context, p page.Page) ([]observation.Observation, error) {
	t.parsed = parse(ctx, t.profile, p, t.parsed)
	return t.parsed.observations, t.parsed.err
}

// SetNow replaces the clock that the worker uses for dates.
func (w *Worker) SetNow(now func() time.Time) { w.now = now }

// Outbox returns the outbox to which Save appends events.
func (s *Store) Outbox() *outbox.Store { return s.outbox }

// CachePages puts n pages of the given size into a cache, one after the other. It returns the
// numbers, from 0, of the pages that are still in the cache. most is the maximum size of the cache
// after a page was put into it, in bytes.
func CachePages(n, size int) (left []int, most int) {
	var c pageCache
	for i := range n {
		c.put(strconv.Itoa(i), &cachedPage{page: page.Page{Body: make([]byte, size)}})
		most = max(most, c.bytes)
	}
	for i := range n {
		if c.get(strconv.Itoa(i)) != nil {
			left = append(left, i)
		}
	}
	return left, most
}

// SaveObservation ingests an observation of a match with this kick-off time and status.
func SaveObservation(t testing.TB, s *Store, replay bool, match string, start time.Time, status event.Status) {
	t.Helper()
	in := &Ingester{Store: s, Log: slog.New(slog.DiscardHandler), Replay: replay}
	o := observation.Observation{Sport: event.Soccer, League: "mls",
		Match: event.Match{ID: match, Home: "Home", Away: "Away", Start: start, Status: status}}
	from := reconcile.Provenance{Site: "/parser/test", At: time.Now(), TID: event.NewTID()}
	if _, err := in.reconcile(t.Context(), o, from); err != nil {
		t.Fatal(err)
	}
}

// SourceState is the saved state of a source.
type SourceState = sourceState

// ClaimOnly claims the poll in a message but does not run it, as if the process ended during the
// poll.
func (w *Worker) ClaimOnly(t testing.TB, m broker.Message) {
	t.Helper()
	_, p, err := decode(m)
	if err == nil {
		_, _, err = w.sources.claim(t.Context(), p, m.Retried, m.Redelivered)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// IngestPage ingests a page as a poll does after it has fetched the page. It returns the problem of
// the poll.
func (w *Worker) IngestPage(ctx context.Context, prof *profile.Profile, p page.Page) string {
	fetcher, err := w.client.Fetcher("https://site.example/")
	if err != nil {
		return err.Error()
	}
	r := newRun(w, "task", Poll{}, slog.New(slog.DiscardHandler))
	r.tracker = w.ingester.Track(prof, "m1")
	r.ingest(ctx, &cachedPage{fetcher: fetcher, page: p, parsed: &parsedPage{}})
	return r.result.Problem
}
