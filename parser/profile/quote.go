package profile

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
	"github.com/itchyny/gojq"
)

// maxQuote bounds what is quoted of a page, in bytes.
const maxQuote = 4 << 10

// Quote returns the HTML or JSON at a path, as the evidence of an event names
// it: at most 4 KB of it, and "" if there is nothing.
func (d *Document) Quote(ctx context.Context, path string) string {
	ctx, cancel := bounded(ctx)
	defer cancel()
	switch {
	case path == "":
		return ""
	case strings.HasPrefix(path, "nth("):
		return d.quoteJSON(ctx, path)
	case d.html == nil:
		return ""
	}
	row, err := goquery.OuterHtml(d.html.FindMatcher(goquery.Single(path)))
	if err != nil {
		return ""
	}
	return shortened(row)
}

func (d *Document) quoteJSON(ctx context.Context, path string) string {
	query, err := gojq.Parse(path)
	if err != nil {
		return ""
	}
	v, ok := query.RunWithContext(ctx, d.json).Next()
	if _, failed := v.(error); !ok || failed || v == nil {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return shortened(string(b))
}

// shortened is a text of at most maxQuote bytes, in whole characters.
func shortened(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxQuote {
		return s
	}
	end := maxQuote - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
