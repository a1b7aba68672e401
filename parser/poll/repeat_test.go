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

// The client sends a script again when its answer was lost. The worker that saved a state is
// not refused as if another had saved it, and its events are written once.
func TestSaveWhenAnswersAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		s := poll.NewStore(lossy, "mw:")
		st, _, err := s.Load(t.Context(), "m1")
		if err != nil {
			t.Fatal(err)
		}
		st.Match.ID = "m1"
		if err := s.Save(t.Context(), st, 0, messages(t, "a", "b")); err != nil {
			t.Errorf("saved: %v", err)
		}
		if err := s.Save(t.Context(), st, 0, messages(t, "late")); !errors.Is(err, poll.ErrConflict) {
			t.Errorf("a state that is outdated: %v, want ErrConflict", err)
		}
		if err := s.Save(t.Context(), st, 1, messages(t, "c")); err != nil {
			t.Errorf("saved again: %v", err)
		}
		waiting, err := poll.NewStore(r, "mw:").Outbox().Oldest(t.Context(), "m1", 10)
		if got := ids(waiting); err != nil || len(got) != 3 || got[2] != "c" {
			t.Errorf("the outbox holds %v, %v, want a, b and c", got, err)
		}
	})
}

// A page whose save was repeated returns its events, and the outbox is nudged.
func TestIngestWhenAnswersAreLost(t *testing.T) {
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
			t.Errorf("%d events, %d nudges, %v; want some, one and no error", len(events), nudges, err)
		}
	})
}

// A poll whose claim was repeated is done.
func TestPollWhenAnswersAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, _, lossy *redis.Client) {
		site := parsertest.NewSite(t)
		c := newCluster(t, lossy, 2, site.URL, "m1")
		m := c.task()
		if err := c.workers[0].Handle(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if len(c.results) != 1 {
			t.Fatalf("the poll was done %d times, want once", len(c.results))
		}
		if err := c.workers[1].Handle(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if len(c.results) != 1 {
			t.Errorf("a second copy of the task was done too")
		}
	})
}
