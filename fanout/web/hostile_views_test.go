package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/web"
	"github.com/matchwire/matchwire/internal/deadletters"
	"github.com/matchwire/matchwire/internal/overview"
	"github.com/matchwire/matchwire/internal/testenv/browser"
	"github.com/matchwire/matchwire/internal/trace"
)

// watched makes testdata/broken.js see what happens on the page from now on.
const watched = `window.violations = [];
	document.addEventListener("securitypolicyviolation",
		(e) => violations.push(e.violatedDirective + " " + e.blockedURI));
	return "";`

// unbroken fails the test if hostile texts have broken a page, on a phone or on a wide screen. testdata/broken.js says
// what it looks for. rows and maxHeight are its parameters.
func (p page) unbroken(view, rows string, maxHeight int) {
	p.Helper()
	script, err := os.ReadFile("testdata/broken.js")
	if err != nil {
		p.Fatal(err)
	}
	for _, width := range []int{360, 1280} {
		p.resize(width, 900)
		if got := p.run(fmt.Sprintf("return (%s)(%q, %d)", script, rows, maxHeight)); got != "" {
			p.Errorf("%s at %d pixels: %s", view, width, got)
		}
		p.shot(fmt.Sprintf("hostile-%s-%d", view, width))
	}
}

// publishHostile publishes a goal for each hostile text, in a match of its own: h0, h1, ….
func (s *site) publishHostile() []string {
	s.Helper()
	texts := hostileTexts()
	for n, x := range texts {
		s.publish(fmt.Sprint("h", n), "soccer.l.goal", func(d *event.Data) {
			d.League, d.LeagueKey, d.Team, d.Player, d.Opponent, d.Time = x, "l", x, x, x, x
			d.Detail, d.Assist, d.Reason, d.Side, d.Score = x, x, x, event.Home, &event.Score{Home: 1}
			d.Match.Home, d.Match.Away, d.Match.Period = x, x, event.Period(x)
			d.Match.Stale = &event.Stale{Reason: x}
		})
	}
	return texts
}

