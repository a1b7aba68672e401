package event

import (
	"fmt"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/internal/spelling"
)

// CheckKind returns an error if k is neither a common kind nor a kind of incident in the sport. If
// s is "", a kind of any sport is valid. The error contains the kind with the most similar
// spelling, or all valid kinds.
func CheckKind(s Sport, k Kind) error {
	kinds := kindsOf(s)
	if slices.Contains(kinds, k) {
		return nil
	}
	// The suffix of a correction may be misspelled too.
	var words []string
	for _, a := range []Action{New, Corrected, Retracted} {
		for _, known := range kinds {
			words = append(words, known.Word(a))
		}
	}
	missing := fmt.Sprintf("there is no kind %q", k)
	if s != "" {
		missing = fmt.Sprintf("%s has no kind %q", s, k)
	}
	return fmt.Errorf("%s; %s", missing, suggest(string(k), words, words[:len(kinds)]))
}

// kindsOf returns the common kinds and the kinds of a sport, or of all sports if s is "".
func kindsOf(s Sport) []Kind {
	if s != "" {
		return append(slices.Clone(s.Rules().Kinds), CommonKinds()...)
	}
	var all []Kind
	for _, s := range Sports() {
		all = append(all, s.Rules().Kinds...)
	}
	all = append(all, CommonKinds()...)
	slices.Sort(all)
	return slices.Compact(all)
}

// CheckKnownKey returns an error if key is not a routing key with a sport and a kind that matchwire knows.
func CheckKnownKey(key string) error {
	err := CheckKey(key)
	if err == nil {
		if err = checkWords(topicWords(key)); err != nil {
			err = fmt.Errorf("routing key %q: %w", key, err)
		}
	}
	return err
}

// CheckTopic returns an error if a topic pattern can match no event of the sports and kinds that
// matchwire knows. To match events of other kinds, use * in place of the kind.
func CheckTopic(pattern string) error {
	err := CheckPattern(pattern)
	if err == nil {
		if err = checkWords(topicWords(pattern)); err != nil {
			err = fmt.Errorf("topic pattern %q: %w", pattern, err)
		}
	}
	return err
}

// checkWords checks the sport and the kind in the words of a valid routing key or topic pattern. A
// routing key has three words, so the first word is the sport and the last word is the kind, unless
// the word is a wildcard.
func checkWords(words []string) error {
	literal := func(word string) bool { return word != "*" && word != "#" }
	var sport Sport
	if first := words[0]; literal(first) {
		if sport = Sport(first); !slices.Contains(Sports(), sport) {
			var names []string
			for _, s := range Sports() {
				names = append(names, string(s))
			}
			return fmt.Errorf("there is no sport %q; %s (a profile can define another sport)",
				first, suggest(first, names, names))
		}
	}
	if last := words[len(words)-1]; literal(last) {
		return CheckKind(sport, BaseKind(last))
	}
	return nil
}

// suggest returns a question with the word whose spelling is most similar to a misspelled word. If all
// words differ too much, suggest chooses a word that contains the misspelled word or is part of it. If
// there is no such word either, suggest lists the words in all.
func suggest(misspelled string, words, all []string) string {
	nearest, least := "", (len(misspelled)+2)/3+1
	for _, w := range words {
		if d := spelling.Distance(misspelled, w); d < least {
			nearest, least = w, d
		}
	}
	if nearest == "" { // misspelled is, for example, own_goal or yellow
		i := slices.IndexFunc(words, func(w string) bool {
			return strings.Contains(misspelled, w) || strings.Contains(w, misspelled)
		})
		if i < 0 {
			return "want one of " + strings.Join(all, ", ")
		}
		nearest = words[i]
	}
	return fmt.Sprintf("did you mean %q?", nearest)
}
