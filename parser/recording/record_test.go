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

// A page that the profile cannot parse completely is saved as a fixture. The number of saved pages
// is bounded, and other folders are not removed.
func TestKeeper(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	in := parsertest.Ingester(t)
	in.Keep, in.Log = &recording.Keeper{Dir: dir}, slog.New(slog.NewTextHandler(log, nil))
	source := parsertest.Track(t, in, parsertest.SmallProfile)
	source.Read(fmt.Sprintf(parsertest.SmallPage, 0))
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("the folder contains %v after a page without problems, want only \"mine\"", all)
	}
	for n := range 160 { // in each group of three pages, two have different problems and one is unusable
		if n%3 > 0 {
			source.Read(fmt.Sprintf(parsertest.SmallPage, 0) + fmt.Sprintf("<li class=h><u class=kind>Juggling %d</u></li>", n))
		} else {
			source.Read(fmt.Sprintf("<html><p>%d</p></html>", n))
		}
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 51 || all[50].Name() != "mine" {
		t.Fatalf("%d folders, error %v, want 50 pages and \"mine\"", len(all), err)
	}
	at := filepath.Join(dir, all[49].Name())
	f, err := recording.LoadFixture(at, os.DirFS(at))
	if err != nil || f.Profile != "small" || len(f.Pages) != 1 {
		t.Fatalf("saved fixture %+v, error %v, want profile small and 1 page", f, err)
	}
	if page, err := f.Page(f.Pages[0]); err != nil || !bytes.Contains(page.Body, []byte("<p")) {
		t.Errorf("saved page %q, error %v, want a page that contains <p", page.Body, err)
	}
	if !strings.Contains(log.String(), "kept="+dir) {
		t.Errorf("the log does not name the folder:\n%s", log)
	}
}

// A Recorder saves all pages with their times and headers. The manifest also lists unchanged pages.
func TestRecorder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rec")
	rec, err := recording.NewRecorder(dir, poll.Source{URL: "https://me:" + testenv.Secret + "@site.example/m",
		Match: "m1"}, "small", "a note: with\n# two lines")
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Etag": {`"v1"`}, "Content-Type": {"text/html; charset=iso-8859-1"}, "Set-Cookie": {"secret=1"}}
	pages := []string{"<p>Mbapp\xe9", "<p>Mbapp\xe9", "<p>two: # \"x\"", "<p>Mbapp\xe9"}
	for i, body := range pages {
		changed, err := rec.Add(page.Page{URL: "u", Header: header, Body: []byte(body),
			At: parsertest.Noon.Add(time.Duration(i) * 15 * time.Second)})
		if err != nil || changed != (i != 1) {
			t.Errorf("Add of page %d: changed %v, error %v, want changed %v", i, changed, err, i != 1)
		}
		// The fixture is valid after every page.
		if f, err := recording.LoadFixture("rec", os.DirFS(dir)); err != nil || len(f.Pages) != i+1 {
			t.Fatalf("LoadFixture after page %d: %v, want %d pages", i, err, i+1)
		}
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := recording.LoadFixture("rec", os.DirFS(dir))
	if err != nil || f.Match != "m1" || f.Profile != "small" {
		t.Fatalf("LoadFixture: %+v, error %v, want match m1 and profile small", f, err)
	}
	for i, fp := range f.Pages {
		page, err := f.Page(fp)
		if err != nil || string(page.Body) != pages[i] ||
			!page.At.Equal(parsertest.Noon.Add(time.Duration(i)*15*time.Second)) {
			t.Errorf("page %d: %q at %v, error %v, want %q, %d seconds after noon", i, page.Body, page.At, err, pages[i], i*15)
		}
		if i != 1 && (page.Header.Get("ETag") != `"v1"` || page.Header.Get("Content-Type") == "") {
			t.Errorf("page %d: headers %v, want the ETag and the Content-Type", i, page.Header)
		}
	}
	manifest, err := os.ReadFile(filepath.Join(dir, recording.ManifestName))
	if err != nil || bytes.Contains(manifest, []byte("secret=1")) {
		t.Errorf("manifest %s, error %v, want no cookies", manifest, err)
	}
	testenv.NoSecret(t, manifest)
	if files, _ := filepath.Glob(filepath.Join(dir, "*.gz")); len(files) != 3 {
		t.Errorf("%d page files, want 3", len(files))
	}
	if _, err := recording.NewRecorder(dir, poll.Source{URL: "https://site.example/"}, "small", ""); err == nil ||
		!strings.Contains(err.Error(), "already has a fixture") {
		t.Errorf("a second NewRecorder in the folder: %v, want an error that it already has a fixture", err)
	}
}
