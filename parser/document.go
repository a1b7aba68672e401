package parser

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

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
	if bytes.Contains(bytes.ToLower(page.Body), []byte("<html")) && !bytes.Contains(bytes.ToLower(page.Body), []byte("</html")) {
		return nil, errors.New("the page is cut off: it begins <html> and does not end it")
	}
	doc, err := goquery.NewDocumentFromReader(decoded(page))
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

// decoded reads the page's text: by the charset that the response or the page
// declares, else as UTF-8 if it can be, else as the charset that it looks like.
func decoded(page Page) io.Reader {
	encoding, _, declared := charset.DetermineEncoding(page.Body, page.ContentType)
	if !declared && utf8.Valid(page.Body) {
		return bytes.NewReader(page.Body)
	}
	return encoding.NewDecoder().Reader(bytes.NewReader(page.Body))
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
