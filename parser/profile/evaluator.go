package profile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// An evaluator evaluates rules on one row after the other. It collects the problems, and gives rows
// the values that they inherit.
type evaluator struct {
	*extraction
	row       row
	prefix    string           // of the field in problems: "", "matches row 3: ", "incidents[0] row 2: "
	inherited map[*Rule]string // the latest value of each rule that inherits; nil if none can
}

// fault adds a problem.
func (e *evaluator) fault(field string, err error) { e.problem(e.prefix+field, err.Error()) }

// value returns the text of a rule, or the text that the row inherits. It returns "" if the profile
// does not have the rule.
func (e *evaluator) value(ctx context.Context, r *Rule) (string, error) {
	if !r.isSet() {
		return "", nil
	}
	text, err := r.text(ctx, e.row)
	if r.Inherit && e.inherited != nil {
		if text != "" {
			e.inherited[r] = text
		} else if last := e.inherited[r]; last != "" {
			return last, nil
		}
	}
	return text, err
}

// optional returns the value of a rule, or "". It is not a problem if the rule finds nothing.
func (e *evaluator) optional(ctx context.Context, field string, r *Rule) string {
	text, err := e.value(ctx, r)
	if err != nil && !errors.Is(err, errNothing) {
		e.fault(field, err)
	}
	return text
}

// required returns the value of a rule, or "". It is a problem if the rule finds nothing, unless the
// rule is optional.
func (e *evaluator) required(ctx context.Context, field string, r *Rule) string {
	text, err := e.value(ctx, r)
	if err != nil && !(r.Optional && errors.Is(err, errNothing)) {
		e.fault(field, err)
	}
	return text
}

// maxScore is more than any score in any sport, including cricket.
const maxScore = 2000

// score returns the values of two rules as a score, or nil. Problems name the fields in.home_name
// and in.away_name. For a required score it is a problem if a rule finds nothing, unless the rule is
// optional.
func (e *evaluator) score(ctx context.Context, in, name string, home, away *Rule, required bool) *event.Score {
	if !home.isSet() || !away.isSet() {
		return nil
	}
	var s event.Score
	for _, half := range []struct {
		field string
		rule  *Rule
		into  *int
	}{{"home_" + name, home, &s.Home}, {"away_" + name, away, &s.Away}} {
		text, err := e.value(ctx, half.rule)
		if err == nil {
			*half.into, err = strconv.Atoi(text)
			if err != nil || *half.into < 0 || *half.into > maxScore {
				err = fmt.Errorf("%q is not a score", shorten(text))
			}
		} else if (!required || half.rule.Optional) && errors.Is(err, errNothing) {
			return nil
		}
		if err != nil {
			e.fault(in+"."+half.field, err)
			return nil
		}
	}
	return &s
}

// word returns a text that is one of words. Any other text is a problem, and word returns "".
func word[W ~string](e *evaluator, field, text string, words []W) W {
	if text == "" || slices.Contains(words, W(text)) {
		return W(text)
	}
	err := fmt.Errorf("%q is not one of the known words (%s): translate it with map", shorten(text), listed(words))
	e.fault(field, err)
	return ""
}

// listed returns the first of words, for messages.
func listed[W ~string](words []W) string {
	const most = 5
	var all []string
	for _, w := range words[:min(most, len(words))] {
		all = append(all, string(w))
	}
	if len(words) > most {
		all = append(all, "…")
	}
	return strings.Join(all, ", ")
}

// splitWord splits a text into its first word and the rest, such as "live" and "2h". If the first
// word is not one of words, it returns the whole text as first, so that a problem shows all of it.
func splitWord[W ~string](text string, words []W) (first, rest string) {
	if first, rest, ok := strings.Cut(text, " "); ok && slices.Contains(words, W(first)) {
		return first, rest
	}
	return text, ""
}
