package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/internal/testenv/browser"
)

// Components on a page of another origin show a match and a ticker, which follow the stream, if the origin is
// in the list. The policy of the frames names only the listed origins.
func TestEmbed(t *testing.T) {
	t.Parallel()
	var site string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!DOCTYPE html><title>News</title><script type="module" src="%sembed.js"></script>
			<matchwire-match match="mls-1" theme="light"></matchwire-match>
			<matchwire-ticker sport="rugby"></matchwire-ticker>`, site)
	}))
	defer other.Close()
	s := newSiteOf(t, fanout.Options{Limits: fanout.Limits{Origins: []string{other.URL}}}, nil)
	matchDay(s)
	site = s.url
	p := page{t, browser.Open(t, other.URL)}
	heights := `[...document.querySelectorAll("matchwire-match, matchwire-ticker")]
		.map((e) => e.shadowRoot?.firstChild.style.height ?? "160px").join()`
	p.until(`!`+heights+`.includes("160px")`, "true")
	before := p.run(`return ` + heights)
	s.publish("mls-1", "soccer.mls.source_stale", func(d *event.Data) {
		d.Incident, d.League, d.Score = "", "MLS", &event.Score{Home: 1, Away: 1}
		d.Match.Home, d.Match.Away = "New York City FC", "Toronto FC"
		d.Match.Stale = &event.Stale{Reason: "the site answered 403 Forbidden"}
	})
	p.until(heights+` !== "`+before+`"`, "true") // the card has one more line
	p.shot("embed")
	for path, frames := range map[string]string{
		"embed": "frame-ancestors 'self' " + other.URL, "embed/mls-1": "frame-ancestors 'self' " + other.URL,
		"": "frame-ancestors 'self'", "match/mls-1": "frame-ancestors 'self'",
	} {
		r, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if policy := r.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, frames) {
			t.Errorf("/%s has the policy %q, want %s at its end", path, policy, frames)
		}
	}
}

// The URLs of the overlay in docs/recipes.md show a match and a ticker on a transparent background. All their
// parameters are settings of the page.
func TestOverlayForOBS(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	settings, err := os.ReadFile("files/page/settings.js")
	if err != nil {
		t.Fatal(err)
	}
	urls := regexp.MustCompile(`http://localhost:8080/(embed\S*)`).FindAllStringSubmatch(string(text), -1)
	if len(urls) != 2 {
		t.Fatalf("docs/recipes.md has %d URLs of overlays, want a match and a ticker", len(urls))
	}
	s := newSite(t)
	matchDay(s)
	for i, m := range urls {
		u, err := url.Parse(m[1])
		if err != nil {
			t.Fatal(err)
		}
		for name := range u.Query() {
			if !strings.Contains(string(settings), " "+name+": ") {
				t.Errorf("%s: the page has no setting %s", m[1], name)
			}
		}
		p := s.open(strings.Replace(m[1], "mls-2016-11-06-nyc-tor", "mls-1", 1))
		p.resize(420, 300)
		p.shows("body", "New York City FC", "Toronto FC")
		if got := p.run(`return getComputedStyle(document.body).backgroundColor + " " +
			getComputedStyle(document.documentElement).backgroundColor`); got != "rgba(0, 0, 0, 0) rgba(0, 0, 0, 0)" {
			t.Errorf("%s has the background %s, want a transparent one", m[1], got)
		}
		p.shot(fmt.Sprintf("obs-%d", i))
	}
}
