package strictyaml

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Decode reports all mistakes together, sorted by position, without the consequences of other mistakes. It decodes
// everything else.
func TestDecodeReportsAllMistakes(t *testing.T) {
	t.Parallel()
	const text = `
profile: a
number: x
to: chat
mathc: {}
match:
  homescore: 1
  rows: [a]
list:
  - {rows: a, row: b}
  - c
  - rows: d
`
	var v document
	v.On = true // a default
	err := Decode("f.yaml", []byte(text), &v)
	want := `f.yaml: 7 mistakes:
  f.yaml:3:9: number: "x": want a number
  f.yaml:4:5: to: want a list: write [chat]
  f.yaml:5:1: unknown field "mathc": did you mean match?
  f.yaml:7:3: unknown field "homescore": did you mean home_score?
  f.yaml:8:9: match.rows: want a string, not a list
  f.yaml:10:15: unknown field "row": did you mean rows?
  f.yaml:11:5: list[1]: want keys with values, such as {key: value}`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if !Decoded(err) || v.Profile != "a" || !v.On || len(v.List) != 3 || v.List[0].Rows != "a" || v.List[2].Rows != "d" {
		t.Errorf("decoded %+v, want the values without mistakes", v)
	}
	var first *Error
	if !errors.As(err, &first) || first.Line != 3 || first.File != "f.yaml" {
		t.Errorf("first error %+v, want that in line 3", first)
	}
}

// An ErrorList shows the first 20 mistakes, and the number of the others.
func TestErrorListIsBounded(t *testing.T) {
	t.Parallel()
	var errs []error
	for i := range 23 {
		errs = append(errs, Pos{Line: i + 1, Column: 1}.Errorf("fault"))
	}
	lines := strings.Split(All("f.yaml", errs...).Error(), "\n")
	if len(lines) != 22 || lines[20] != "  f.yaml:20:1: fault" || lines[21] != "  and 3 more" {
		t.Errorf("%q, want the number of mistakes, 20 of them and the number of the others", lines)
	}
}

// All omits a mistake that can be a consequence of a value that could not be decoded.
func TestAllOmitsConsequences(t *testing.T) {
	t.Parallel()
	at := func(path string) Pos { return Pos{Line: 1, Column: len(path) + 1, Path: path} }
	undecoded := Decode("f.yaml", []byte("match: {rows: [a]}\n"), new(document))
	kept := at("match.home_score").Errorf("wrong")
	err := All("f.yaml", undecoded, at("match").Errorf("in"), at("match.rows").Errorf("same"), Pos{}.Errorf("nowhere"),
		at("other").Missingf("missing"), kept, kept, nil)
	if got := fmt.Sprint(Mistakes(err)); !strings.Contains(got, "match.rows: want") || len(Mistakes(err)) != 2 ||
		!strings.Contains(got, "match.home_score: wrong") {
		t.Errorf("mistakes %s, want match.rows and match.home_score", got)
	}
	err = All("f.yaml", at("match").Errorf("in"), at("other").Missingf("missing"), kept)
	if len(Mistakes(err)) != 3 {
		t.Errorf("mistakes %v, want all 3: every value was decoded", err)
	}
}

// A document that is not valid YAML has one mistake, and nothing is decoded.
func TestInvalidYAMLIsNotDecoded(t *testing.T) {
	t.Parallel()
	err := Decode("f.yaml", []byte("profile: 'a\nnumber: x\n"), new(document))
	if err == nil || Decoded(err) || len(Mistakes(err)) != 1 {
		t.Errorf("error %v, want one about the quotes", err)
	}
}
