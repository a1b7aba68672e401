package event

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Key returns the routing key for events of a sport and a league. word is the result of [Kind.Word].
// The key always has the three words <sport>.<league>.<kind>, so a binding such as "soccer.mls.*"
// matches the events of every publisher.
func Key(s Sport, league, word string) string {
	return Slug(string(s)) + "." + Slug(league) + "." + Slug(word)
}

var wordShape = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

var keyShape = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*(\.[a-z0-9]+(_[a-z0-9]+)*){2}$`)

// CheckKey returns an error if key is not a valid routing key.
func CheckKey(key string) error {
	if len(key) > 255 || !keyShape.MatchString(key) {
		return fmt.Errorf("routing key %q: want <sport>.<league>.<kind> in at most 255 characters, "+
			"each word of a-z and 0-9, with single _ between them", key)
	}
	return nil
}

// CheckLeagueKey returns an error if word cannot be the league's word in routing keys.
func CheckLeagueKey(word string) error {
	if len(word) > maxSlug || !wordShape.MatchString(word) {
		return fmt.Errorf(
			"league key %q: want at most %d characters of a-z and 0-9, with single _ between them",
			word,
			maxSlug,
		)
	}
	return nil
}

var matchIDShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$`)

// CheckMatchID returns an error if id is not a valid match ID.
func CheckMatchID(id string) error {
	if !matchIDShape.MatchString(id) {
		return fmt.Errorf("match ID %q: want a letter or digit, "+
			"then at most 127 characters of A-Z, a-z, 0-9 and . _ ~ -", id)
	}
	return nil
}

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
		return fmt.Errorf("topic pattern %q matches no event: want three words of a-z, 0-9 and _, like soccer.mls.*, "+
			"where * is any word and # any number of words", p)
	}
	return nil
}
