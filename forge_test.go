package matchwire_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// Each target of the Makefile has a help text and is phony.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	phony := strings.Fields(regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindString(string(makefile)))
	targets := regexp.MustCompile(`(?m)^([a-z-]+):(.*)$`).FindAllStringSubmatch(string(makefile), -1)
	for _, m := range targets {
		if !strings.Contains(m[2], " ## ") {
			t.Errorf("target %s has no help text", m[1])
		}
		if !slices.Contains(phony, m[1]) {
			t.Errorf("target %s is not phony", m[1])
		}
	}
	if len(targets) < 10 || len(phony) != len(targets)+1 {
		t.Errorf("found %d targets, %d of them phony; want 10 or more, all of them phony", len(targets), len(phony)-1)
	}
}

// The YAML files in .github are valid. The commands of the CI workflow exist. dependabot.yml lists every
// module.
func TestForgeFiles(t *testing.T) {
	all := map[string]string{}
	err := filepath.WalkDir(".github", func(file string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".yml" {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var v map[string]any
		if err := yaml.Unmarshal(text, &v); err != nil || len(v) == 0 {
			t.Errorf("%s: error %v, want a valid mapping that is not empty", file, err)
		}
		all[filepath.ToSlash(file)] = string(text)
		return nil
	})
	if err != nil || len(all) < 6 {
		t.Fatalf("found %d YAML files in .github, error %v; want 6 or more", len(all), err)
	}
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	ci := all[".github/workflows/ci.yml"]
	for _, m := range regexp.MustCompile(`run: make ([a-z]+)`).FindAllStringSubmatch(ci, -1) {
		if !strings.Contains(string(makefile), "\n"+m[1]+":") {
			t.Errorf("ci.yml runs make %s, but this target does not exist", m[1])
		}
	}
	if _, err := os.Stat(".ci/run"); err != nil || !strings.Contains(ci, "run: .ci/run") {
		t.Errorf("ci.yml does not run .ci/run, or the file does not exist: %v", err)
	}
	modules := 0
	err = filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "node_modules" {
			return fs.SkipDir
		}
		if err != nil || d.Name() != "go.mod" {
			return err
		}
		modules++
		dir := "/" + strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), ".")
		listed := regexp.MustCompile(`directories: \[.*` + regexp.QuoteMeta(dir) + `[,\]]`)
		if !listed.MatchString(all[".github/dependabot.yml"]) {
			t.Errorf("dependabot.yml does not list the module in %s", dir)
		}
		return nil
	})
	if err != nil || modules < 4 {
		t.Errorf("found %d modules, error %v; want 4 or more", modules, err)
	}
}
