package profile

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/parser/page"
)

// CheckURL parses the URL of a page. It returns an error if the URL is invalid, or if the profile
// is not for the host of the URL.
func (p *Profile) CheckURL(rawURL string) (*url.URL, error) {
	u, err := page.CheckURL(rawURL)
	if err != nil || p.reads(u.Hostname()) {
		return u, err
	}
	return nil, fmt.Errorf("URL %q: %s", u.Redacted(), p.onlyReads())
}

// reads reports whether the profile is for a host.
func (p *Profile) reads(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return len(p.Hosts) == 0 || slices.ContainsFunc(p.Hosts, func(h string) bool {
		return host == h || strings.HasSuffix(host, "."+h)
	})
}

func (p *Profile) onlyReads() string {
	return fmt.Sprintf("profile %s reads only pages of %s", p.Name, strings.Join(p.Hosts, ", "))
}

// checkHost returns an error if the profile is not for the host of the page. A page from a file has
// no known host. For such a page, checkHost uses the page's own address.
func (d *Document) checkHost(pg page.Page) error {
	if len(d.profile.Hosts) == 0 {
		return nil
	}
	u, err := page.CheckURL(pg.URL)
	what := "the page comes from"
	if err != nil {
		u, what = d.ownURL(), "the page's own address is"
	}
	if u == nil || isReserved(u.Hostname()) || d.profile.reads(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%s %s: %s", what, u.Redacted(), d.profile.onlyReads())
}

// ownURL returns the own address of an HTML page: its canonical link, og:url or base. It returns nil if
// the page has none.
func (d *Document) ownURL() *url.URL {
	if d.html == nil {
		return nil
	}
	for _, place := range []struct{ selector, attr string }{
		{"link[rel=canonical]", "href"}, {`meta[property="og:url"]`, "content"}, {"base", "href"},
	} {
		text, _ := d.html.Find(place.selector).First().Attr(place.attr)
		if u, err := url.Parse(strings.TrimSpace(text)); err == nil && u.Host != "" {
			return unarchived(u)
		}
	}
	return nil
}

// unarchived returns the original address of a page in the Internet Archive. It returns other
// addresses unchanged.
func unarchived(u *url.URL) *url.URL {
	if u.Hostname() != "web.archive.org" {
		return u
	}
	if _, original, ok := strings.Cut(u.String()[len("https://"):], "/http"); ok {
		if inner, err := url.Parse("http" + original); err == nil && inner.Host != "" {
			return inner
		}
	}
	return u
}

// isReserved reports whether RFC 2606 reserves the name of the host. No site can use such names,
// but sample pages can.
func isReserved(host string) bool {
	labels := strings.Split(strings.ToLower(strings.TrimSuffix(host, ".")), ".")
	return slices.Contains([]string{"example", "test", "invalid"}, labels[len(labels)-1])
}
