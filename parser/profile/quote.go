package profile

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
)

// maxQuote is the maximum length of a quote, in bytes.
const maxQuote = 4 << 10

// Quote returns the HTML or JSON at a path of the page; see event.Evidence. It truncates the text
// to 4 KiB. It returns "" if the path is invalid or there is nothing at the path.
func (d *Document) Quote(ctx context.Context, path string) string {
	ctx, cancel := withTimeout(ctx)
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
	return truncateQuote(row)
}

func (d *Document) quoteJSON(ctx context.Context, path string) string {
	q := &query{source: path}
	if q.compile() != nil {
		return ""
	}
	v, ok := q.run(ctx, d, d.json).Next()
	if _, failed := v.(error); !ok || failed || v == nil {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return truncateQuote(string(b))
}

// truncateQuote returns s as valid UTF-8, truncated to maxQuote bytes.
func truncateQuote(s string) string {
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
