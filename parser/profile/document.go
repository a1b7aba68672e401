package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile/internal/budget"
	"github.com/matchwire/matchwire/parser/profile/internal/css"
	"github.com/matchwire/matchwire/parser/profile/internal/pagehtml"
	"github.com/matchwire/matchwire/parser/profile/internal/pagejson"
	"github.com/matchwire/matchwire/parser/profile/internal/pagetext"
)

// A Document is a page that was parsed for one profile. It is not safe for concurrent use.
type Document struct {
	profile *Profile          // with the layout of the page
	html    *goquery.Document // nil for a JSON page
	index   *css.Index        // nil for a JSON page
	json    any               // the JSON page, or the JSON in an HTML page; nil if there is none
	at      time.Time         // when the site created the page

	budget    *budget.Budget     // of the current call
	positions map[*html.Node]int // see position

	quoteSteps int // number of steps that quotes have used
}

// Parse parses a page. It returns an error if the page is empty or truncated, or if the profile is
// for a different format, host or layout. It also returns an error if the JSON is missing or invalid,
// if parsing needs too much time or memory, or if ctx ends.
func (p *Profile) Parse(ctx context.Context, pg page.Page) (*Document, error) {
	d := &Document{profile: p, at: created(pg)}
	if err := d.parseWithin(ctx, pg, budget.MaxSteps); err != nil {
		return nil, err
	}
	return d, nil
}

// parseWithin parses a page with a budget of steps.
func (d *Document) parseWithin(ctx context.Context, pg page.Page, steps int) error {
	ctx, cancel := d.begin(ctx, steps)
	defer cancel()
	err := d.parse(ctx, pg)
	if ctxErr := contextError(ctx); ctxErr != nil {
		err = ctxErr
	}
	return err
}

// created returns the time at which the site created a page. If a cache sent the page, this time is
// earlier than the time of the response. For a page without a time, created returns the current
// time.
func created(pg page.Page) time.Time {
	if pg.At.IsZero() {
		return time.Now()
	}
	age, err := strconv.Atoi(pg.Header.Get("Age"))
	if err != nil || age < 0 {
		age = 0
	}
	return pg.At.Add(-time.Duration(min(age, maxAge)) * time.Second)
}

// maxAge is the upper limit for the Age header, in seconds. A greater value counts as maxAge.
const maxAge = 24 * 60 * 60

func (d *Document) parse(ctx context.Context, pg page.Page) (err error) {
	contentType := pg.Header.Get("Content-Type")
	body, marked := pagetext.WithoutMark(pg.Body)
	if marked {
		contentType = "text/plain; charset=utf-8"
	}
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return errors.New("the page is empty")
	case d.profile.Format == "json":
		if err := d.checkHost(pg); err != nil {
			return err
		}
		if body, err = pagetext.JSON(body, contentType); err != nil {
			return err
		}
		v, err := pagejson.Decode(body)
		if err != nil {
			return err
		}
		return d.chooseLayout(ctx, v)
	}
	if err := d.parseHTML(ctx, body, contentType); err != nil {
		return err
	}
	if err := d.checkHost(pg); err != nil {
		return err
	}
	return d.chooseLayout(ctx, nil)
}

func (d *Document) parseHTML(ctx context.Context, body []byte, contentType string) error {
	complete := d.profile.Complete
	if json.Valid(body) {
		return errors.New("the page is JSON, not HTML: the profile needs format: json")
	}
	if kind := http.DetectContentType(body); !strings.HasPrefix(kind, "text/") || !bytes.ContainsRune(body, '<') {
		return fmt.Errorf("the page is not HTML (it looks like %s)", kind)
	}
	if complete == nil && truncated(body) {
		return errors.New("the page is truncated: it has <html>, but no </html>")
	}
	p := pagehtml.NewParser(len(body))
	root, err := p.Parse(ctx, pagetext.HTML(body, contentType))
	if err == nil && d.profile.Comments {
		err = parseComments(ctx, p, root)
	}
	if err != nil {
		return fmt.Errorf("parsing the page: %w", err)
	}
	d.html = goquery.NewDocumentFromNode(root)
	d.index = css.NewIndex(d.html, d.profile.keys)
	if complete != nil && d.page().first(complete).Length() == 0 {
		return fmt.Errorf("the page is truncated: it lacks the element %s, which complete requires", complete.Text)
	}
	return nil
}

