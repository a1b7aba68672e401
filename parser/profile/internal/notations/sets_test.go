package notations

import (
	"fmt"
	"testing"
)

func TestParseSets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"6": "6", "6 7 2": "6 & 7 & 2", "7(5), 6": "7 & 6", "1 6 10": "1 & 6 & 10", "6 | 0": "6 & 0", "70": "70",
		"": "is not a score in games", "6-4": "is not a score in games", "1 2 3 4 5 6": "is not a score in games",
		"2024": "is not a score in games", "adv": "is not a score in games",
	} {
		line, err := ParseSets(text)
		got := line.String()
		if err != nil {
			got = fmt.Sprint(err)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
