package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/matchwire/matchwire/fanout/web"
)

// edges returns a script for the left and the right edge of the element that a selector selects.
func edges(selector string) string {
	return fmt.Sprintf(`(({left, right}) => left + " to " + right)(document.querySelector(%q).getBoundingClientRect())`,
		selector)
}

// The page of a demo shows the speeds and the inbox, and a click changes the speed. The page of an ordinary site
// requests nothing of a demo.
func TestDemoPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	speed, version, changed := 60.0, 0, make(chan struct{})
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(target))
	mux.Handle("GET /{$}", web.DemoHandler(nil))
	mux.HandleFunc("PUT /demo", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Speed float64 }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		speed, version = body.Speed, version+1
		close(changed)
		changed = make(chan struct{})
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /demo", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		wait, current := changed, fmt.Sprint(version) == r.URL.Query().Get("after")
		mu.Unlock()
		if current {
			select {
			case <-wait:
			case <-r.Context().Done():
				return
			}
		}
		mu.Lock()
		defer mu.Unlock()
		alerts := strings.Repeat(`{"thread": "%d", "title": "Goal for Toronto FC: Sebastian Reyes, penalty", `+
			`"body": "6', New York 0–1 Toronto FC", "time": "2026-11-30T12:00:00Z"},`, 6)
		alerts = fmt.Sprintf(alerts, 1, 2, 3, 4, 5, 6)
		fmt.Fprintf(w, `{"version": %d, "speeds": [0, 1, 10, 60], "speed": %v, "ended": false, "alerts": [%s]}`,
			version, speed, strings.TrimSuffix(alerts, ","))
	})
	demo := httptest.NewServer(mux)
	t.Cleanup(demo.CloseClientConnections)
	t.Cleanup(func() { go demo.Close() }) // the browser keeps a request open
	real := s.url
	s.url = demo.URL + "/"
	p := s.open("")
	s.url = real
	p.shows(".inbox", "What your phone would show", "Goal for Toronto FC", "6', New York 0–1 Toronto FC")
	pressed := `document.querySelector(".demo [aria-pressed=true]")?.textContent`
	p.until(pressed, "60×")
	p.run(`[...document.querySelectorAll(".demo button")].find((b) => b.textContent === "Pause").click(); return "";`)
	p.until(pressed, "Pause")
	p.shows("[data-match=urc-1]", "Leinster")
	for _, colour := range []string{"light", "dark"} {
		p.media("prefers-color-scheme", colour)
		for _, width := range []int{320, 1280} {
			p.resize(width, 900)
			p.axe(fmt.Sprint("demo ", colour, " ", width))
			p.until(`document.documentElement.scrollWidth <= innerWidth`, "true")
			p.until(`[...document.querySelectorAll(".inbox li")].every((e) => {
				const [title, time] = [...e.children].map((c) => c.getBoundingClientRect());
				return time.left - title.right >= 8 && Math.abs(time.top - title.top) < 4; })`, "true")
			p.until(edges(".inbox")+` === `+edges(".groups"), "true") // no hole beside the inbox
			p.shot(fmt.Sprint("demo-", colour, "-", width))
		}
	}
	ordinary := s.open("")
	ordinary.shows("[data-match=urc-1]", "Leinster")
	got := ordinary.run(`const names = performance.getEntriesByType("resource").map((e) => e.name);
		return names.filter((n) => n.includes("demo")).join()`)
	if got != "" || ordinary.text(".demo") != "" {
		t.Errorf("an ordinary page requests %s and shows %q, want neither", got, ordinary.text(".demo"))
	}
}
