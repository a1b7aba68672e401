package strictyaml

import (
	"errors"
	"strings"
	"testing"
)

type document struct {
	Profile string              `yaml:"profile"`
	Match   inner               `yaml:"match"`
	To      []string            `yaml:"to"`
	Aliases map[string][]string `yaml:"aliases"`
	Keys    []Secret            `yaml:"keys"`
	Number  int                 `yaml:"number"`
	On      bool                `yaml:"on"`
	List    []inner             `yaml:"list"`
}

// An error says where the fault is, and suggests a correction.
func TestErrorsSayWhatToWrite(t *testing.T) {
	t.Parallel()
	const indent = "indent a key exactly as far as the other keys of its mapping"
	for text, want := range map[string]string{
		// Backslashes and quotes.
		`profile: "^(\d+) :"`:  `f.yaml:1:14: \ begins an escape sequence in double quotes: use single quotes, as in '\d+'`,
		`profile: "\."`:        "use single quotes",
		`profile: "\w+ (\S+)"`: "use single quotes",
		`profile: "a \"`:       `f.yaml:1:10: the double quotes are not closed, because \" does not close them`,
		"profile: 'a":          "f.yaml:1:10: the quotes are not closed",
		`profile: "a`:          "f.yaml:1:10: the quotes are not closed",
		"profile: 'it's'":      "f.yaml:1:14: text after the quotes: write '' for a ' in single quotes",
		"profile: 'a' b":       "text after the end of the value: put all of the text in quotes",
		"profile: a: b":        `f.yaml:1:10: the text contains ": ": put it in single quotes`,
		"profile: @a":          "a text cannot begin with @ or ` without quotes",
		"profile: *a":          "profile: * begins the name of an alias in YAML: put the text in single quotes",
		"profile: &a":          "& begins the name of an anchor in YAML",
		"profile: %a":          "a text cannot begin with % without quotes",
		// Indentation.
		"match:\n\trows: a":                     "f.yaml:2:1: found a tab: indent with spaces, not tabs",
		"match:\n  rows: a\n\thome_score: b":    "f.yaml:3:1: found a tab: indent with spaces, not tabs",
		"match:\r\n\trows: a\r\n":               "f.yaml:2:1: found a tab: indent with spaces, not tabs",
		"list:\n  - rows: a\n\t  home_score: b": "found a tab",
		"match:\n  rows: a\n home_score: b":     "f.yaml:3:2: the indentation fits no line above: " + indent,
		"match:\n    rows: a\n  home_score: b":  "f.yaml:3:3: the indentation fits no line above: " + indent,
		"match:\n  rows: a\n   home_score: b":   "the indentation does not fit the lines around it: " + indent,
		"list:\n  - rows: a\n  home_score: b":   "f.yaml:3:3: the indentation fits no line above",
		// Lists and mappings.
		"to: chat":                    "f.yaml:1:5: to: want a list: write [chat]",
		"aliases: {A: B}":             "f.yaml:1:14: aliases.A: want a list: write [B]",
		"aliases:\n  A: B C":          "f.yaml:2:6: aliases.A: want a list: write [B C]",
		"to: a]":                      "to: want a list: write [a]",
		"to: {a: b}":                  "to: want a list, such as [a, b]",
		"to:\n  -a\n  -b":             "to: want a list: put a space after each -",
		"keys: dont-show":             "keys: want a list, such as [a, b]",
		"match: [a]":                  "match: want keys with values, such as {key: value}",
		"match: a":                    "match: want keys with values, such as {key: value}",
		"list: [a]":                   "f.yaml:1:8: list[0]: want keys with values",
		"profile:a":                   "want keys with values: put a space after the colon",
		"profile: [a]":                "profile: want a string, not a list",
		"profile: {a: b}":             "profile: want a string, not keys with values",
		"number: a":                   `f.yaml:1:9: number: "a": want a number`,
		"match: {rows: [a]}":          "match.rows: want a string, not a list",
		"match: {rows: a":             "f.yaml:1:8: the { is not closed: put a } at the end",
		"match: {rows: a\nprofile: b": "f.yaml:2:1: want , or }: a { above is not closed, or a comma is missing",
		"to: [a":                      "f.yaml:1:5: the [ is not closed: put a ] at the end",
		"to: [a\nprofile: b":          "f.yaml:2:1: want , or ]",
		"to: [a,, b]":                 "want a value between two commas",
	} {
		var v document
		err := Decode("f.yaml", []byte(text+"\n"), &v)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "dont-show") {
			t.Errorf("%q: the error shows a secret: %v", text, err)
		}
	}
}

// A byte order mark is not part of the document. A document that is not in UTF-8 is an
// error.
func TestEncodings(t *testing.T) {
	t.Parallel()
	const mark = "\ufeff"
	for _, text := range []string{mark + "profile: a\nto: [b]\n", mark + "profile: a\r\nto:\r\n  - b\r\n",
		mark + "# a comment\nprofile: a\nto: [b]", mark + "---\nprofile: a\nto: [b]"} {
		var v document
		if err := Decode("f.yaml", []byte(text), &v); err != nil || v.Profile != "a" || len(v.To) != 1 || v.To[0] != "b" {
			t.Errorf("%q: %+v, error %v, want a and [b]", text, v, err)
		}
		if pos, found := Lookup([]byte(text), "profile"); !found || pos.Column != 10 {
			t.Errorf("%q: profile at %+v, found %t; want column 10", text, pos, found)
		}
	}
	var empty *Error
	if err := CheckEmpty([]byte(mark+"profile:\n"), "map", ""); !errors.As(err, &empty) || empty.Line != 1 {
		t.Errorf("error for an empty value %v, want one in line 1", err)
	}
	for text, want := range map[string]string{
		mark + "scorer: a":               `f.yaml:1:1: unknown field "scorer": want one of profile`,
		"\xff\xfep\x00r\x00":             "f.yaml:1:1: the file is in UTF-16: save it as UTF-8",
		"\xfe\xff\x00p\x00r":             "f.yaml:1:1: the file is in UTF-16: save it as UTF-8",
		"profile: a\nto: [\"b\xfcc\"]\n": "f.yaml:2:8: byte 0xfc: the file is not in UTF-8: save it as UTF-8",
	} {
		if err := Decode("f.yaml", []byte(text), new(document)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
}

// Outside quotes, an invisible character or a character that looks like another is an error.
func TestCheckCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"“.home”":                "it contains a typographic quote (U+201C): write ' or \"",
		"‘.home’":                "it contains a typographic quote (U+2018)",
		"div\u00a0.home":         "it contains a no-break space (U+00A0): write a plain space",
		"div\u202f.home":         "it contains a no-break space (U+202F)",
		".ho\u200bme":            "it contains an invisible character (U+200B): remove it",
		".ho\u00adme":            "it contains an invisible character (U+00AD): remove it",
		".home":                  "",
		"[title='„A“ \u00a0']":   "",
		"[title=\"“A”\"] .größe": "",
	} {
		err := CheckCharacters(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}
