package notations

import (
	"fmt"
	"testing"
)

func TestParseSets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"6": "6", "6 7 2": "6 & 7 & 2", "7(5), 6": "7 & 6", "1 6 10": "1 & 6 & 10", "6 | 0": "6 & 0", "70": "70",
		"": errNotSets.Error(), "6-4": errNotSets.Error(), "1 2 3 4 5 6": errNotSets.Error(),
		"2024": errNotSets.Error(), "adv": errNotSets.Error(),
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
