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
	"github.com/matchwire/matchwire/parser/reconcile"
)

func messages(t *testing.T, ids ...string) []broker.Message {
	t.Helper()
	var all []broker.Message
	for _, id := range ids {
		all = append(all, broker.Message{Key: "a.b.c", ID: id, TID: event.NewTID(), Match: "m1", Time: time.Now().UTC(),
			Body: []byte(`{"x":"` + id + `"}`)})
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

// Renew changes only the epochs and sequence numbers of the states in its namespace.
func TestRenew(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx := t.Context()
		s, other := poll.NewStore(r, "mw:"), poll.NewStore(r, "mw:other:")
		save := func(s *poll.Store, match string) reconcile.State {
			t.Helper()
			st, version, err := s.Load(ctx, match)
			if err != nil {
				t.Fatal(err)
			}
			st.Match.ID, st.Match.Home, st.Seq = match, "Home of "+match, 7
			if err := s.Save(ctx, st, version, messages(t, "a")); err != nil {
				t.Fatal(err)
			}
			return st
		}
		was := map[string]reconcile.State{"m1": save(s, "m1"), "m:2": save(s, "m:2")}
		kept := save(other, "m1")
		if n, err := s.Renew(ctx); err != nil || n != len(was) {
			t.Errorf("%d states renewed, error %v, want %d states", n, err, len(was))
		}
		for match, st := range was {
			now, version, err := s.Load(ctx, match)
			if err != nil || version != 2 || now.Epoch <= st.Epoch || now.Seq != 0 || now.Match.Home != st.Match.Home {
				t.Errorf("match %s: version %d, error %v, state %+v, want version 2, an epoch after %s and seq 0",
					match, version, err, now, st.Epoch)
			}
			if n := r.LLen(ctx, outbox.NewStore(r, "mw:").Key(match)).Val(); n != 1 {
				t.Errorf("match %s: %d messages in the outbox, want the one from before", match, n)
			}
		}
		if now, _, err := other.Load(ctx, "m1"); err != nil || now.Epoch != kept.Epoch || now.Seq != kept.Seq {
			t.Errorf("the state of another namespace changed: %+v, error %v", now, err)
		}
	})
}

// A state and its messages are saved in one transaction.
func TestStateAndOutboxAreOneWrite(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		ctx := t.Context()
		s := poll.NewStore(r, "mw:")
		st, version, err := s.Load(ctx, "m1")
		if err != nil || version != 0 || st.Epoch == "" {
			t.Fatalf("loading an unknown match: %+v, version %d, error %v; want an epoch and version 0", st, version, err)
		}
		st.Match.ID, st.Seq = "m1", 2
		saved := messages(t, "a", "b")
		if err := s.Save(ctx, st, 0, saved); err != nil {
			t.Fatal(err)
		}
		// A worker that loaded the state before that save gets ErrConflict and changes nothing.
		late := st
		late.Seq = 99
		if err := s.Save(ctx, late, 0, messages(t, "late")); !errors.Is(err, poll.ErrConflict) {
			t.Errorf("Save with an old version: %v, want ErrConflict", err)
		}
		got, version, err := s.Load(ctx, "m1")
		if err != nil || version != 1 || got.Seq != 2 || got.Epoch != st.Epoch {
			t.Errorf("Load after Save: %+v, version %d, error %v; want seq 2, epoch %s and version 1",
				got, version, err, st.Epoch)
		}
		pending, err := s.Outbox().Oldest(ctx, "m1", 10)
		if err != nil || !slices.Equal(ids(pending), []string{"a", "b"}) ||
			string(pending[0].Body) != string(saved[0].Body) || pending[1].TID != saved[1].TID {
			t.Errorf("the outbox contains %v, error %v, want %v", pending, err, saved)
		}
		if all, err := s.Outbox().Pending(ctx); err != nil || !slices.Equal(all, []string{"m1"}) {
			t.Errorf("matches with pending messages: %v, error %v, want m1", all, err)
		}
		if ttl := r.TTL(ctx, "mw:{m1}:state").Val(); ttl < 24*time.Hour {
			t.Errorf("the state expires in %v, want at least 24h", ttl)
		}
	})
}

// If several workers ingest the same pages at the same time, each event is created once.
func TestWorkersShareAMatch(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := poll.NewStore(r, "mw:")
		p, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
		if err != nil {
			t.Fatal(err)
		}
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				in := &poll.Ingester{Store: s, Log: slog.New(slog.DiscardHandler)}
				for goals := range 5 {
					body := fmt.Sprintf(parsertest.SmallPage, goals)
					for n := range goals {
						body += fmt.Sprintf(`<li class=h><u class=kind>Goal</u><time>%d'</time><b>P%d</b></li>`, n+1, n)
					}
					if _, err := in.Track(p, "").Ingest(t.Context(), page.Page{Body: []byte(body), At: time.Now()}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		workers.Wait()
		pending, err := s.Outbox().Oldest(t.Context(), "m1", 100)
		if err != nil {
			t.Fatal(err)
		}
		seen, goals := map[string]bool{}, 0
		for i, m := range pending {
			e, err := event.Decode(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			if e.Data.Seq != int64(i+1) || seen[m.ID] {
				t.Errorf("event %d has seq %d, ID seen before: %t, want seq %[1]d and a new ID", i+1, e.Data.Seq, seen[m.ID])
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

// A nudged outbox publishes the events without waiting for its next sweep.
func TestNudgedOutboxPublishes(t *testing.T) {
	s, b := parsertest.Store(t), memory.New(nil, nil)
	relay := outbox.NewRelay(s.Outbox(), b, nil, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- relay.Run(ctx) }()
	in := &poll.Ingester{Store: s, Nudge: relay.Nudge, Log: slog.New(slog.DiscardHandler)}
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
			t.Errorf("match ID %q is accepted, want an error", id)
		}
	}
}

// An unusable page changes nothing, and is logged with its URL.
func TestUnusablePageChangesNothing(t *testing.T) {
	s := parsertest.Store(t)
	var log strings.Builder
	in := &poll.Ingester{Store: s, Log: slog.New(slog.NewTextHandler(&log, nil))}
	parsertest.Play(t, in, parsertest.Fixture(t, "soccer/one-goal"))
	before, version, err := s.Load(t.Context(), "one-goal")
	if err != nil || version == 0 {
		t.Fatalf("Load: version %d, error %v, want a saved state", version, err)
	}
	p := parsertest.Library(t)["mls-matchcentre"]
	for _, body := range []string{"", "\x89PNG\r\n\x1a\n", "<html><h1>We value your privacy</h1></html>", "{}"} {
		log.Reset()
		const url = "https://matchcentre.example/x"
		_, err := in.Track(p, "one-goal").Ingest(t.Context(), page.Page{URL: url, Body: []byte(body)})
		if err == nil || !strings.Contains(log.String(), "page unusable, nothing changed") ||
			!strings.Contains(log.String(), url) {
			t.Errorf("page %q: error %v, log %q, want an error, and an unusable page in the log with its URL",
				body, err, log.String())
		}
	}
	after, version2, err := s.Load(t.Context(), "one-goal")
	if err != nil || version2 != version || !parsertest.SameJSON(before, after) {
		t.Errorf("the state changed from version %d to %d, error %v, want no change", version, version2, err)
	}
}
