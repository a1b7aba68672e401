package app

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/profiles"
)

// A pattern is an example in docs/profiles.md.
type pattern struct{ title, page, ext, profile, result string }

// patterns returns all patterns in docs/profiles.md.
func patterns(t *testing.T) []pattern {
	t.Helper()
	text, err := os.ReadFile("../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(text), "## Patterns")
	part, _, _ = strings.Cut(part, "\n## ")
	shape := regexp.MustCompile("(?s)\n### ([^\n]+)\n\n```(html|json)\n(.*?)```\n\n```yaml\n(.*?)```\n\n```\n(.*?)```")
	var all []pattern
	for _, m := range shape.FindAllStringSubmatch(part, -1) {
		all = append(all, pattern{m[1], m[3], m[2], m[4], m[5]})
	}
	if want := strings.Count(part, "\n### "); len(all) != want || want < 14 {
		t.Fatalf("%d of %d patterns have a page, a profile and a result, want all and at least 14", len(all), want)
	}
	return all
}

// For each pattern in docs/profiles.md, parse prints the documented lines, and no other incident,
// match or problem.
func TestDocumentedPatterns(t *testing.T) {
	for _, p := range patterns(t) {
		t.Run(p.title, func(t *testing.T) {
			dir := t.TempDir()
			page, profile := filepath.Join(dir, "page."+p.ext), filepath.Join(dir, "profile.yaml")
			for file, body := range map[string]string{page: p.page, profile: p.profile} {
				if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			code, out, errs := call(t, "", nil, "parse", page, "-p", profile)
			if code != 0 {
				t.Fatalf("parse: exit %d, want 0: %s", code, errs)
			}
			result, _, _ := strings.Cut(out, "RULE ")
			var lines []string
			for line := range strings.Lines(result) {
				lines = append(lines, strings.Join(strings.Fields(line), " "))
			}
			wanted := strings.Split(strings.TrimSpace(p.result), "\n")
			for _, want := range wanted {
				if !slices.Contains(lines, want) {
					t.Errorf("parse does not print %q:\n%s", want, out)
				}
			}
			incidentOrMatch := regexp.MustCompile(`^([a-z]+\d|\dh|et\d|so) `)
			for _, line := range lines {
				if incidentOrMatch.MatchString(line) && !slices.Contains(wanted, line) {
					t.Errorf("parse prints %q, which docs/profiles.md does not show", line)
				}
			}
			if !strings.Contains(out, "no problems") {
				t.Errorf("parse printed problems, want none:\n%s", out)
			}
		})
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(profiles.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("profile.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("profile.schema.json")
}

// asJSON converts a YAML document to the Go types of decoded JSON.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	b, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The JSON Schema of profiles accepts every shipped and documented profile, and refuses common
// mistakes.
func TestSchema(t *testing.T) {
	s := schema(t)
	all := map[string][]byte{}
	for _, p := range patterns(t) {
		all[p.title] = []byte(p.profile)
	}
	for _, folder := range []fs.FS{profiles.FS, fixtures.FS} {
		for _, glob := range []string{"*.yaml", "profiles/*.yaml"} {
			files, err := fs.Glob(folder, glob)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if all[f], err = fs.ReadFile(folder, f); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if len(all) < 25 {
		t.Fatalf("found %d profiles, want at least 25", len(all))
	}
	for name, text := range all {
		if err := s.Validate(asJSON(t, text)); err != nil {
			t.Errorf("the schema refuses profile %s: %v", name, err)
		}
	}
	good := `{profile: x, sport: soccer, match: {home: h, away: a}, incidents: [{rows: li, kind: {value: goal}, side: b}]}`
	for _, change := range [][2]string{
		{"sport: soccer", "sport: quidditch"}, {"home: h", "hom: h"}, {"rows: li, ", ""}, {"side: b", "sied: b"},
		{"side: b", "side: b, team: c"}, {"value: goal", "valeu: goal"},
		{"home: h", "home: {as: sundial}"}, {"away: a", "away: 7"}, {"home: h, ", ""},
		{"sport: soccer", "sport: soccer, version: 0"}, {"sport: soccer", "sport: soccer, seen: 1.2.2026"},
		{"sport: soccer", "sport: soccer, layouts: [{if: li}]"},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if s.Validate(asJSON(t, []byte(bad))) == nil {
			t.Errorf("the schema accepts %s, want an error", bad)
		}
	}
	if err := s.Validate(asJSON(t, []byte(good))); err != nil {
		t.Errorf("the schema refuses %s: %v", good, err)
	}
}

// The JSON Schema of profiles has the same members as the Go types.
func TestSchemaHasAllMembers(t *testing.T) {
	var s struct {
		Properties map[string]json.RawMessage
		Defs       struct {
			Rule struct {
				AnyOf []struct{ Properties map[string]any }
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(profiles.Schema, &s); err != nil {
		t.Fatal(err)
	}
	var match, incidents, layouts struct {
		Properties map[string]any
		Items      struct{ Properties map[string]any }
	}
	if err := json.Unmarshal(s.Properties["match"], &match); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(s.Properties["incidents"], &incidents); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(s.Properties["layouts"], &layouts); err != nil {
		t.Fatal(err)
	}
	rule, _ := reflect.TypeFor[profile.Rule]().FieldByName("ruleFields")
	top := map[string]any{}
	for name := range s.Properties {
		top[name] = true
	}
	for what, tc := range map[string]struct {
		in     reflect.Type
		schema map[string]any
	}{
		"profile":   {reflect.TypeFor[profile.Profile](), top},
		"match":     {reflect.TypeFor[profile.MatchRules](), match.Properties},
		"situation": {reflect.TypeFor[profile.SituationRules](), situation(match.Properties)},
		"incidents": {reflect.TypeFor[profile.IncidentRules](), incidents.Items.Properties},
		"layouts":   {reflect.TypeFor[profile.Layout](), layouts.Items.Properties},
		"rule":      {rule.Type, s.Defs.Rule.AnyOf[2].Properties},
	} {
		members := 0
		for i := range tc.in.NumField() {
			if name := tc.in.Field(i).Tag.Get("yaml"); name != "" && name != "-" {
				members++
				if tc.schema[name] == nil {
					t.Errorf("%s: the schema has no member %s", what, name)
				}
			}
		}
		if members != len(tc.schema) {
			t.Errorf("%s: the schema has %d members, want the %d of the Go type", what, len(tc.schema), members)
		}
	}
}

// situation returns the members of the situation in the schema of match.
func situation(match map[string]any) map[string]any {
	s, _ := match["situation"].(map[string]any)
	members, _ := s["properties"].(map[string]any)
	return members
}

// The settings and texts in docs/notify.md are valid.
func TestDocumentedNotify(t *testing.T) {
	text, err := os.ReadFile("../docs/notify.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks of YAML, want 3: the settings, the config of the preview and a file of texts", len(blocks))
	}
	t.Setenv("CHAT_URL", "https://discord.com/api/webhooks/12345678901234567/"+strings.Repeat("abcd", 17))
	t.Setenv("MAIL_PASSWORD", "abcdefgh")
	write("hook-secret", "whsec_"+strings.Repeat("AAAA", 10))
	write("settings.yaml", blocks[0][1])
	write("preview.yaml", blocks[1][1])
	write("texts/en.yaml", blocks[2][1])
	write("texts.yaml", "consumers:\n  notify: {templates: texts}\n")
	if code, _, errs := call(t, "", nil, "notify", "keys", filepath.Join(dir, "vapid.json")); code != 0 {
		t.Fatalf("notify keys: exit %d, want 0: %s", code, errs)
	}
	for _, file := range []string{"settings.yaml", "preview.yaml", "texts.yaml"} {
		if code, _, errs := call(t, "", nil, "check", "--config", filepath.Join(dir, file)); code != 0 {
			t.Errorf("check --config %s: exit %d, want 0: %s", file, code, errs)
		}
	}
	code, out, errs := call(t, "", nil, "notify", "try", "log", "--config", filepath.Join(dir, "texts.yaml"))
	want := "[Test] GOAL! Test Player for Toronto FC (New York City FC 0-1 Toronto FC)\n"
	if code != 0 || !strings.HasPrefix(out, want) {
		t.Errorf("notify try: exit %d, output %q %s; want 0 and %q", code, out, errs, want)
	}
}

// The command notify preview prints the lines that docs/notify.md shows, with the config and the fixture of
// the page. It exits with 2 if there is no channel or no fixture.
func TestDocumentedPreview(t *testing.T) {
	page, err := os.ReadFile("../docs/notify.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Preview\n")
	shape := regexp.MustCompile("(?s)```yaml\n(.*?)```.*?```sh\nmatchwire notify preview (.*?)\n```.*?```\n(.*?)```")
	m := shape.FindStringSubmatch(section)
	if m == nil {
		t.Fatal("the section Preview has no config, command and output")
	}
	config := filepath.Join(t.TempDir(), "matchwire.yaml")
	if err := os.WriteFile(config, []byte(m[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	fixture := filepath.Join("..", filepath.FromSlash(m[2]))
	code, out, errs := call(t, "", nil, "notify", "preview", fixture, "--config", config)
	if code != 0 || errs != "" || !strings.Contains(out, m[3]) {
		t.Errorf("exit %d, errors %q, want 0, none, and the lines of the page in\n%s", code, errs, out)
	}
	for want, args := range map[string][]string{
		"the config has no channels":                 {fixture, "--config", filepath.Join(t.TempDir(), "empty.yaml")},
		"is not a folder":                            {config, "--config", config},
		"no such file or directory":                  {"missing", "--config", config},
		`no channel "phone": want one of desk, fans`: {fixture, "--config", config, "--channel", "phone"},
	} {
		if want == "the config has no channels" {
			if err := os.WriteFile(args[2], nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		code, out, errs := call(t, "", nil, append([]string{"notify", "preview"}, args...)...)
		if code != 2 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: exit %d, output %q, errors %q; want 2 and %q", args, code, out, errs, want)
		}
	}
}
