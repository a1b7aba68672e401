package strictyaml

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
)

type inner struct {
	HomeScore string `yaml:"home_score"`
	Rows      string `yaml:"rows"`
}

// A decodingRule has an UnmarshalYAML method.
type decodingRule struct{ Regexp string }

func (r *decodingRule) UnmarshalYAML(n ast.Node) error {
	var v struct {
		Regexp string `yaml:"regexp"`
	}
	return DecodeNode(n, &v)
}

type Shared struct {
	Headers string `yaml:"headers"`
}

// An error about an unknown key suggests a similar key that is valid there, lists the known keys, or says what is wrong
// with the key.
func TestUnknownKeySuggestsAKey(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		"match: {homescore: x}":         `f.yaml:1:9: unknown field "homescore": did you mean home_score?`,
		"match: {HOME-SCORE: x}":        "did you mean home_score?",
		"match: {hoem_score: x}":        "did you mean home_score?",
		"mathc: {}":                     "did you mean match?",
		"list: [{row: x}]":              "did you mean rows?",
		"rule: {regex: x}":              `f.yaml:1:8: unknown field "regex": did you mean regexp?`,
		"header: x":                     "did you mean headers?",
		"match: {nothing_similar: x}":   `f.yaml:1:9: unknown field "nothing_similar": want one of home_score, rows`,
		"rows: x":                       `unknown field "rows": want one of headers, match, list, rule`, // in match, not here
		"row: x":                        `unknown field "row": want one of headers, match, list, rule`,  // rows is in match
		"list: [{lis: x}]":              `unknown field "lis": want one of home_score, rows`,            // list is above
		"rule: {nothing_similar: x}":    "want one of regexp",
		"list: [{rows: a}, {other: b}]": `f.yaml:1:20: unknown field "other": want one of home_score, rows`,
		"\u00a0match: {}":               `it contains a no-break space (U+00A0): write a plain space`,
		"“match”: {}":                   "it contains a typographic quote (U+201C): write ' or \"",
		"match:{rows: x}":               "put a space after the colon",
	} {
		var v struct {
			Shared `yaml:",inline"`
			Match  inner        `yaml:"match"`
			List   []inner      `yaml:"list"`
			Rule   decodingRule `yaml:"rule"`
		}
		err := Decode("f.yaml", []byte(document), &v)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s at its end", document, err, want)
		}
	}
}
