package recording_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/parsertest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// volatile matches JSON members that differ from run to run.
var volatile = regexp.MustCompile(`"(tid|epoch)":"[0-9a-f-]{36}"`)

// Each fixture with a file events.jsonl produces the events in that file.
func TestFixtures(t *testing.T) {
	goldens, err := filepath.Glob("../../fixtures/*/*/events.jsonl")
	if err != nil || len(goldens) < 4 {
		t.Fatalf("%d fixtures, error %v, want at least 4", len(goldens), err)
	}
	for _, golden := range goldens {
		dir := strings.TrimPrefix(path.Dir(filepath.ToSlash(golden)), "../../fixtures/")
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
