package event_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/matchwire/matchwire/event"
)

func TestMatchTopic(t *testing.T) {
	for _, tc := range []struct {
		pattern, key string
		want         bool
	}{
		{"soccer.mls.*", "soccer.mls.goal", true},
		{"soccer.mls.*", "soccer.mls.goal_corrected", true},
		{"*.*.goal", "ice_hockey.nhl.goal", true},
		{"*.*.goal", "soccer.mls.goal_retracted", false},
		{"soccer.#", "soccer", true},
		{"#.goal", "goal", true},
		{"#", "", true},
		{"*", "", false},
		{"a.#.b", "a.x.y.b", true},
		{"a.#.b", "a.x.y", false},
		{"#.a.#.b", "x.a.y.a.b", true},
		{"a*", "ab", false}, // * is a wildcard only as a whole word
	} {
		if got := event.MatchTopic(tc.pattern, tc.key); got != tc.want {
			t.Errorf("MatchTopic(%q, %q) = %t, want %t", tc.pattern, tc.key, got, tc.want)
		}
	}
}

func TestCheckPattern(t *testing.T) {
	for p, good := range map[string]bool{"#": true, "soccer.mls.*": true, "*.*.goal": true, "soccer.#": true,
		"#.goal": true, "a.b.c.#": true,
		"": false, "soccer": false, "soccer.*": false, "FOO.*.*": false, "a..b": false, "a.b.c.d": false,
		"*.*.goal*": false} {
		if err := event.CheckPattern(p); (err == nil) != good {
			t.Errorf("CheckPattern(%q) = %v, want valid: %t", p, err, good)
		}
	}
}

// FuzzMatchTopic compares MatchTopic with a regular expression for the same pattern.
func FuzzMatchTopic(f *testing.F) {
	f.Add("soccer.*.goal", "soccer.mls.goal")
	f.Add("#.a.#", "b.a.a")
	f.Add("*.#", "a.")
	f.Add("#", "")
	f.Add("a..#", "a..")
	f.Fuzz(func(t *testing.T, pattern, key string) {
		if len(pattern) > 60 || len(key) > 60 || strings.Count(pattern, "#") > 6 || !utf8.ValidString(pattern) ||
			!utf8.ValidString(key) {
			return // the regular expression would be too slow, or treat invalid UTF-8 differently
		}
		if got, want := event.MatchTopic(pattern, key), byRegexp(pattern, key); got != want {
			t.Errorf("MatchTopic(%q, %q) = %t, want %t like the regular expression", pattern, key, got, want)
		}
	})
}

// byRegexp is MatchTopic, implemented with a regular expression. In the expression, every word ends with a
// dot, so # becomes (word.)* and needs no special case.
func byRegexp(pattern, key string) bool {
	const word = `[^.]*\.`
	re := "^"
	if pattern != "" {
		for _, w := range strings.Split(pattern, ".") {
			switch w {
			case "*":
				re += word
			case "#":
				re += "(?:" + word + ")*"
			default:
				re += regexp.QuoteMeta(w) + `\.`
			}
		}
	}
	if key != "" {
		key += "."
	}
	return regexp.MustCompile("(?s)" + re + "$").MatchString(key)
}
