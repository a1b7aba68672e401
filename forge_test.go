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

// make help lists each target, and each is phony.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	phony := strings.Fields(regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindString(string(makefile)))
	targets := regexp.MustCompile(`(?m)^([a-z-]+):(.*)$`).FindAllStringSubmatch(string(makefile), -1)
	for _, m := range targets {
		if !strings.Contains(m[2], " ## ") {
			t.Errorf("target %s has no help", m[1])
		}
		if !slices.Contains(phony, m[1]) {
			t.Errorf("target %s is not phony", m[1])
		}
	}
	if len(targets) < 10 || len(phony) != len(targets)+1 {
		t.Errorf("%d targets, %d of them phony", len(targets), len(phony)-1)
	}
}

// The files for the forge are valid YAML. What they run exists, and updates cover every module.
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
			t.Errorf("%s: %v", file, err)
		}
		all[filepath.ToSlash(file)] = string(text)
		return nil
	})
	if err != nil || len(all) < 6 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	ci := all[".github/workflows/ci.yml"]
	for _, m := range regexp.MustCompile(`run: make ([a-z]+)`).FindAllStringSubmatch(ci, -1) {
		if !strings.Contains(string(makefile), "\n"+m[1]+":") {
			t.Errorf("ci.yml runs make %s, which is no target", m[1])
		}
	}
	if _, err := os.Stat(".ci/run"); err != nil || !strings.Contains(ci, "run: .ci/run") {
		t.Errorf("ci.yml does not run .ci/run: %v", err)
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
		named := regexp.MustCompile(`directories: \[.*` + regexp.QuoteMeta(dir) + `[,\]]`)
		if !named.MatchString(all[".github/dependabot.yml"]) {
			t.Errorf("dependabot.yml does not name the module in %s", dir)
		}
		return nil
	})
	if err != nil || modules < 4 {
		t.Errorf("%d modules, %v; want 4 or more", modules, err)
	}
}
