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

// An evaluator evaluates the rules of a profile on one row after the other. It reports problems and
// lets rows inherit values.
type evaluator struct {
	*extraction
	row       row
	prefix    string           // of the field in each problem: "", "matches row 3: ", "incidents[0] row 2: "
	inherited map[*Rule]string // the last value of each rule that inherits; nil if nothing can be inherited
}

func (e *evaluator) fault(field string, err error) { e.problem(e.prefix+field, err.Error()) }

// value returns the text of a rule, or the inherited one. It is "" if the profile does not have the
// rule.
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

// optional returns the value of a rule. It is no problem if nothing is found.
func (e *evaluator) optional(ctx context.Context, field string, r *Rule) string {
	text, err := e.value(ctx, r)
	if err != nil && !errors.Is(err, errNothing) {
		e.fault(field, err)
	}
	return text
}

// required returns the value of a rule. It is a problem if nothing is found, unless the rule says
// that it is optional.
func (e *evaluator) required(ctx context.Context, field string, r *Rule) string {
	text, err := e.value(ctx, r)
	if err != nil && !(r.Optional && errors.Is(err, errNothing)) {
		e.fault(field, err)
	}
	return text
}

// maxScore is beyond any score of any sport, innings of cricket included.
const maxScore = 2000

// score returns the values of two rules as a score, or nil. name says which score it is in problems.
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
				err = fmt.Errorf("%q is no score", shorten(text))
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

// word checks a text that need not come from a map against a vocabulary. A text that is not one of
// the words is a problem and gives "".
func word[W ~string](e *evaluator, field, text string, words []W) W {
	if text == "" || slices.Contains(words, W(text)) {
		return W(text)
	}
	e.fault(field, fmt.Errorf("%q is not one of ours (%s): translate it by a map", shorten(text), listed(words)))
	return ""
}

// listed returns the first words of a vocabulary, for messages.
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

// splitWord splits a text into a word of the vocabulary and what follows it, as in "live 2h". A text
// that begins with no such word stays whole, so that the problem shows all of it.
func splitWord[W ~string](text string, words []W) (first, rest string) {
	if first, rest, ok := strings.Cut(text, " "); ok && slices.Contains(words, W(first)) {
		return first, rest
	}
	return text, ""
}
