package poll_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

func messages(t *testing.T, ids ...string) []broker.Message {
	t.Helper()
	var all []broker.Message
	for _, id := range ids {
		all = append(all, broker.Message{Key: "a.b.c", ID: id, TID: event.NewTID(), Match: "m1", Time: time.Now().UTC(), Body: []byte(`{"x":"` + id + `"}`)})
	}
	return all
}

func ids(msgs []broker.Message) []string {
	out := []string{}
	for _, m := range msgs {
		out = append(out, m.ID)
	}
	return out
}

func TestStateAndOutboxAreOneWrite(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx := t.Context()
		s := poll.NewStore(r, "mw:")
		st, version, err := s.Load(ctx, "m1")
		if err != nil || version != 0 || st.Epoch == "" {
			t.Fatalf("unknown match: %+v %d %v", st, version, err)
		}
		st.Match.ID, st.Seq = "m1", 2
		owed := messages(t, "a", "b")
		if err := s.Save(ctx, st, 0, owed); err != nil {
			t.Fatal(err)
		}
		// Whoever loaded before that save is told, and changes nothing.
		late := st
		late.Seq = 99
		if err := s.Save(ctx, late, 0, messages(t, "late")); !errors.Is(err, poll.ErrConflict) {
			t.Errorf("a stale save: %v", err)
		}
		got, version, err := s.Load(ctx, "m1")
		if err != nil || version != 1 || got.Seq != 2 || got.Epoch != st.Epoch {
			t.Errorf("loaded %+v %d %v", got, version, err)
		}
		queue, err := s.Outbox().Oldest(ctx, "m1", 10)
		if err != nil || !slices.Equal(ids(queue), []string{"a", "b"}) || string(queue[0].Body) != string(owed[0].Body) || queue[1].TID != owed[1].TID {
			t.Errorf("owed %v %v", queue, err)
		}
		if all, err := s.Outbox().Pending(ctx); err != nil || !slices.Equal(all, []string{"m1"}) {
			t.Errorf("indebted %v %v", all, err)
		}
		if ttl := r.TTL(ctx, "mw:{m1}:state").Val(); ttl < 24*time.Hour {
			t.Errorf("the state expires in %v", ttl)
		}
	})
}

// Many workers read the same page at the same time: every event is made once.
func TestWorkersShareAMatch(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := poll.NewStore(r, "mw:")
		p, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
		if err != nil {
			t.Fatal(err)
		}
		body := `<p class=league>L<p class=home>A</p><p class=away>B</p><p class=hs>%d</p><p class=as>0</p><p class=status>Live</p>`
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				in := &poll.Ingester{Store: s, Log: slog.New(slog.DiscardHandler)}
				for goals := range 5 {
					fetched := fmt.Sprintf(body, goals)
					for n := range goals {
						fetched += fmt.Sprintf(`<li class=h><u class=kind>Goal</u><time>%d'</time><b>P%d</b></li>`, n+1, n)
					}
					if _, err := in.Track(p, "").Ingest(t.Context(), page.Page{Body: []byte(fetched), At: time.Now()}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		workers.Wait()
		owed, err := s.Outbox().Oldest(t.Context(), "m1", 100)
		if err != nil {
			t.Fatal(err)
		}
		seen, goals := map[string]bool{}, 0
		for i, m := range owed {
			e, err := event.Decode(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			if e.Data.Seq != int64(i+1) || seen[m.ID] {
				t.Errorf("event %d has seq %d, ID seen %v", i, e.Data.Seq, seen[m.ID])
			}
			seen[m.ID] = true
			if e.Data.Kind == event.Goal && e.Data.Action == event.New {
				goals++
			}
		}
		if goals != 4 {
			t.Errorf("%d goals, want 4", goals)
		}
	})
}

func TestNudgedOutboxPublishesAtOnce(t *testing.T) {
	s, b := parsertest.Store(t), memory.New(nil, nil)
	box := outbox.NewRelay(s.Outbox(), b, nil, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- box.Run(ctx) }()
	in := &poll.Ingester{Store: s, Nudge: box.Nudge, Log: slog.New(slog.DiscardHandler)}
	played := parsertest.Play(t, in, parsertest.Fixture(t, "soccer/mls-2016-11-06-nyc-tor"))
	var got []string
	enough := errors.New("enough")
	err := b.ReadLog(t.Context(), broker.Start, nil, func(_ broker.Cursor, m broker.Message) error {
		got = append(got, m.ID)
		if len(got) == len(played) {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	for i, e := range played {
		if got[i] != e.ID {
			t.Fatalf("event %d is %s, want %s", i, got[i], e.ID)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestBadMatchIDs(t *testing.T) {
	for _, id := range []string{"", "a b", "{x}", "a/b", "-a", strings.Repeat("a", 129)} {
		if err := event.CheckMatchID(id); err == nil {
			t.Errorf("match ID %q is taken", id)
		}
	}
}

// An unusable page changes nothing, and says so in one line that names it.
func TestUnusablePageLosesNothing(t *testing.T) {
	s := parsertest.Store(t)
	var said strings.Builder
	in := &poll.Ingester{Store: s, Log: slog.New(slog.NewTextHandler(&said, nil))}
	parsertest.Play(t, in, parsertest.Fixture(t, "soccer/one-goal"))
	before, version, err := s.Load(t.Context(), "one-goal")
	if err != nil || version == 0 {
		t.Fatal(version, err)
	}
	p := parsertest.Library(t)["mls-matchcentre"]
	for _, body := range []string{"", "\x89PNG\r\n\x1a\n", "<html><h1>We value your privacy</h1></html>", "{}"} {
		said.Reset()
		_, err := in.Track(p, "one-goal").Ingest(t.Context(), page.Page{URL: "https://matchcentre.example/x", Body: []byte(body)})
		if err == nil || !strings.Contains(said.String(), "page unusable, nothing changed") || !strings.Contains(said.String(), "https://matchcentre.example/x") {
			t.Errorf("page %q: %v, logged %s", body, err, said.String())
		}
	}
	after, version2, err := s.Load(t.Context(), "one-goal")
	if err != nil || version2 != version || !parsertest.SameJSON(before, after) {
		t.Errorf("state changed: %d → %d, %v", version, version2, err)
	}
}
