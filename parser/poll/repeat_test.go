package poll_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// If the reply to a script is lost, the client runs the script again. The worker that saved a state
// gets no ErrConflict for its own save, and its events are written once.
func TestSaveWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		s := poll.NewStore(lossy, "mw:")
		st, _, err := s.Load(t.Context(), "m1")
		if err != nil {
			t.Fatal(err)
		}
		st.Match.ID = "m1"
		if err := s.Save(t.Context(), st, 0, messages(t, "a", "b")); err != nil {
			t.Errorf("Save with version 0: %v, want no error", err)
		}
		if err := s.Save(t.Context(), st, 0, messages(t, "late")); !errors.Is(err, poll.ErrConflict) {
			t.Errorf("Save with an old version: %v, want ErrConflict", err)
		}
		if err := s.Save(t.Context(), st, 1, messages(t, "c")); err != nil {
			t.Errorf("Save with version 1: %v, want no error", err)
		}
		waiting, err := poll.NewStore(r, "mw:").Outbox().Oldest(t.Context(), "m1", 10)
		if got := ids(waiting); err != nil || len(got) != 3 || got[2] != "c" {
			t.Errorf("the outbox contains %v, error %v, want a, b and c", got, err)
		}
	})
}

// If a save is repeated, Ingest still returns the events of the page, and nudges the outbox once.
func TestIngestWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, _, lossy *redis.Client) {
		p, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
		if err != nil {
			t.Fatal(err)
		}
		nudges := 0
		in := &poll.Ingester{
			Store: poll.NewStore(lossy, "mw:"), Nudge: func(string) { nudges++ }, Log: slog.New(slog.DiscardHandler),
		}
		fetched := `<p class=league>L<p class=home>A</p><p class=away>B</p>` +
			`<p class=hs>1</p><p class=as>0</p><p class=status>Live</p>`
		events, err := in.Track(p, "").Ingest(t.Context(), page.Page{Body: []byte(fetched), At: time.Now()})
		if err != nil || len(events) == 0 || nudges != 1 {
			t.Errorf("%d events, %d nudges, error %v; want 1 or more events, 1 nudge and no error", len(events), nudges, err)
		}
	})
}

// If the claim of a poll is repeated, the poll is still run only once.
func TestPollWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, _, lossy *redis.Client) {
		site := parsertest.NewSite(t)
		c := newCluster(t, lossy, 2, site.URL, "m1")
		m := c.task()
		if err := c.workers[0].Handle(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if len(c.results) != 1 {
			t.Fatalf("the poll was run %d times, want once", len(c.results))
		}
		if err := c.workers[1].Handle(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if len(c.results) != 1 {
			t.Errorf("after a second copy of the task, the poll was run %d times, want once", len(c.results))
		}
	})
}
