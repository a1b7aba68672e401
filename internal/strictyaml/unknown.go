package strictyaml

import (
	"reflect"
	"strings"

	"github.com/matchwire/matchwire/internal/spelling"
)

// knownKeys returns the end of an error about an unknown key. If the key has an unusual character or lacks
// a space after a colon, the text says so. Otherwise the text names the most similar of the keys that the mapping
// at path in v can have, or all of them.
func knownKeys(key string, v any, path string) string {
	if err := CheckCharacters(key); err != nil {
		return ": " + err.Error()
	}
	if _, _, ok := strings.Cut(key, ":"); ok {
		return ": put a space after the colon"
	}
	all := keysOf(typeAt(reflect.TypeOf(v), path))
	best, distance := "", maxDistance+1
	for _, name := range all {
		if d := spelling.Distance(simple(key), simple(name)); name != key && d < distance && d <= len(name)/2 {
			best, distance = name, d
		}
	}
	if best != "" {
		return ": did you mean " + best + "?"
	}
	if len(all) > 0 {
		return ": want one of " + strings.Join(all, ", ")
	}
	return ""
}

// typeAt returns the type of the value at a path like "list[0].key" in a value of type t, or nil if the
// type is unknown.
func typeAt(t reflect.Type, path string) reflect.Type {
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' }) {
		switch t = indirect(t); {
		case t == nil:
			return nil
		case t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
			t = t.Elem()
		default:
			t = fieldOf(t, name)
		}
	}
	return indirect(t)
}

// indirect returns the type that t points to, or t itself if t is not a pointer. It returns nil for
// nil.
func indirect(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// fieldOf returns the type of the field with this key, or nil.
func fieldOf(t reflect.Type, key string) (found reflect.Type) {
	eachField(t, func(name string, field reflect.StructField) {
		if name == key {
			found = field.Type
		}
	})
	return found
}

// keysOf returns the keys of a type, without the keys of nested types. It returns nil if t is nil
// or not a struct.
func keysOf(t reflect.Type) (all []string) {
	eachField(t, func(name string, _ reflect.StructField) { all = append(all, name) })
	return all
}

// eachField calls f for each field of t that has a key in YAML. If a field is an inline struct, it
// calls f for the fields of that struct instead. It does nothing if t is not a struct.
func eachField(t reflect.Type, f func(key string, field reflect.StructField)) {
	if t == nil || t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			eachField(indirect(field.Type), f)
		case name != "" && name != "-":
			f(name, field)
		}
	}
}

// maxDistance is the largest edit distance between a key and a suggestion.
const maxDistance = 2

// simple returns a key in lower case and without separators, so that similar spellings are equal.
func simple(key string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(key))
}
