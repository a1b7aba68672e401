package strictyaml

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// withSuggestion adds the most similar key of v to an error about an unknown key. It returns other
// errors unchanged.
func withSuggestion(err error, v any) error {
	var unknown *yaml.UnknownFieldError
	var positioned *Error
	if !errors.As(err, &unknown) || errors.As(err, &positioned) || unknown.GetToken() == nil {
		return err
	}
	key, best, distance := unknown.GetToken().Value, "", maxDistance+1
	for _, name := range keys(reflect.TypeOf(v), map[reflect.Type]bool{}) {
		if d := editDistance(simple(key), simple(name)); name != key && d < distance && d <= len(name)/2 {
			best, distance = name, d
		}
	}
	if best == "" {
		return err
	}
	p := unknown.GetToken().Position
	return &Error{Line: p.Line, Column: p.Column,
		Err: fmt.Errorf("%s: did you mean %s?", unknown.GetMessage(), best)}
}

// maxDistance is the largest edit distance between a key and a suggestion.
const maxDistance = 2

// simple returns a key without the marks that people confuse.
func simple(key string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(key))
}

// keys returns the keys of a type and of the types in it. A type that decodes itself is not searched: its
// keys are suggested when it decodes its value.
func keys(t reflect.Type, seen map[reflect.Type]bool) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return nil
	}
	seen[t] = true
	var all []string
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			all = append(all, name)
		}
		if _, itself := reflect.PointerTo(field.Type).MethodByName("UnmarshalYAML"); !itself {
			all = append(all, keys(field.Type, seen)...)
		}
	}
	return all
}

// editDistance returns the number of bytes to add, remove, replace or swap with the next to get from a to
// b.
func editDistance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := 1
			if a[i-1] == b[j-1] {
				replace = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
