package parser_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser"
)

const smallPage = `<p class=league>L<p class=home>A</p><p class=away>B</p><p class=hs>%d</p><p class=as>0</p><p class=status>Live</p>`

// A watched source, polled every 30 seconds.
type watched struct {
	t   *testing.T
	w   *parser.Watch
	now time.Time
}

func watch(t *testing.T, r *parser.Reader, profile string) *watched {
	t.Helper()
	p, err := parser.LoadProfile("small.yaml", []byte(profile))
	if err != nil {
		t.Fatal(err)
	}
	return &watched{t, r.Watch(p, ""), noon}
}

// read returns what a page makes, each event as its key and match.
func (w *watched) read(body string) []string {
	w.t.Helper()
	w.now = w.now.Add(30 * time.Second)
	events, _ := w.w.Read(event.WithTID(w.t.Context(), event.NewTID()), parser.Page{Body: []byte(body), At: w.now})
	return said(events)
}

func (w *watched) fail(reason string) []string {
	w.t.Helper()
	w.now = w.now.Add(30 * time.Second)
	events, err := w.w.Failed(event.WithTID(w.t.Context(), event.NewTID()), "https://site.example/", w.now, reason)
	if err != nil {
		w.t.Fatal(err)
	}
	return said(events)
}

func said(events []event.Event) []string {
	var all []string
	for _, e := range events {
		line := e.Data.Kind.Word(e.Data.Action) + " " + e.Subject
		if e.Data.Reason != "" {
			line += ": " + e.Data.Reason
		}
		all = append(all, line)
	}
	return all
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// Two minutes without a usable page make a match stale, once; the first good
// page makes it fresh. Neither invents anything.
func TestSourceGoesQuietAndReturns(t *testing.T) {
	w := watch(t, reader(t), smallProfile)
	w.read(fmt.Sprintf(smallPage, 0))
	for range 3 {
		expect(t, "failure", w.fail("the site answered 503 Service Unavailable"))
	}
	expect(t, "after two minutes", w.fail("the site answered 503 Service Unavailable"), "source_stale m1: the site answered 503 Service Unavailable")
	expect(t, "later", w.fail("the site answered 503 Service Unavailable"))
	expect(t, "back", w.read(fmt.Sprintf(smallPage, 0)), "source_fresh m1: pages are usable again")
	expect(t, "and on", w.read(fmt.Sprintf(smallPage, 0)))
	// Pages that are there and no use are no better than none.
	wall := "<html><h1>We value your privacy</h1></html>"
	for range 3 {
		expect(t, "consent wall", w.read(wall))
	}
	got := w.read(wall)
	if len(got) != 1 || !strings.HasPrefix(got[0], "source_stale m1: the page is unusable: the page names neither team") {
		t.Errorf("a consent wall that lasts: %q", got)
	}
	expect(t, "back with a goal", w.read(fmt.Sprintf(smallPage, 1)), "source_fresh m1: pages are usable again", "goal m1")
}

// While another parser reads the match well, one that cannot says nothing.
func TestOneOfTwoParsersFails(t *testing.T) {
	r := reader(t)
	good, bad := watch(t, r, smallProfile), watch(t, r, smallProfile)
	good.read(fmt.Sprintf(smallPage, 0))
	bad.read(fmt.Sprintf(smallPage, 0))
	for range 10 {
		expect(t, "good", good.read(fmt.Sprintf(smallPage, 0)))
		expect(t, "bad", bad.fail("the site answered 403 Forbidden"))
	}
}

// A match that is over may fall silent.
func TestFinishedMatchIsNeverStale(t *testing.T) {
	w := watch(t, reader(t), strings.Replace(smallProfile, "Live: live", "Live: final", 1))
	w.read(fmt.Sprintf(smallPage, 0))
	for range 20 {
		expect(t, "failure", w.fail("gone"))
	}
}

const listProfile = `profile: list
sport: soccer
matches: li
match:
  id: {attr: id}
  league: {value: L}
  home: b
  away: i
  home_score: u
  away_score: s
  status: {value: live}
`

// A match that vanishes from a list and returns neither ends nor begins anew;
// when it stays away it is stale.
func TestMatchVanishesFromAList(t *testing.T) {
	w := watch(t, reader(t), listProfile)
	one, two := "<li id=m1><b>A</b><i>B</i><u>0</u><s>0</s></li>", "<li id=m2><b>C</b><i>D</i><u>1</u><s>0</s></li>"
	expect(t, "first", w.read(one+two), "match_start m1", "match_start m2", "goal m2")
	for range 9 {
		expect(t, "away", w.read(one))
	}
	expect(t, "five minutes", w.read(one), "source_stale m2: the page no longer lists the match")
	expect(t, "longer", w.read(one))
	expect(t, "returned", w.read(one+strings.Replace(two, "<u>1", "<u>2", 1)), "source_fresh m2: pages are usable again", "goal m2")
}

// When the rows of a page are gone for good its layout has changed: the match
// is stale, and the score goes on telling of goals.
func TestLayoutChanges(t *testing.T) {
	w := watch(t, reader(t), smallProfile)
	row := `<li class=h><u class=kind>Goal</u><time>5'</time><b>P</b></li>`
	w.read(fmt.Sprintf(smallPage, 1) + row)
	for range 10 {
		expect(t, "no rows", w.read(fmt.Sprintf(smallPage, 1)))
	}
	expect(t, "no rows for five minutes", w.read(fmt.Sprintf(smallPage, 1)), "source_stale m1: the page lists no incidents any more: its layout may have changed")
	expect(t, "a goal all the same", w.read(fmt.Sprintf(smallPage, 2)), "goal m1")
	second := `<li class=h><u class=kind>Goal</u><time>20'</time><b>Q</b></li>`
	expect(t, "mended", w.read(fmt.Sprintf(smallPage, 2)+row+second), "source_fresh m1: pages are usable again", "goal_corrected m1: the page changed it")
}

// A page that the profile does not understand is kept as a fixture, which can
// be replayed; the folder is bounded, and what is not ours in it stays.
func TestPagesThatAreKept(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	r := reader(t)
	r.Keep, r.Log = &parser.Keeper{Dir: dir}, slog.New(slog.NewTextHandler(log, nil))
	w := watch(t, r, smallProfile)
	w.read(fmt.Sprintf(smallPage, 0))
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("a good page is kept: %v", all)
	}
	for n := range 160 { // two of three lack something, each something else
		if n%3 > 0 {
			w.read(fmt.Sprintf(smallPage, 0) + fmt.Sprintf("<li class=h><u class=kind>Juggling %d</u></li>", n))
		} else {
			w.read(fmt.Sprintf("<html><p>%d</p></html>", n))
		}
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 51 || all[50].Name() != "mine" {
		t.Fatalf("%d kept, %v", len(all), err)
	}
	at := filepath.Join(dir, all[49].Name())
	f, err := parser.LoadFixture(at, os.DirFS(at))
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
	rec, err := parser.NewRecorder(dir, parser.Source{URL: "https://me:" + testenv.Secret + "@site.example/m", Match: "m1"}, "small", "why it was: recorded\n# twice")
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Etag": {`"v1"`}, "Content-Type": {"text/html; charset=iso-8859-1"}, "Set-Cookie": {"secret=1"}}
	pages := []string{"<p>Mbapp\xe9", "<p>Mbapp\xe9", "<p>two: # \"x\"", "<p>Mbapp\xe9"}
	for i, body := range pages {
		changed, err := rec.Add(parser.Page{URL: "u", Header: header, Body: []byte(body), At: noon.Add(time.Duration(i) * 15 * time.Second)})
		if err != nil || changed != (i != 1) {
			t.Errorf("page %d: changed %v, %v", i, changed, err)
		}
		// Whole after every page.
		if f, err := parser.LoadFixture("rec", os.DirFS(dir)); err != nil || len(f.Pages) != i+1 {
			t.Fatalf("after page %d: %v", i, err)
		}
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := parser.LoadFixture("rec", os.DirFS(dir))
	if err != nil || f.Match != "m1" || f.Profile != "small" {
		t.Fatalf("%+v %v", f, err)
	}
	for i, fp := range f.Pages {
		page, err := f.Page(fp)
		if err != nil || string(page.Body) != pages[i] || !page.At.Equal(noon.Add(time.Duration(i)*15*time.Second)) {
			t.Errorf("page %d: %q at %v, %v", i, page.Body, page.At, err)
		}
		if i != 1 && (page.Header.Get("ETag") != `"v1"` || page.Header.Get("Content-Type") == "") {
			t.Errorf("page %d: headers %v", i, page.Header)
		}
	}
	manifest, err := os.ReadFile(filepath.Join(dir, parser.ManifestName))
	if err != nil || bytes.Contains(manifest, []byte("secret=1")) {
		t.Errorf("%s %v", manifest, err)
	}
	testenv.NoSecret(t, manifest)
	if files, _ := filepath.Glob(filepath.Join(dir, "*.gz")); len(files) != 3 {
		t.Errorf("%d files for three changes", len(files))
	}
	if _, err := parser.NewRecorder(dir, parser.Source{URL: "https://site.example/"}, "small", ""); err == nil || !strings.Contains(err.Error(), "holds a fixture already") {
		t.Errorf("a second recording into the folder: %v", err)
	}
}

// On a page of many matches a match that did not change costs no write, though
// the bytes changed with the others.
func TestListWritesWhatChanged(t *testing.T) {
	r := reader(t)
	w := watch(t, r, listProfile)
	row := "<li id=m%d><b>A</b><i>B</i><u>%d</u><s>0</s></li>"
	w.read(fmt.Sprintf(row+row, 1, 0, 2, 0))
	w.now = w.now.Add(-30 * time.Second)
	_, before, err := r.Store.Load(t.Context(), "m1")
	if err != nil {
		t.Fatal(err)
	}
	w.read(fmt.Sprintf(row+row, 1, 0, 2, 1))
	if _, after, err := r.Store.Load(t.Context(), "m1"); err != nil || after != before {
		t.Errorf("version %d, was %d, %v", after, before, err)
	}
	expect(t, "a copy from before", w.read(fmt.Sprintf(row+row, 1, 0, 2, 0)))
}

// The log says once that a page is held, and which match it is of.
func TestLogSaysThatAPageIsHeld(t *testing.T) {
	log := &bytes.Buffer{}
	r := reader(t)
	r.Log = slog.New(slog.NewTextHandler(log, nil))
	w := watch(t, r, smallProfile)
	w.read(fmt.Sprintf(smallPage, 1))
	for range 3 {
		w.read(fmt.Sprintf(smallPage, 0))
	}
	if n := strings.Count(log.String(), "page held: it looks older than one already read"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log)
	}
}
