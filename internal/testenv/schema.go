package testenv

import (
	"io/fs"
	"path"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema compiles a JSON Schema from the folder schemas of fsys. name is the file and
// the fragment of the schema, such as "frames.json#/definitions/server". The compiled schema checks
// formats and rejects members that it does not describe. So tests fail if matchwire emits a member
// without a description.
func Schema(t testing.TB, fsys fs.FS, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := fs.Glob(fsys, "schemas/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := fsys.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(f)
		f.Close()
		closeObjects(v)
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

// closeObjects makes each object of a schema reject members that the object does not describe.
func closeObjects(schema any) {
	switch s := schema.(type) {
	case []any:
		for _, v := range s {
			closeObjects(v)
		}
	case map[string]any:
		if _, ok := s["properties"].(map[string]any); ok && s["additionalProperties"] == nil {
			s["additionalProperties"] = false
		}
		for _, v := range s {
			closeObjects(v)
		}
	}
}