// Hostile texts of events break neither the list, nor the frames of the web components, nor the page around them.
func TestHostileEmbeds(t *testing.T) {
	t.Parallel()
	var site string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!DOCTYPE html><title>News</title><script type="module" src="%sembed.js"></script>
			<matchwire-match match="h0"></matchwire-match><matchwire-match match="h16"></matchwire-match>
			<matchwire-match match="h19"></matchwire-match>
			<matchwire-match match='"><script>window.ran=1</script>'></matchwire-match>
			<matchwire-ticker q="<img src=x onerror=ran=1>"></matchwire-ticker><matchwire-ticker></matchwire-ticker>`, site)
	}))
	defer other.Close()
	s := newSiteOf(t, fanout.Options{Limits: fanout.Limits{Origins: []string{other.URL}}}, nil)
	texts := s.publishHostile()
	site = s.url
	p := s.open("embed")
	p.run(watched)
	p.until(`document.querySelectorAll("[data-match]").length`, fmt.Sprint(len(texts)))
	p.unbroken("embed", "[data-match]", 900)
	for _, n := range []int{0, 16, 19, 20} {
		p := s.open(fmt.Sprint("embed/h", n))
		p.run(watched)
		p.until(`document.querySelectorAll("[data-match]").length > 0`, "true")
		p.unbroken(fmt.Sprint("embed-h", n), "[data-match]", 900)
	}
	around := page{t, browser.Open(t, other.URL)}
	around.resize(360, 900)
	frames := `[...document.querySelectorAll("matchwire-match, matchwire-ticker")].map((e) => e.shadowRoot?.firstChild)`
	around.until(frames+`.filter((f) => f && f.style.height !== "160px").length > 3`, "true")
	got := around.run(`return String(window.ran) + " " + (document.documentElement.scrollWidth <= innerWidth) + " " +
		` + frames + `.map((f) => f.getBoundingClientRect()).every((r) => r.height <= 20000 && r.right <= innerWidth)`)
	if got != "undefined true true" {
		t.Errorf("the page around the components: %s, want no script, and frames within the window", got)
	}
	around.shot("hostile-components")
}

// Hostile texts in the inbox of a demo appear as text.
func TestHostileInbox(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.publish("m1", "soccer.mls.goal", nil)
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	var alerts []map[string]string
	for n, x := range hostileTexts() {
		alerts = append(alerts, map[string]string{
			"thread": fmt.Sprint(n), "title": x, "body": x + "\n" + x, "time": "2026-11-30T12:00:00Z",
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(target))
	mux.Handle("GET /{$}", web.DemoHandler(nil))
	mux.HandleFunc("GET /demo", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("after") == "1" {
			<-r.Context().Done()
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"version": 1, "speeds": []int{0, 1}, "speed": 1, "alerts": alerts})
	})
	demo := httptest.NewServer(mux)
	t.Cleanup(demo.CloseClientConnections)
	t.Cleanup(func() { go demo.Close() }) // the browser keeps a request open
	real := s.url
	s.url = demo.URL + "/"
	p := s.open("")
	s.url = real
	p.run(watched)
	p.until(`document.querySelectorAll(".inbox li").length > 0`, "true")
	p.unbroken("inbox", ".inbox li", 300)
}

// Hostile texts in the trace of an incident appear as text in the inspector.
func TestHostileInspector(t *testing.T) {
	t.Parallel()
	texts := hostileTexts()
	var nodes []*trace.Node
	for n, x := range texts {
		found := trace.Span{Op: trace.Create, Name: "soccer.mls.goal", Match: "m1", Start: time.Now()}
		found.Instance, found.Message, found.Outcome = x, x, x
		found.Evidence = &trace.Evidence{Row: x}
		found.Evidence.URL, found.Evidence.Path, found.Evidence.Snapshot = x, x, x
		done := trace.Span{Op: trace.Process, Role: x, Name: x, Instance: x, Outcome: x, Start: time.Now(), Failed: n%2 == 0}
		found.ID, done.ID = event.SpanID{1, byte(n)}, event.SpanID{2, byte(n)}
		nodes = append(nodes, &trace.Node{Span: found, Children: []*trace.Node{{Span: done}}})
	}
	s := newSiteOf(t, fanout.Options{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(trace.Tree{Start: time.Now(), Steps: nodes})
	}))
	s.publish("m1", "soccer.mls.goal", func(d *event.Data) { d.Player, d.Side = texts[19], event.Home })
	p := s.open("match/m1")
	p.run(watched)
	p.until(`document.querySelectorAll(".timeline .inspect").length`, "1")
	p.run(`document.querySelector(".timeline .inspect").click(); return "";`)
	p.until(`document.querySelectorAll(".inspector .row-source").length`, fmt.Sprint(len(texts)))
	p.unbroken("inspector", ".inspector .steps > li", 1500)
}

// Hostile texts in the state of the pipeline, and in dead letters, appear as text on the pipeline page.
func TestHostilePipeline(t *testing.T) {
	t.Parallel()
	texts := hostileTexts()
	o := overview.New(nil, nil)
	o.At, o.Sources.Count = time.Now(), len(texts)
	o.Problems = texts[:25]
	o.Exchanges = []overview.Exchange{{Name: "live_events", Type: "topic"}}
	letters := []deadletters.Letter{}
	for n, x := range texts {
		name := fmt.Sprint(n, x)
		o.Sources.List = append(o.Sources.List, overview.Source{ID: name, URL: x, Profile: x, By: "api",
			State: overview.Failing, Reason: x, Failures: 2, At: o.At, Next: o.At, Matches: 1})
		o.Outboxes.List = append(o.Outboxes.List, overview.Outbox{Name: name, Messages: 1})
		o.Queues = append(o.Queues, overview.Queue{Name: name, Exchange: "live_events", Bindings: []string{x, x + "2"},
			State: &overview.QueueState{Messages: 1, Subscribers: 1, Retries: 1, Dead: 1}})
		o.Consumers = append(o.Consumers, overview.Consumer{Name: name, Queue: name, Tests: true,
			Instances: []overview.Instance{{Name: x, Status: "fail"}}})
		o.Fanout = append(o.Fanout, overview.Node{Name: name, Status: "pass"})
		message, err := json.Marshal(map[string]string{"x": x})
		if err != nil {
			t.Fatal(err)
		}
		letters = append(letters, deadletters.Letter{ID: x, Key: x, Reason: x, Attempts: 1, FirstSeen: time.Now(),
			TID: event.NewTID(), Message: message})
	}
	mux := http.NewServeMux()
	respond := func(pattern string, v any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(v)
		})
	}
	respond("GET /api/pipeline", o)
	respond("GET /api/session", map[string]any{"login": true, "scopes": []string{"operate", "change"}})
	respond("GET /api/dead/", map[string]any{"dead_letters": letters, "total": len(letters)})
	respond("POST /api/test/", map[string]any{"text": "", "recipients": 1, "accepted": 0,
		"reason": strings.Join(texts[:25], " ")})
	s := newSiteOf(t, fanout.Options{}, mux)
	p := s.open("pipeline")
	p.run(watched)
	p.until(`document.querySelectorAll(".queue-row").length`, fmt.Sprint(len(texts)+1))
	p.run(`for (const d of document.querySelectorAll("details")) d.open = true; return "";`)
	p.unbroken("pipeline", ".source", 800)
	p.unbroken("pipeline-queues", ".queue-row", 1600)
	p.press(".consumer", "Send a test")
	p.shows("#result", "Refused")
	p.unbroken("pipeline-toast", "#result", 800)
	p.click("1 dead letter")
	p.until(`document.querySelectorAll("dialog .letters > li").length`, fmt.Sprint(len(texts)))
	p.run(`for (const d of document.querySelectorAll("details")) d.open = true; return "";`)
	p.unbroken("dead", "dialog .letters > li", 1000)
}
