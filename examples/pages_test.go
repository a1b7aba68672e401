package examples_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/testenv/browser"
)

// pages are the folders of the pages, each with the file that has the address of the server.
var pages = map[string]string{"web": "goals.js", "react": "goals.jsx"}

// Each page shows the goals of a snapshot, and each later goal, correction and retraction. It shows a lost connection,
// and continues after it. Names that contain HTML are text. No view violates a rule of axe.
func TestPages(t *testing.T) {
	for name := range pages {
		t.Run(name, func(t *testing.T) {
			site, serve := newSite(t)
			n := newNode(t, fanout.Options{Limits: fanout.Limits{Origins: []string{site}}})
			serve(name, n.addr)
			const hostile = `<img src=x onerror="document.title='no'">`
			n.publish("soccer.mls.goal", goal("1", hostile, "6'", 0, 1))

			p := open(t, site)
			const start = "Goals Live New York City FC 0–1 Toronto FC 6' Toronto FC: " + hostile
			p.shows(start)
			n.publish("soccer.mls.goal", goal("2", "Jozy Altidore", "10'", 0, 2))
			p.shows("Goals Live New York City FC 0–2 Toronto FC 6' Toronto FC: " + hostile + " 10' Toronto FC: Jozy Altidore")

			corrected := goal("2", "Sebastian Giovinco", "10'", 0, 2)
			corrected.Rev = 2
			corrected.Changes = map[string]event.Change{"player": {Old: "Jozy Altidore", New: "Sebastian Giovinco"}}
			n.publish("soccer.mls.goal_corrected", corrected)
			p.shows("Goals Live New York City FC 0–2 Toronto FC 6' Toronto FC: " + hostile +
				" 10' Toronto FC: Sebastian Giovinco Correction: player Sebastian Giovinco, not Jozy Altidore")
			p.axe()
			p.shot(name + "-correction")

			retracted := goal("2", "Sebastian Giovinco", "10'", 0, 1)
			retracted.Rev, retracted.Reason = 3, "the page no longer shows it"
			n.publish("soccer.mls.goal_retracted", retracted)
			after := start + " Taken back: 10' Toronto FC: Sebastian Giovinco (the page no longer shows it)"
			p.shows(after)
			p.axe()
			p.shot(name + "-retraction")

			n.publish("soccer.mls.source_stale", event.Data{Match: &event.Match{ID: "mls-42", Home: "New York City FC",
				Away: "Toronto FC", Status: event.Live, Stale: &event.Stale{Since: time.Now(), Reason: "status 403 <b>"}}})
			p.shows("New York City FC 0–1 Toronto FC No news since", "status 403 <b>")

			n.stop()
			p.shows("Goals Not connected", "Scores can be out of date. Next try in", "6' Toronto FC")
			n.publish("soccer.mls.goal", goal("3", "Luca Moro", "50'", 1, 1))
			n.start()
			p.shows("Goals Live New York City FC 1–1 Toronto FC", "50' Toronto FC: Luca Moro")

			n.publish("soccer.mls.match_end", event.Data{Match: &event.Match{ID: "mls-42", Home: "New York City FC",
				Away: "Toronto FC", Status: event.Final}})
			p.shows("Goals Live No match is in play.")
			if title := p.run("document.title"); title != "Goals" {
				t.Errorf("the title is %q, want Goals: a name was used as HTML", title)
			}
		})
	}
}

// If the server refuses the connection, each page shows the reason of the server.
func TestPagesShowRefusal(t *testing.T) {
	for name := range pages {
		t.Run(name, func(t *testing.T) {
			site, serve := newSite(t)
			limits := fanout.Limits{Origins: []string{site}, Tokens: keys(t)}
			serve(name, newNode(t, fanout.Options{Limits: limits}).addr)
			p := open(t, site)
			p.shows("The server refuses the connection: a token is required")
			p.axe()
			p.shot(name + "-refused")
		})
	}
}

// newSite starts a web server for a page, and returns its address. The function serve puts the page in place, for a
// node at an address.
func newSite(t *testing.T) (url string, serve func(page, node string)) {
	testenv.NotShort(t)
	dir := t.TempDir()
	var root http.Dir
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.FileServer(root).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func(page, node string) {
		t.Helper()
		for _, folder := range []string{"examples/web", "examples/react", "fanout/web/files"} {
			if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join("..", folder))); err != nil {
				t.Fatal(err)
			}
		}
		root = http.Dir(filepath.Join(dir, "examples", page))
		for _, name := range []string{"index.html", pages[page]} {
			file := filepath.Join(string(root), name)
			text, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "localhost:8080", node)), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if page == "react" {
			npmInstall(t, string(root))
			build := exec.Command("npm", "run", "build")
			build.Dir = string(root)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("npm run build: %v\n%s", err, out)
			}
		}
	}
}

// A view is an open page in a browser.
type view struct {
	*testing.T
	ctx context.Context
}

// open opens a page.
func open(t *testing.T, url string) view {
	t.Helper()
	return view{t, browser.Open(t, url)}
}

// run returns the value of a JavaScript expression, or of its promise, as a string.
func (v view) run(expression string) string {
	v.Helper()
	got, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		v.Fatalf("%s: %v", expression, err)
	}
	return got
}

// shows waits until the text of the page contains each of want.
func (v view) shows(want ...string) {
	v.Helper()
	var text string
	testenv.Eventually(v.T, func() bool {
		text = strings.Join(strings.Fields(v.run("document.body.innerText")), " ")
		for _, w := range want {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	}, "the page to show %q; it shows %q", want, stringer(func() string { return text }))
}

// A stringer is a text that is computed when a test fails.
type stringer func() string

func (s stringer) String() string { return s() }

// axe reports the violations of accessibility rules on the page.
func (v view) axe() {
	v.Helper()
	source, err := os.ReadFile("../fanout/web/testdata/axe.min.js")
	if err != nil {
		v.Fatal(err)
	}
	if _, err := chromedp.Run(v.ctx, chromedp.Evaluate[json.RawMessage](string(source)+";0")); err != nil {
		v.Fatal(err)
	}
	violations := v.run(`axe.run(document, { resultTypes: ["violations"] }).then((result) => result.violations
		.map((v) => v.id + ": " + v.nodes.map((n) => n.html + " " + n.failureSummary).join("; ")).join("\n"))`)
	if violations != "" {
		v.Errorf("axe reports\n%s", violations)
	}
}

// shot keeps a screenshot in the folder that the environment variable MATCHWIRE_SCREENSHOTS names. Without this
// variable, shot does nothing.
func (v view) shot(name string) {
	v.Helper()
	dir := os.Getenv("MATCHWIRE_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(v.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "example-"+name+".png"), png, 0o600)
	}
	if err != nil {
		v.Error(err)
	}
}
