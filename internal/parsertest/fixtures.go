// Package parsertest contains helpers for the tests of the parser's packages.
package parsertest

import (
	"context"
	"io/fs"
	"log/slog"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
	"github.com/matchwire/matchwire/profiles"
)

// Library returns all profiles in this repository, including the profiles for fixtures.
func Library(t testing.TB) profile.Library {
	t.Helper()
	fixtureProfiles, err := fs.Sub(fixtures.FS, "profiles")
	if err != nil {
		t.Fatal(err)
	}
	lib, err := profile.LoadLibrary(profiles.FS, fixtureProfiles)
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// Store returns a store in a new embedded Redis.
func Store(t testing.TB) *poll.Store {
	t.Helper()
	m := miniredis.RunT(t)
	r := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { r.Close() })
	return poll.NewStore(r, "mw:")
}

// Ingester returns an ingester with a new store. The ingester logs nothing.
func Ingester(t testing.TB) *poll.Ingester {
	return &poll.Ingester{Store: Store(t), Log: slog.New(slog.DiscardHandler)}
}

// Play replays a fixture through an ingester, and returns the events.
func Play(t testing.TB, in *poll.Ingester, f *recording.Fixture) []event.Event {
	t.Helper()
	var all []event.Event
	p := &recording.Replayer{Library: Library(t), Ingester: in,
		Each: func(_ context.Context, _ page.Page, events []event.Event) error {
			all = append(all, events...)
			return nil
		}}
	if err := p.Play(t.Context(), []*recording.Fixture{f}); err != nil {
		t.Fatal(err)
	}
	return all
}

// Fixture loads a fixture from this repository. dir is the path of its folder below fixtures/.
func Fixture(t testing.TB, dir string) *recording.Fixture {
	t.Helper()
	folder, err := fs.Sub(fixtures.FS, dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := recording.LoadFixture(dir, folder)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
