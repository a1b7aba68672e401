package testenv

import (
	"io/fs"
	"path"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema compiles one of the JSON Schemas in the folder schemas of in, like
// "frames.json#/definitions/server". Formats are asserted, and members that they
// do not name are none: what we emit is to be described whole.
func Schema(t testing.TB, in fs.FS, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := fs.Glob(in, "schemas/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := in.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(f)
		f.Close()
		closed(v)
		if err == nil {
			err = c.AddResource("mem:///"+path.Base(file), v)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	s, err := c.Compile("mem:///" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// closed has no object of a schema take members that it does not name.
func closed(schema any) {
	switch s := schema.(type) {
	case []any:
		for _, v := range s {
			closed(v)
		}
	case map[string]any:
		if _, ok := s["properties"].(map[string]any); ok && s["additionalProperties"] == nil {
			s["additionalProperties"] = false
		}
		for _, v := range s {
			closed(v)
		}
	}
}
