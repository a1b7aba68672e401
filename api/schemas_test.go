package api_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/matchwire/matchwire/api"
	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/season"
	"github.com/matchwire/matchwire/internal/testenv"
)

func contract(t *testing.T, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(api.Contracts, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func valid(t *testing.T, s *jsonschema.Schema, body []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("invalid document: %v\n%s", err, body)
	}
}

// event.json accepts the events of every tenth match of a season, and an event that event.Of
// creates from minimal data.
func TestEventSchema(t *testing.T) {
	schema := testenv.Schema(t, api.Contracts, "event.json")
	e, err := event.Of("soccer.mls.goal", event.Data{Team: "Toronto FC"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.TID = event.NewTID()
	m, err := broker.NewMessage(e)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, schema, m.Body)

	matches, err := season.Load(testenv.Needs(t, testenv.Season(".."), "MATCHWIRE_SEASON"), event.Soccer)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i := 0; i < len(matches); i += 30 {
		events, _, err := matches[i].Events(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			m, err := broker.NewMessage(e)
			if err != nil {
				t.Fatal(err)
			}
			valid(t, schema, m.Body)
			seen[e.Data.Kind.Word(e.Data.Action)]++
		}
	}
	t.Logf("%v", seen)
	for _, word := range []string{"goal", "goal_corrected", "goal_retracted", "yellow_card", "substitution",
		"match_start", "period_end", "status_change"} {
		if seen[word] == 0 {
			t.Errorf("the season has no %s event, so the schema was not tested with such an event", word)
		}
	}
}

// The properties in event.json are the JSON names of the fields of the Go types.
func TestEventSchemaHasTheMembersOfTheCode(t *testing.T) {
	var schema struct {
		Properties  map[string]any
		Definitions map[string]struct{ Properties map[string]any }
	}
	if err := json.Unmarshal(contract(t, "schemas/event.json"), &schema); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{"": event.Event{}, "data": event.Data{}, "match": event.Match{},
		"clock": event.Clock{}, "score": event.Score{}, "stale": event.Stale{}, "change": event.Change{}} {
		members := schema.Properties
		if name != "" {
			members = schema.Definitions[name].Properties
		}
		var want []string
		for f := range reflect.TypeOf(v).NumField() {
			member, _, _ := strings.Cut(reflect.TypeOf(v).Field(f).Tag.Get("json"), ",")
			want = append(want, member)
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(members)); !slices.Equal(got, want) {
			t.Errorf("definition %q of the schema has the properties %v, want %v as in the Go type", name, got, want)
		}
	}
}

// asyncapi.yaml is valid under the official schema for AsyncAPI 3.0, and its references resolve.
func TestAsyncAPIDocument(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "@asyncapi/specs@6.11.1")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv(testenv.Require) == "1" {
			t.Fatalf("npm install: %v\n%s", err, out)
		}
		t.Skipf("npm install: %v\n%s", err, out)
	}
	f, err := os.Open(filepath.Join(dir, "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	spec, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("asyncapi.json", spec); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := yaml.YAMLToJSON(contract(t, "asyncapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	valid(t, s, document)
	var root any
	if err := json.Unmarshal(document, &root); err != nil {
		t.Fatal(err)
	}
	checkReferences(t, root, root)
}

// checkReferences checks that each $ref in v resolves. root is the document that contains v.
func checkReferences(t *testing.T, root, v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			checkReferences(t, root, one)
		}
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			file, pointer, _ := strings.Cut(ref, "#")
			in := root
			if file != "" {
				if err := json.Unmarshal(contract(t, strings.TrimPrefix(file, "./")), &in); err != nil {
					t.Errorf("$ref %s: %v", ref, err)
				}
			}
			for _, word := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
				if word == "" {
					continue
				}
				m, _ := in.(map[string]any)
				if in, ok = m[word]; !ok {
					t.Errorf("$ref %s does not resolve", ref)
					break
				}
			}
		}
		for _, one := range v {
			checkReferences(t, root, one)
		}
	}
}
