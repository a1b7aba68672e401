package event

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// MatchAny reports whether a routing key matches any of the patterns.
func MatchAny(patterns []string, key string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return MatchTopic(p, key) })
}

// MatchTopic reports whether a routing key matches an AMQP topic pattern. In a pattern, * matches
// exactly one word, and # matches zero or more words. Dots separate words: "" has no words, and
// "a." has two words.
func MatchTopic(pattern, key string) bool {
	p, k := topicWords(pattern), topicWords(key)
	// This is glob matching, with # in place of the glob's star. On a mismatch, go back to the
	// latest # and let it match one more word. hash is the index of the latest # in p. end is the
	// index in k of the first word that this # does not match.
	pi, ki, hash, end := 0, 0, -1, 0
	for ki < len(k) {
		switch {
		case pi < len(p) && p[pi] == "#":
			hash, end = pi, ki
			pi++
		case pi < len(p) && (p[pi] == "*" || p[pi] == k[ki]):
			pi++
			ki++
		case hash >= 0:
			end++
			pi, ki = hash+1, end
		default:
			return false
		}
	}
	for pi < len(p) && p[pi] == "#" {
		pi++
	}
	return pi == len(p)
}

func topicWords(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ".")
}

var patternShape = regexp.MustCompile(`^([a-z0-9_]+|\*|#)(\.([a-z0-9_]+|\*|#))*$`)

// CheckPattern returns an error if a topic pattern can match no event. Routing keys have three
// words of a-z, 0-9 and _.
func CheckPattern(p string) error {
	words := topicWords(p)
	hashes := 0
	for _, w := range words {
		if w == "#" {
			hashes++
		}
	}
	if !patternShape.MatchString(p) || len(words)-hashes > 3 || hashes == 0 && len(words) != 3 {
		return fmt.Errorf("topic pattern %q matches no event: want three words like soccer.mls.*, "+
			"where * is any word and # any number of words", p)
	}
	return nil
}
