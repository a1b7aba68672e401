package event

import "strings"

// MatchTopic reports whether a routing key matches a topic pattern as AMQP has
// it: words parted by dots, where * stands for exactly one word and # for any
// number of words, none included. The empty key has no words; "a." has two.
func MatchTopic(pattern, key string) bool {
	p, k := topicWords(pattern), topicWords(key)
	// Glob matching with # as the star: on a mismatch go back to the latest #
	// and let it take one word more.
	pi, ki, hash, taken := 0, 0, -1, 0
	for ki < len(k) {
		switch {
		case pi < len(p) && p[pi] == "#":
			hash, taken = pi, ki
			pi++
		case pi < len(p) && (p[pi] == "*" || p[pi] == k[ki]):
			pi++
			ki++
		case hash >= 0:
			taken++
			pi, ki = hash+1, taken
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
