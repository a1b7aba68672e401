package recording_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/recording"
)

// A page that the profile does not understand is kept as a fixture, which can
// be replayed; the folder is bounded, and what is not ours in it stays.
func TestPagesThatAreKept(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	r := parsertest.Ingester(t)
	r.Keep, r.Log = &recording.Keeper{Dir: dir}, slog.New(slog.NewTextHandler(log, nil))
	w := parsertest.Track(t, r, parsertest.SmallProfile)
	w.Read(fmt.Sprintf(parsertest.SmallPage, 0))
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("a good page is kept: %v", all)
	}
	for n := range 160 { // two of three lack something, each something else
		if n%3 > 0 {
			w.Read(fmt.Sprintf(parsertest.SmallPage, 0) + fmt.Sprintf("<li class=h><u class=kind>Juggling %d</u></li>", n))
		} else {
			w.Read(fmt.Sprintf("<html><p>%d</p></html>", n))
		}
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 51 || all[50].Name() != "mine" {
		t.Fatalf("%d kept, %v", len(all), err)
	}
	at := filepath.Join(dir, all[49].Name())
	f, err := recording.LoadFixture(at, os.DirFS(at))
	if err != nil || f.Profile != "small" || len(f.Pages) != 1 {
		t.Fatalf("%+v %v", f, err)
	}
	if page, err := f.Page(f.Pages[0]); err != nil || !bytes.Contains(page.Body, []byte("<p")) {
		t.Errorf("%s %v", page.Body, err)
	}
	if !strings.Contains(log.String(), "kept="+dir) {
		t.Error("the log does not say where")
	}
}

// What was recorded is replayed as it was: the same pages at the same times
// with the same headers, unchanged ones included.
func TestRecordAndReplay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rec")
	rec, err := recording.NewRecorder(dir, poll.Source{URL: "https://me:" + testenv.Secret + "@site.example/m", Match: "m1"}, "small", "why it was: recorded\n# twice")
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Etag": {`"v1"`}, "Content-Type": {"text/html; charset=iso-8859-1"}, "Set-Cookie": {"secret=1"}}
	pages := []string{"<p>Mbapp\xe9", "<p>Mbapp\xe9", "<p>two: # \"x\"", "<p>Mbapp\xe9"}
	for i, body := range pages {
		changed, err := rec.Add(page.Page{URL: "u", Header: header, Body: []byte(body), At: parsertest.Noon.Add(time.Duration(i) * 15 * time.Second)})
		if err != nil || changed != (i != 1) {
			t.Errorf("page %d: changed %v, %v", i, changed, err)
		}
		// Whole after every page.
		if f, err := recording.LoadFixture("rec", os.DirFS(dir)); err != nil || len(f.Pages) != i+1 {
			t.Fatalf("after page %d: %v", i, err)
		}
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := recording.LoadFixture("rec", os.DirFS(dir))
	if err != nil || f.Match != "m1" || f.Profile != "small" {
		t.Fatalf("%+v %v", f, err)
	}
	for i, fp := range f.Pages {
		page, err := f.Page(fp)
		if err != nil || string(page.Body) != pages[i] || !page.At.Equal(parsertest.Noon.Add(time.Duration(i)*15*time.Second)) {
			t.Errorf("page %d: %q at %v, %v", i, page.Body, page.At, err)
		}
		if i != 1 && (page.Header.Get("ETag") != `"v1"` || page.Header.Get("Content-Type") == "") {
			t.Errorf("page %d: headers %v", i, page.Header)
		}
	}
	manifest, err := os.ReadFile(filepath.Join(dir, recording.ManifestName))
	if err != nil || bytes.Contains(manifest, []byte("secret=1")) {
		t.Errorf("%s %v", manifest, err)
	}
	testenv.NoSecret(t, manifest)
	if files, _ := filepath.Glob(filepath.Join(dir, "*.gz")); len(files) != 3 {
		t.Errorf("%d files for three changes", len(files))
	}
	if _, err := recording.NewRecorder(dir, poll.Source{URL: "https://site.example/"}, "small", ""); err == nil || !strings.Contains(err.Error(), "holds a fixture already") {
		t.Errorf("a second recording into the folder: %v", err)
	}
}
