package strictyaml_test

import (
	"errors"
	"testing"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// FuzzDecode checks that no text causes a panic, and that the lines and columns of errors are at least 1.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"name: a\nlist: [1, 2]\nmap: {a: {b: c}}\n", "list:\n  ! s, sha", "list: !!seq x", "name: !!binary x",
		"name: &a x\nmap: {b: *a}",
		"map:\n  <<: *x", "- a\n-", "name: |\n  a\n", "? a\n: b", "---\n---\n", "list: ! ", "map: !!map [", "\xff\xfe",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v struct {
			Name string                    `yaml:"name"`
			List []int                     `yaml:"list"`
			Map  map[string]strictyaml.Raw `yaml:"map"`
		}
		err := strictyaml.Decode("file.yaml", []byte(text), &v)
		var at *strictyaml.Error
		if errors.As(err, &at) && (at.File != "file.yaml" || at.Line < 1 || at.Column < 1) {
			t.Errorf("%q: the error %v has no valid position", text, err)
		}
		for _, raw := range v.Map {
			var inner struct {
				List []string `yaml:"list"`
			}
			_ = raw.Decode("file.yaml", &inner)
			raw.Has("list")
			raw.PosAt("list[0]")
		}
		strictyaml.PosAt([]byte(text), "map.a")
		_ = strictyaml.CheckEmpty([]byte(text), "map", "")
	})
}