// truncated reports whether a page has <html>, but no </html>. It first searches for the usual
// spellings of </html>, which is faster than converting the page to lower case.
func truncated(body []byte) bool {
	for _, end := range []string{"</html", "</HTML"} {
		if bytes.LastIndex(body, []byte(end)) >= 0 {
			return false
		}
	}
	lower := bytes.ToLower(body)
	return bytes.Contains(lower, []byte("<html")) && !bytes.Contains(lower, []byte("</html"))
}

// parseComments replaces comments that contain markup with the markup. Some sites send tables in
// comments, and a script on the page replaces the comments.
func parseComments(ctx context.Context, p *pagehtml.Parser, root *html.Node) error {
	var comments []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.CommentNode && strings.Contains(n.Data, "<") && n.Parent.Type == html.ElementNode {
			comments = append(comments, n)
		}
	}
	for _, c := range comments {
		inside, err := p.Fragment(ctx, c.Data, c.Parent)
		switch {
		case ctx.Err() != nil || errors.Is(err, pagehtml.ErrTooLarge):
			return err
		case err != nil:
			continue // the markup is nested too deeply: do not replace the comment
		}
		for _, n := range inside {
			c.Parent.InsertBefore(n, c)
		}
		c.Parent.RemoveChild(c)
	}
	return nil
}

// embeddedJSON returns the JSON that the rule finds in an HTML page.
func (d *Document) embeddedJSON(ctx context.Context, r *Rule) (any, error) {
	if r.As == asFlight {
		scripts := d.page().find(r.CSS)
		if scripts.Length() == 0 {
			return nil, nothing("no element %s", r.CSS.Text)
		}
		return pagejson.DecodeFlight(scripts.Map(func(_ int, script *goquery.Selection) string { return script.Text() }))
	}
	text, err := r.source(ctx, d.page())
	if err != nil {
		return nil, err
	}
	if text, err = r.cut(ctx, text); err != nil {
		return nil, err
	}
	v, err := pagejson.DecodeScript(text)
	if err != nil && strings.Contains(text, "__next_f.push") {
		err = fmt.Errorf("%w; the script looks like React's flight format: try as: flight", err)
	}
	return v, err
}

// CheckURL parses the URL of a page. It returns an error if the URL is invalid, or if the profile
// is not for the host of the URL.
func (p *Profile) CheckURL(rawURL string) (*url.URL, error) {
	u, err := page.CheckURL(rawURL)
	if err != nil || p.reads(u.Hostname()) {
		return u, err
	}
	return nil, fmt.Errorf("URL %q: %s: for other pages, print the profile with \"matchwire profiles %s\", and change "+
		"profile and hosts in the copy", u.Redacted(), p.onlyReads(), p.Name)
}

// reads reports whether the profile is for a host. A profile for a host is also for its subdomains.
// A profile without hosts is for all hosts.
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
// no known host. For such a page, checkHost uses the address that the page itself names. It accepts
// pages without such an address, and reserved hosts.
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

// ownURL returns the address that an HTML page names as its own, in the canonical link, og:url or
// base. It returns nil if the page names no address.
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

// isReserved reports whether a host is in a top-level domain that RFC 2606 reserves, so that no site
// can use it. Sample pages use such hosts.
func isReserved(host string) bool {
	labels := strings.Split(strings.ToLower(strings.TrimSuffix(host, ".")), ".")
	return slices.Contains([]string{"example", "test", "invalid"}, labels[len(labels)-1])
}
