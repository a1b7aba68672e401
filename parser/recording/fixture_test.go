package recording_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path"
	"regexp"
	"testing"

	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/recording"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// volatile are the members that differ from run to run.
var volatile = regexp.MustCompile(`"(tid|epoch)":"[0-9a-f-]{36}"`)

// Every fixture gives the events that stand beside it.
func TestFixtures(t *testing.T) {
	manifests, err := fs.Glob(fixtures.FS, "*/*/"+recording.ManifestName)
	if err != nil || len(manifests) < 4 {
		t.Fatalf("%d fixtures, %v", len(manifests), err)
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
			was, now := bytes.Split(want, []byte("\n")), bytes.Split(got.Bytes(), []byte("\n"))
			for i := range max(len(was), len(now)) {
				if i >= len(was) || i >= len(now) || !bytes.Equal(was[i], now[i]) {
					t.Fatalf("%s differs from line %d on; read the diff, and run with -update if it is right:\n%s", golden, i+1, bytes.Join(now[min(i, len(now)):min(i+1, len(now))], nil))
				}
			}
		})
	}
}
