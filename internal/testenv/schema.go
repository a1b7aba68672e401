package testenv

import (
	"io/fs"
	"path"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema compiles a JSON Schema from the folder schemas of in, such as
// "frames.json#/definitions/server". It asserts formats and refuses members that the schema does
// not describe, so that the schemas describe everything that matchwire emits.
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
		refuseOthers(v)
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

// refuseOthers makes every object of a schema refuse members that it does not describe.
func refuseOthers(schema any) {
	switch s := schema.(type) {
	case []any:
		for _, v := range s {
			refuseOthers(v)
		}
	case map[string]any:
		if _, ok := s["properties"].(map[string]any); ok && s["additionalProperties"] == nil {
			s["additionalProperties"] = false
		}
		for _, v := range s {
			refuseOthers(v)
		}
	}
}
