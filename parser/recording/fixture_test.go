package recording_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/recording"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// volatile matches JSON members that differ from run to run.
var volatile = regexp.MustCompile(`"(tid|epoch)":"[0-9a-f-]{36}"`)

// Each fixture produces the events in its golden file.
func TestFixtures(t *testing.T) {
	manifests, err := fs.Glob(fixtures.FS, "*/*/"+recording.ManifestName)
	if err != nil || len(manifests) < 4 {
		t.Fatalf("%d fixtures, error %v, want at least 4", len(manifests), err)
	}
	for _, m := range manifests {
		dir := path.Dir(m)
		t.Run(path.Base(dir), func(t *testing.T) {
			var got bytes.Buffer
			for _, e := range parsertest.Play(t, parsertest.Ingester(t), parsertest.Fixture(t, dir)) {
				line, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				got.Write(volatile.ReplaceAll(line, []byte(`"$1":"…"`)))
				got.WriteByte('\n')
			}
			golden := path.Join("..", "..", "fixtures", dir, "events.jsonl")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(got.Bytes(), want) {
				return
			}
			gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
			for i := range min(len(gotLines), len(wantLines)) {
				if gotLines[i] != wantLines[i] {
					t.Fatalf("%s line %d differs. If the new events are right, run with -update.\ngot  %s\nwant %s",
						golden, i+1, gotLines[i], wantLines[i])
				}
			}
			t.Fatalf("%d events, want %d as in %s", len(gotLines)-1, len(wantLines)-1, golden)
		})
	}
}
