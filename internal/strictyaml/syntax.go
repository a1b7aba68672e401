package strictyaml

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
)

// indentation is the end of errors about lines whose indentation matches no line above.
const indentation = "indent a key exactly as far as the other keys of its mapping, and keys below it further"

// explainSyntax converts a syntax error of the YAML library to an [*Error] that suggests a
// correction.
func explainSyntax(err error, data []byte) error {
	var fault yaml.Error
	if !errors.As(err, &fault) || fault.GetToken() == nil {
		return err
	}
	p := fault.GetToken().Position
	at := Pos{Line: p.Line, Column: p.Column}
	before, after := around(data, at)
	return at.Errorf("%s", remedy(fault.GetMessage(), before, after))
}

// remedy returns the correction for a syntax error with this message. If no correction is known, it
// returns the message. before and after are the parts of the line before and after the error.
func remedy(message, before, after string) string {
	for _, s := range syntaxErrors {
		if strings.Contains(message, s.found) && (s.only == nil || s.only(before, after)) {
			return s.say
		}
	}
	return message
}

// around returns the text of a line before and after a position.
func around(data []byte, at Pos) (before, after string) {
	lines := strings.Split(string(data), "\n")
	if at.Line < 1 || at.Line > len(lines) {
		return "", ""
	}
	line := []rune(strings.TrimSuffix(lines[at.Line-1], "\r"))
	column := max(0, min(at.Column-1, len(line)))
	return string(line[:column]), string(line[column:])
}

// syntaxErrors lists corrections for syntax errors of the YAML library. An entry applies if found
// is a part of the message, and if only is nil or returns true for the parts of the line before and
// after the error. The first entry that applies is used.
var syntaxErrors = []struct {
	found string
	only  func(before, after string) bool
	say   string
}{
	{"unknown escape character", nil, `\ begins an escape sequence in double quotes: use single quotes, as in '\d+'`},
	{"end character of double-quoted text", func(_, after string) bool { return strings.Contains(after, `\"`) },
		`the double quotes are not closed, because \" does not close them: use single quotes, as in '\d+'`},
	{"end character of", nil, "the quotes are not closed: put the same quote at the end"},
	{"found character '\\t'", nil, "found a tab: indent with spaces, not tabs"},
	{"found character '\t'", nil, "found a tab: indent with spaces, not tabs"},
	{"end token '}'", nil, "the { is not closed: put a } at the end"},
	{"end token ']'", nil, "the [ is not closed: put a ] at the end"},
	{"',' or '}' must be specified", nil, "want , or }: a { above is not closed, or a comma is missing"},
	{"',' or ']' must be specified", nil, "want , or ]: a [ above is not closed, or a comma is missing"},
	{"unexpected scalar value type", nil, "want a value between two commas"},
	{"is a reserved character", nil, "a text cannot begin with @ or ` without quotes: put it in single quotes"},
	{"unexpected directive value", nil, "a text cannot begin with % without quotes: put it in single quotes"},
	{"could not find alias", nil, "* begins the name of an alias in YAML: put the text in single quotes"},
	{"anchor value", nil, "& begins the name of an anchor in YAML: put the text in single quotes"},
	{"mapping value is not allowed", func(_, after string) bool { return strings.Contains(after, ": ") },
		`the text contains ": ": put it in single quotes`},
	{"mapping value is not allowed", nil, "the indentation does not fit the lines around it: " + indentation},
	{"value is not allowed", func(before, _ string) bool { return strings.TrimSpace(before) == "" },
		"the indentation fits no line above: " + indentation},
	{"value is not allowed", func(before, _ string) bool { return strings.HasSuffix(before, "'") },
		"text after the quotes: write '' for a ' in single quotes, and put all of the text in the quotes"},
	{"value is not allowed", nil, "text after the end of the value: put all of the text in quotes"},
}
