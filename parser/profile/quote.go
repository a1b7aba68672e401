package profile

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
	"github.com/itchyny/gojq"

	"github.com/matchwire/matchwire/parser/page"
)

// maxQuote bounds what is quoted of a page, in bytes.
const maxQuote = 4 << 10

// A quoter quotes what stands at places of a page, as an event's evidence
// names them. The page is parsed when the first is asked for: most pages bring
// no event.
type Quoter struct {
	Profile *Profile
	Page    page.Page
	Ctx     context.Context
	doc     *document
	Failed  bool
}

// quote is the HTML or JSON at a path, cut at 4 KB; "" if there is none.
func (q *Quoter) Quote(path string) string {
	if path == "" || q.Failed {
		return ""
	}
	if q.doc == nil {
		doc, err := q.Profile.open(q.Ctx, q.Page)
		if q.Failed = err != nil; q.Failed {
			return ""
		}
		q.doc = doc
	}
	if strings.HasPrefix(path, "nth(") {
		return q.json(path)
	}
	if q.doc.html == nil {
		return ""
	}
	row, err := goquery.OuterHtml(q.doc.html.FindMatcher(goquery.Single(path)))
	if err != nil {
		return ""
	}
	return shortened(row)
}

func (q *Quoter) json(path string) string {
	query, err := gojq.Parse(path)
	if err != nil {
		return ""
	}
	v, ok := query.RunWithContext(q.Ctx, q.doc.json).Next()
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
