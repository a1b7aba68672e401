package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"

	"github.com/matchwire/matchwire/parser/page"
)

// A Document is a page parsed for one profile. Only one goroutine can use it at
// a time.
type Document struct {
	profile *Profile
	html    *goquery.Document // nil for a JSON page
	index   *index            // nil for a JSON page
	json    any               // the page, or the JSON that stands in it; nil if there is none
}

// Parse parses a page once for all that is asked of it. The error says why it
// is not a page of the profile's format: it is empty, of another kind or cut off.
func (p *Profile) Parse(ctx context.Context, pg page.Page) (*Document, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	d, err := p.parse(ctx, pg)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("reading the page: %w", context.Cause(ctx))
	}
	return d, err
}

func (p *Profile) parse(ctx context.Context, fetched page.Page) (*Document, error) {
	if len(bytes.TrimSpace(fetched.Body)) == 0 {
		return nil, errors.New("the page is empty")
	}
	d := &Document{profile: p}
	if p.Format == "json" {
		return d, decodeJSON(fetched.Body, &d.json)
	}
	if json.Valid(fetched.Body) {
		return nil, errors.New("the page is JSON, not HTML: such a profile says format: json")
	}
	if kind := http.DetectContentType(fetched.Body); !strings.HasPrefix(kind, "text/") || !bytes.ContainsRune(fetched.Body, '<') {
		return nil, fmt.Errorf("the page is not HTML (it looks like %s)", kind)
	}
	if p.Complete == nil && cutOff(fetched.Body) {
		return nil, errors.New("the page is cut off: it begins <html> and does not end it")
	}
	var err error
	if d.html, err = goquery.NewDocumentFromReader(decoded(fetched)); err != nil {
		return nil, fmt.Errorf("the page cannot be read: %w", err)
	}
	if p.Comments {
		openComments(d.html)
	}
	d.index = newIndex(d.html, p.keys)
	if p.Complete != nil && d.page().first(p.Complete).Length() == 0 {
		return nil, fmt.Errorf("the page is cut off: no element %s", p.Complete.text)
	}
	if p.JSON.IsSet() {
		if err := d.openJSON(ctx, &p.JSON); err != nil {
			return nil, fmt.Errorf("json: %w", err)
		}
	}
	return d, nil
}

// cutOff reports whether a page begins <html> and does not end it.
func cutOff(body []byte) bool {
	for _, end := range []string{"</html", "</HTML"} {
		if bytes.LastIndex(body, []byte(end)) >= 0 {
			return false
		}
	}
	lower := bytes.ToLower(body)
	return bytes.Contains(lower, []byte("<html")) && !bytes.Contains(lower, []byte("</html"))
}

// openComments makes the markup inside comments part of the page: some sites
// send tables so, for a script to show.
func openComments(doc *goquery.Document) {
	var comments []*html.Node
	for n := range doc.Get(0).Descendants() {
		if n.Type == html.CommentNode && strings.Contains(n.Data, "<") && n.Parent.Type == html.ElementNode {
			comments = append(comments, n)
		}
	}
	for _, c := range comments {
		// goquery's ReplaceWithHtml panics on markup that html.ParseFragment refuses.
		inside, err := html.ParseFragment(strings.NewReader(c.Data), c.Parent)
		if err != nil {
			continue // nested too deeply: it stays a comment
		}
		doc.FindNodes(c).ReplaceWithNodes(inside...)
	}
}

// openJSON finds and decodes the JSON that stands in the page.
func (d *Document) openJSON(ctx context.Context, r *Rule) error {
	if r.As == asFlight {
		var scripts []string
		for _, script := range d.page().find(r.CSS).EachIter() {
			scripts = append(scripts, script.Text())
		}
		if len(scripts) == 0 {
			return nothing("no element %s", r.CSS.text)
		}
		d.json = readFlight(scripts)
		return nil
	}
	text, err := d.page().source(ctx, r)
	if err != nil {
		return err
	}
	if text, err = cut(r, text); err != nil {
		return err
	}
	if err := decodeScript(text, &d.json); err != nil {
		if strings.Contains(text, "__next_f.push") {
			err = fmt.Errorf("%w; it looks like React's flight chunks: as: flight", err)
		}
		return err
	}
	return nil
}

// decoded reads the page's text: by the charset that the response or the page
// declares, else as UTF-8 if it can be, else as the charset that it looks like.
func decoded(fetched page.Page) io.Reader {
	encoding, name, declared := charset.DetermineEncoding(fetched.Body, fetched.Header.Get("Content-Type"))
	if name == "utf-8" || !declared && utf8.Valid(fetched.Body) {
		return bytes.NewReader(fetched.Body)
	}
	return encoding.NewDecoder().Reader(bytes.NewReader(fetched.Body))
}

// page is the scope of rules for the page as a whole.
func (d *Document) page() scope {
	s := scope{doc: d, json: d.json}
	if d.html != nil {
		s.html = d.html.Selection
	}
	return s
}
