package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
	s := newSiteOf(t, fanout.Options{Origins: []string{other.URL}}, nil)
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
