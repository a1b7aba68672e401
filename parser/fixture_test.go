package parser_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"regexp"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/parser"
	"github.com/matchwire/matchwire/profiles"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// library holds every profile that the project ships.
func library(t testing.TB) parser.Library {
	t.Helper()
	made, err := fs.Sub(fixtures.FS, "profiles")
	if err != nil {
		t.Fatal(err)
	}
	lib, err := parser.LoadLibrary(profiles.FS, made)
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

func store(t testing.TB) *parser.Store {
	t.Helper()
	m := miniredis.RunT(t)
	r := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { r.Close() })
	return parser.NewStore(r, "mw:")
}

func reader(t testing.TB) *parser.Reader {
	return &parser.Reader{Store: store(t), Log: slog.New(slog.DiscardHandler)}
}

func play(t testing.TB, r *parser.Reader, f *parser.Fixture) []event.Event {
	t.Helper()
	var all []event.Event
	p := &parser.Replayer{Library: library(t), Reader: r,
		Each: func(_ context.Context, _ parser.Page, events []event.Event) error {
			all = append(all, events...)
			return nil
		}}
	if err := p.Play(t.Context(), []*parser.Fixture{f}); err != nil {
		t.Fatal(err)
	}
	return all
}

func fixture(t testing.TB, dir string) *parser.Fixture {
	t.Helper()
	folder, err := fs.Sub(fixtures.FS, dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.LoadFixture(dir, folder)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// volatile are the members that differ from run to run.
var volatile = regexp.MustCompile(`"(tid|epoch)":"[0-9a-f-]{36}"`)

// Every fixture gives the events that stand beside it.
func TestFixtures(t *testing.T) {
	manifests, err := fs.Glob(fixtures.FS, "*/*/"+parser.ManifestName)
	if err != nil || len(manifests) < 4 {
		t.Fatalf("%d fixtures, %v", len(manifests), err)
	}
	for _, m := range manifests {
		dir := path.Dir(m)
		t.Run(path.Base(dir), func(t *testing.T) {
			var got bytes.Buffer
			for _, e := range play(t, reader(t), fixture(t, dir)) {
				line, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				got.Write(volatile.ReplaceAll(line, []byte(`"$1":"…"`)))
				got.WriteByte('\n')
			}
			golden := path.Join("..", "fixtures", dir, "events.jsonl")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			was, now := bytes.Split(want, []byte("\n")), bytes.Split(got.Bytes(), []byte("\n"))
			for i := range max(len(was), len(now)) {
				if i >= len(was) || i >= len(now) || !bytes.Equal(was[i], now[i]) {
					t.Fatalf("%s differs from line %d on; read the diff, and run with -update if it is right:\n%s", golden, i+1, bytes.Join(now[min(i, len(now)):min(i+1, len(now))], nil))
				}
			}
		})
	}
}
