package profile

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/itchyny/gojq"
	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/parser/profile/internal/budget"
)

// maxQuote is the maximum length of a quote, in bytes.
const maxQuote = 4 << 10

// maxQuoteSteps is the maximum number of steps for all quotes of a document.
const maxQuoteSteps = budget.MaxSteps / 4

// Quote returns the HTML or JSON at a path of the page; see event.Evidence. It truncates the text
// to 4 KiB. It returns "" if the path is invalid, if there is nothing at the path, if the quotes of
// the document have used too many steps, or if ctx ends.
func (d *Document) Quote(ctx context.Context, path string) string {
	ctx, cancel := d.begin(ctx, maxQuoteSteps-d.quoteSteps)
	defer func() { d.quoteSteps = min(d.quoteSteps+d.budget.Spent(), maxQuoteSteps) }()
	defer cancel()
	switch {
	case path == "":
		return ""
	case strings.HasPrefix(path, "nth("):
		return d.quoteJSON(ctx, path)
	case d.html == nil:
		return ""
	}
	n := d.elementAt(path)
	if n == nil {
		return ""
	}
	var b quoteBuffer
	_ = html.Render(&b, n) // an error means that the buffer is full
	return truncateQuote(string(b.text))
}

func (d *Document) quoteJSON(ctx context.Context, path string) string {
	query, err := gojq.Parse(path)
	if err != nil {
		return ""
	}
	v, ok := query.RunWithContext(d.budget.Query(ctx), d.json).Next()
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

// step matches a step of a path; see row.cssPath.
var step = regexp.MustCompile(`^([^\s#:>]+)(?:#([A-Za-z0-9_-]+)|:nth-child\((\d{1,9})\))?$`)

// A pathStep is a step of a path: the name of an element, and its ID or its position among its
// siblings, if any.
type pathStep struct {
	name, id string // id is "" for any ID
	position int    // 0 for any
}

// elementAt returns the first element at a path, or nil. It returns nil if the budget has ended.
func (d *Document) elementAt(path string) *html.Node {
	var steps []pathStep
	for text := range strings.SplitSeq(path, " > ") {
		m := step.FindStringSubmatch(text)
		if m == nil {
			return nil
		}
		position, _ := strconv.Atoi(m[3])
		steps = append(steps, pathStep{m[1], m[2], position})
	}
	for n := range d.html.Get(0).Descendants() {
		if !d.budget.Spend(1) {
			return nil
		}
		if d.isAt(n, steps[0]) {
			if found := d.below(n, steps[1:]); found != nil {
				return found
			}
		}
	}
	return nil
}

// isAt reports whether a node is an element at a step of a path.
func (d *Document) isAt(n *html.Node, s pathStep) bool {
	return n.Type == html.ElementNode && n.Data == s.name &&
		(s.id == "" || idOf(n) == s.id) && (s.position == 0 || d.position(n) == s.position)
}

// below returns the first element below n at the remaining steps of a path, or nil. If no steps
// remain, it returns n.
func (d *Document) below(n *html.Node, steps []pathStep) *html.Node {
	if len(steps) == 0 {
		return n
	}
	for child := range n.ChildNodes() {
		if !d.budget.Spend(1) {
			return nil
		}
		if d.isAt(child, steps[0]) {
			if found := d.below(child, steps[1:]); found != nil {
				return found
			}
		}
	}
	return nil
}

// A quoteBuffer keeps the beginning of a quote. Write returns an error when the buffer is full.
type quoteBuffer struct{ text []byte }

var errFull = errors.New("the quote is full")

func (b *quoteBuffer) Write(p []byte) (int, error) {
	b.text = append(b.text, p[:min(len(p), maxQuote+1)]...)
	if len(b.text) > maxQuote {
		return 0, errFull
	}
	return len(p), nil
}
