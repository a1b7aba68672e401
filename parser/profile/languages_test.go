package profile

import (
	"strings"
	"testing"
)

// A profile can name the languages of its pages. Other words are an error that names the word and its line.
func TestLanguages(t *testing.T) {
	t.Parallel()
	text := func(languages string) []byte {
		return []byte("profile: one\nsport: soccer\nlanguages: " + languages + "\nmatch: {home: b, away: i}\n")
	}
	p, err := Load("one.yaml", text("[de, pt-BR]"))
	if err != nil || strings.Join(p.Languages, " ") != "de pt-BR" {
		t.Errorf("languages %v, error %v, want de and pt-BR", p, err)
	}
	for _, word := range []string{"German", "EN", "e", "en_GB"} {
		_, err := Load("one.yaml", text("[de, "+word+"]"))
		if err == nil || !strings.Contains(err.Error(), "one.yaml:3") || !strings.Contains(err.Error(), word) {
			t.Errorf("language %s: error %v, want one that names one.yaml, line 3 and the word", word, err)
		}
	}
}
