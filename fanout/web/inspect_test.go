package web_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/internal/problem"
	"github.com/matchwire/matchwire/internal/trace"
)

// The inspector of an incident shows the row of the page, the steps of the job and its consumers. The row is
// text, even if it has markup. If the API refuses the call, the page names the command that shows the steps.
func TestInspector(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 5, 2, 15, 0, 0, 0, time.UTC)
	sent := trace.Span{Op: trace.Send, Start: start.Add(20 * time.Millisecond), Took: trace.Millis(2 * time.Millisecond)}
	found := trace.Span{Op: trace.Create, Name: "soccer.mls.goal", Instance: "parser-1", Match: "m1",
		Message: "41268e8e-4d1c-5a7e-9f0b-2f6d1c0c9a11", Start: start.Add(14 * time.Millisecond)}
	found.Evidence = &trace.Evidence{Row: `<li class="goal"><img src=x onerror="document.title='run'"> Ben Ash</li>`}
	found.Evidence.URL, found.Evidence.Path = "https://site.example/m1", "ol > li:nth-child(7)"
	notify := trace.Span{Op: trace.Process, Role: "notify", Instance: "consumers-1",
		Start:   start.Add(30 * time.Millisecond),
		Outcome: "sent: Goal for Home m1", Took: trace.Millis(time.Second)}
	tree := trace.Tree{Start: start, Steps: []*trace.Node{{
		Span: trace.Span{Op: trace.Process, Role: "parser", Instance: "parser-1", Start: start, Outcome: "read the page"},
		Children: []*trace.Node{{Span: found, Children: []*trace.Node{
			{Span: sent}, {Span: notify},
		}}},
	}}}
	for i, n := range []*trace.Node{tree.Steps[0], tree.Steps[0].Children[0], tree.Steps[0].Children[0].Children[1]} {
		n.ID = event.SpanID{byte(i + 1)}
	}
	var asked, refuse string
	s := newSiteOf(t, fanout.Options{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse != "" {
			problem.Write(w, http.StatusUnauthorized, refuse, "")
			return
		}
		asked = r.URL.Path
		_ = json.NewEncoder(w).Encode(tree)
	}))
	s.publish("m1", "soccer.mls.goal", func(d *event.Data) { d.Player, d.Side = "Ben Ash", event.Home })
	p := s.open("match/m1")
	p.shows(".timeline", "Ben Ash")
	tid := p.run(`const { model } = await import(new URL("../page/main.js", location.href));
		return model.matches.get("m1").incidents[0].tid;`)

	p.run(`document.querySelector(".timeline .inspect").click(); return "";`)
	p.shows(".inspector h2", "How we know this: Goal Ben Ash")
	p.shows(".inspector .row-source", `<li class="goal"><img src=x onerror="document.title='run'"> Ben Ash</li>`)
	p.shows(".inspector .facts", "https://site.example/m1", "ol > li:nth-child(7)", "41268e8e-4d1c-5a7e-9f0b-2f6d1c0c9a11")
	p.shows(".inspector .steps", "parser parser-1 +0.0 ms read the page",
		"event soccer.mls.goal parser-1 +14 ms published after 8.0 ms", "notify consumers-1 +30 ms sent: Goal for Home m1")
	if want := "/api/trace/" + tid; asked != want {
		t.Errorf("the page asked for %s, want %s", asked, want)
	}
	if got := p.run(`return document.title;`); got == "run" {
		t.Error("the page ran a script from a row")
	}
	p.shot("inspector")
	p.axe("inspector")
	p.until(`document.activeElement.closest(".inspector") !== null`, "true") // the focus is in the dialog
	p.run(`document.querySelector(".inspector header button").click(); return "";`)
	p.until(`document.querySelector(".inspector")`, "null")

	refuse = "an API token is needed"
	p.run(`document.querySelector(".timeline .inspect").click(); return "";`)
	p.shows(".inspector", "Only an operator", "matchwire trace "+tid)
}
