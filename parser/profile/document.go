package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/parser/page"
)

// A Document is a page that is parsed for one profile. It is not safe for concurrent use.
type Document struct {
	profile *Profile
	html    *goquery.Document // nil for a JSON page
	index   *index            // nil for a JSON page
	json    any               // the JSON page, or the JSON in an HTML page; nil if there is none
	at      time.Time         // when the site created the page
}

// Parse parses a page. It returns an error if the page is empty, truncated or in a different format
// from the profile's, or if its embedded JSON is missing or invalid.
func (p *Profile) Parse(ctx context.Context, pg page.Page) (*Document, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	d := &Document{profile: p, at: created(pg)}
	err := d.parse(ctx, pg)
	if ctxErr := contextError(ctx); ctxErr != nil {
		err = ctxErr
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// created returns the time when the site created a page: a cache can have answered with an older
// copy. A page without a time was created now.
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

// maxAge is the longest Age of a page that is used, in seconds.
const maxAge = 24 * 60 * 60

func (d *Document) parse(ctx context.Context, pg page.Page) (err error) {
	contentType := pg.Header.Get("Content-Type")
	body, marked := withoutMark(pg.Body)
	if marked {
		contentType = "text/plain; charset=utf-8"
	}
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return errors.New("the page is empty")
	case d.profile.Format == "json":
		if body, err = jsonText(body, contentType); err != nil {
			return err
		}
		d.json, err = decodeJSON(body)
		return err
	}
	if err := d.parseHTML(body, contentType); err != nil {
		return err
	}
	if d.profile.JSON.isSet() {
		if d.json, err = d.embeddedJSON(ctx, &d.profile.JSON); err != nil {
			return fmt.Errorf("json: %w", err)
		}
	}
	return nil
}

func (d *Document) parseHTML(body []byte, contentType string) (err error) {
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
	if d.html, err = goquery.NewDocumentFromReader(htmlText(body, contentType)); err != nil {
		return fmt.Errorf("parsing the page: %w", err)
	}
	if d.profile.Comments {
		parseComments(d.html)
	}
	d.index = newIndex(d.html, d.profile.keys)
	if complete != nil && d.page().first(complete).Length() == 0 {
		return fmt.Errorf("the page is truncated: it lacks the element %s, which complete requires", complete.text)
	}
	return nil
}

// truncated reports whether a page has <html> without </html>. It first searches for the usual
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
func parseComments(doc *goquery.Document) {
	var comments []*html.Node
	for n := range doc.Get(0).Descendants() {
		if n.Type == html.CommentNode && strings.Contains(n.Data, "<") && n.Parent.Type == html.ElementNode {
			comments = append(comments, n)
		}
	}
	for _, c := range comments {
		// Do not use goquery's ReplaceWithHtml: it panics on markup that html.ParseFragment rejects.
		inside, err := html.ParseFragment(strings.NewReader(c.Data), c.Parent)
		if err != nil {
			continue // the markup is nested too deeply: do not replace the comment
		}
		doc.FindNodes(c).ReplaceWithNodes(inside...)
	}
}
