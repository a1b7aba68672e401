package parsertest

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// CheckMembers compares the names of the JSON members of a saved value with a golden file. Older and newer
// processes read each other's values, so a member may be added, but never renamed or removed.
func CheckMembers(t *testing.T, golden string, v any) {
	t.Helper()
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(text))
	got := members(reflect.TypeOf(v), "", map[reflect.Type]bool{})
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("the member %s is gone: keep it, because older versions have saved it", name)
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("the member %s is new: add it to %s", name, golden)
		}
	}
}

// members returns the paths of all JSON members of a type, such as "match.clock.minute". The members of a
// type that contains itself are listed once.
func members(typ reflect.Type, prefix string, within map[reflect.Type]bool) (all []string) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || within[typ] {
		return nil
	}
	within[typ] = true
	defer delete(within, typ)
	for _, f := range reflect.VisibleFields(typ) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if len(f.Index) > 1 || name == "-" || !f.IsExported() {
			continue
		}
		if f.Anonymous && name == "" {
			all = append(all, members(f.Type, prefix, within)...)
			continue
		}
		if name == "" {
			name = f.Name
		}
		all = append(append(all, prefix+name), members(f.Type, prefix+name+".", within)...)
	}
	return all
}
