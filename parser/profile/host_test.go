package profile_test

import (
	"strings"
	"testing"

	"github.com/matchwire/matchwire/parser/page"
)

// A profile with hosts refuses a page from another host. For a page from a file, the host comes
// from the address that the page itself names: the canonical link, og:url or base.
func TestHostOfAPage(t *testing.T) {
	t.Parallel()
	p := load(t, "profile: one\nsport: soccer\nhosts: [one.com, one.co.uk]\nmatch: {home: b, away: i}\n")
	const refused = ": profile one reads only pages of one.com, one.co.uk"
	canonical := func(url string) string { return `<link rel="canonical" href="` + url + `">` }
	for _, tc := range []struct{ name, url, head, want string }{
		{"its host", "https://one.com/x", "", ""},
		{"a subdomain", "https://live.one.co.uk/x", "", ""},
		{"a redirect to another host", "https://consent.two.com/x", "",
			"the page comes from https://consent.two.com/x" + refused},
		{"a host with the same ending", "https://notone.com/x", "",
			"the page comes from https://notone.com/x" + refused},
		{"its host, but the canonical link names another host", "https://one.com/x", canonical("https://two.com/x"), ""},
		{"a file", "file:x.html", "", ""},
		{"a file of its host", "file:x.html", canonical("https://www.one.com/x"), ""},
		{"a file of another host", "file:x.html", canonical("https://two.com/x"),
			"the page's own address is https://two.com/x" + refused},
		{"a page without a URL", "", canonical("//two.com/x"), "the page's own address is //two.com/x" + refused},
		{"a path", "", canonical("/x"), ""},
		{"og:url", "", `<meta property="og:url" content="https://two.com/x">`,
			"the page's own address is https://two.com/x" + refused},
		{"base", "", `<base href="https://two.com/">`, "the page's own address is https://two.com/" + refused},
		{"the Internet Archive", "", canonical("https://web.archive.org/web/2013/http://one.com/x"), ""},
		{"the Internet Archive's copy of another host", "",
			canonical("https://web.archive.org/web/2013/https://two.com/x"),
			"the page's own address is https://two.com/x" + refused},
		{"a sample page", "", canonical("https://two.example/x"), ""},
	} {
		body := "<html><head>" + tc.head + "</head><body><b>A</b> <i>B</i></body></html>"
		_, _, err := p.Extract(t.Context(), page.Page{URL: tc.url, Body: []byte(body)})
		if got := errText(err); got != tc.want {
			t.Errorf("%s: error %q, want %q", tc.name, got, tc.want)
		}
	}
	feed := load(t, "profile: one\nsport: soccer\nformat: json\nhosts: [one.com]\n"+
		"match: {home: {jq: .h}, away: {jq: .a}}\n")
	_, _, err := feed.Extract(t.Context(), page.Page{URL: "https://two.com/feed", Body: []byte(`{"h":"A","a":"B"}`)})
	if !strings.Contains(errText(err), "the page comes from https://two.com/feed") {
		t.Errorf("a feed of another host: error %v, want one that names https://two.com/feed", err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
