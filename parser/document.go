package parser

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html/charset"
)

// A document is a page ready to be asked.
type document struct {
	html *goquery.Selection // nil for a JSON page
	json any                // nil where the profile asks no jq
}

// open parses a page as the profile has it. The error says why it is no page
// of that kind.
func (p *Profile) open(page Page) (*document, error) {
	if len(bytes.TrimSpace(page.Body)) == 0 {
		return nil, errors.New("the page is empty")
	}
	d := &document{}
	if p.Format == "json" {
		return d, decodeJSON(page.Body, &d.json)
	}
	if kind := http.DetectContentType(page.Body); !strings.HasPrefix(kind, "text/") || !bytes.ContainsRune(page.Body, '<') {
		return nil, fmt.Errorf("the page is not HTML (it looks like %s)", kind)
	}
	r, err := charset.NewReader(bytes.NewReader(page.Body), page.ContentType)
	if err != nil {
		return nil, fmt.Errorf("the page's charset: %w", err)
	}
	doc, err := goquery.NewDocumentFromReader(r)
	if err != nil {
		return nil, fmt.Errorf("the page is not HTML: %w", err)
	}
	d.html = doc.Selection
	if p.JSON.set() {
		text, err := d.page().text(&p.JSON)
		if err != nil {
			return nil, fmt.Errorf("json: %w", err)
		}
		if err := decodeJSON([]byte(text), &d.json); err != nil {
			return nil, fmt.Errorf("json: %w", err)
		}
	}
	return d, nil
}

// decodeJSON decodes b, and once more if b is a JSON string that holds JSON.
func decodeJSON(b []byte, v *any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if s, ok := (*v).(string); ok {
		if err := json.Unmarshal([]byte(s), v); err != nil {
			return fmt.Errorf("a JSON string that does not hold JSON: %w", err)
		}
	}
	return nil
}

// page is the scope of rules for the page as a whole.
func (d *document) page() scope { return scope{html: d.html, json: d.json} }
