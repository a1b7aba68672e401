package profile

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/PuerkitoBio/goquery"

	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/profile/internal/pagetext"
)

// errNothing means that a rule found nothing. The text of an error that wraps errNothing describes
// the reason.
var errNothing = errors.New("nothing found")

// nothing returns an error that wraps errNothing.
func nothing(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errNothing, fmt.Sprintf(format, args...))
}

// A mismatch is the error of a rule whose regular expression does not match the text on the page.
// It wraps errNothing.
type mismatch struct{ error }

func (m mismatch) Unwrap() error { return m.error }

// text returns the value of a rule on a row, or the value that the row inherits. The error wraps
// errNothing if the row does not have the value. Any other error means that the value is invalid or
// the evaluation failed.
func (r *Rule) text(ctx context.Context, on row) (string, error) {
	text, _, err := r.choose(ctx, on)
	return text, err
}

// choose is like text. It also returns the alternative that has the value, or r if r has no
// alternatives.
func (r *Rule) choose(ctx context.Context, on row) (string, *Rule, error) {
	if r.alternatives != nil {
		return r.firstText(ctx, on)
	}
	text, err := r.ownText(ctx, on)
	if r.Inherit && on.inherited != nil {
		if err == nil {
			on.inherited[r] = text
		} else if last := on.inherited[r]; last != "" {
			return last, r, nil
		}
	}
	return text, r, err
}

// ownText returns the value of a rule without alternatives on the row itself.
func (r *Rule) ownText(ctx context.Context, on row) (string, error) {
	text, err := r.source(ctx, on)
	if err != nil {
		return "", err
	}
	whole := len(text)
	if whole > maxText {
		return "", fmt.Errorf("the text has more than %d MiB", maxText>>20)
	}
	if text, err = r.cut(ctx, squeeze(repair(text))); err != nil {
		return "", err
	}
	if text = squeeze(repair(text)); text == "" {
		return "", nothing("the text is empty")
	}
	if !on.doc.budget.Spend(whole/8 + len(text)*8) { // the value stays in memory, so its bytes count more
		return "", on.doc.budget.Reason()
	}
	if whole > 2*len(text) {
		text = strings.Clone(text) // so that the whole text can be freed
	}
	if text, err = r.translate(text); err != nil {
		return "", err
	}
	return r.Prefix + text, nil
}

// firstText returns the value of the first alternative that finds one, and this alternative. It
// stops at the first error that does not wrap errNothing.
func (r *Rule) firstText(ctx context.Context, on row) (string, *Rule, error) {
	var missing []string
	var unmatched mismatch
	for i := range r.alternatives {
		text, chosen, err := r.alternatives[i].choose(ctx, on)
		if err == nil {
			return text, chosen, nil
		}
		if !errors.Is(err, errNothing) {
			return "", nil, err
		}
		errors.As(err, &unmatched)
		missing = append(missing, strings.TrimPrefix(err.Error(), errNothing.Error()+": "))
	}
	err := nothing("%s", strings.Join(missing, "; "))
	if unmatched.error != nil {
		err = mismatch{err}
	}
	return "", nil, err
}

// source returns the text that the rule finds, before conversion.
func (r *Rule) source(ctx context.Context, on row) (string, error) {
	switch {
	case r.Value != "":
		return r.Value, nil
	case r.Join != nil:
		return joined(ctx, r.Join, on)
	case r.From != nil:
		values, err := r.From.values(ctx, on)
		if err != nil {
			return "", err
		}
		return r.JQ.text(ctx, on.doc, values)
	case r.JQ != nil:
		return r.JQ.text(ctx, on.doc, on.json)
	case on.html == nil:
		return "", nothing("a selector cannot search JSON")
	case r.When.entries != nil:
		return r.When.firstKey(on)
	case r.CSS == nil:
		return r.elementText(on, on.html)
	}
	element := on.first(r.CSS)
	if element.Length() == 0 {
		return "", nothing("no element %s", r.CSS.Text)
	}
	return r.elementText(on, element)
}

// joined returns the values of several rules, separated by spaces. It skips rules that find
// nothing.
func joined(ctx context.Context, rules []Rule, on row) (string, error) {
	var texts []string
	for i := range rules {
		text, err := rules[i].text(ctx, on)
		switch {
		case err == nil:
			texts = append(texts, text)
		case !errors.Is(err, errNothing):
			return "", err
		}
	}
	if texts == nil {
		return "", nothing("join: no rule finds a value")
	}
	return strings.Join(texts, " "), nil
}

// firstKey returns the key of the first entry whose selector matches the row or an element below
// it.
func (t table) firstKey(on row) (string, error) {
	for _, e := range t.entries {
		if on.first(e.when).Length() > 0 {
			return e.key, nil
		}
	}
	return "", nothing("when: no selector matches")
}

// elementText returns the text that the rule selects from an element: an attribute, the text
// directly in the element, or all text in the element.
func (r *Rule) elementText(on row, element *goquery.Selection) (string, error) {
	switch {
	case r.Attr != "":
		value, ok := element.Attr(r.Attr)
		if !ok {
			return "", nothing("no attribute %s", r.Attr)
		}
		return value, nil
	case r.OwnText:
		return pagetext.Own(element.Get(0)), nil
	}
	text, ok := pagetext.Visible(element.Get(0), on.doc.budget.Spend)
	if !ok {
		return "", on.doc.budget.Reason()
	}
	return text, nil
}

// cut returns the part of text that the rule's regular expression matches: its first group, or the
// whole match if it has no group. Without a regular expression, cut returns text.
func (r *Rule) cut(ctx context.Context, text string) (string, error) {
	if r.Regexp == nil {
		return text, nil
	}
	m := r.Regexp.find(ctx, text)
	if m == nil {
		return "", mismatch{nothing("%q does not match %s", shorten(text), r.Regexp.re)}
	}
	return m[min(1, len(m)-1)], nil
}

// translate returns the value of text in the rule's map. Without a map, it returns text.
func (r *Rule) translate(text string) (string, error) {
	if r.Map.entries == nil {
		return text, nil
	}
	to, ok := r.Map.lookup(text)
	switch {
	case !ok:
		return "", unreadable{fmt.Errorf("%q is not in the map", shorten(text)), text}
	case to == "":
		return "", nothing("the map has no value for %q", shorten(text))
	}
	return to, nil
}

// maxName is the maximum length of a string that repair repairs, in bytes. Longer strings are
// usually scripts, not names.
const maxName = 1000

// maxText is the maximum length of the text that a rule finds for a value, in bytes.
const maxText = 4 << 20

// repair repairs text that was encoded as UTF-8 twice. Call it before squeeze, because a part of a
// letter can look like white space. Call repair again after cut, because sometimes only a part of
// the text can be repaired.
func repair(text string) string {
	if len(text) > maxName {
		return text
	}
	return observation.RepairEncoding(text)
}

// squeeze replaces each run of white space, including non-breaking spaces, with one space. It removes
// white space at both ends.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// shorten shortens s for messages. If s has more than 60 characters, it replaces the characters after
// the 60th with "…".
func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
