package matchwire_test

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// The first require block of go.mod lists the modules that the program imports, and the second block
// lists the modules that only tests import. Large modules for tests are in contract/go.mod.
func TestGoModBlocks(t *testing.T) {
	product, tests := requireBlocks(t)
	imported := productImports(t)
	for _, m := range product {
		if !slices.ContainsFunc(imported, func(i string) bool { return inModule(i, m) }) {
			t.Errorf("go.mod: module %s is in the block of the program, but the program does not import it", m)
		}
	}
	for _, i := range imported {
		for _, m := range tests {
			if inModule(i, m) {
				t.Errorf("go.mod: module %s is in the block of the tests, but the program imports %s", m, i)
			}
		}
	}
	if len(product) < 20 || len(tests) == 0 {
		t.Errorf("found %d and %d modules in the first two blocks of go.mod, want at least 20 and 1",
			len(product), len(tests))
	}
}

// inModule reports whether an import path belongs to a module.
func inModule(imported, module string) bool {
	return imported == module || strings.HasPrefix(imported, module+"/")
}

// requireBlocks returns the modules in the first and second require blocks of go.mod.
func requireBlocks(t *testing.T) (product, tests []string) {
	t.Helper()
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var blocks [][]string
	for _, block := range strings.Split(string(text), "require (")[1:] {
		block, _, _ = strings.Cut(block, "\n)")
		var modules []string
		for line := range strings.Lines(strings.TrimSpace(block)) {
			name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			modules = append(modules, name)
		}
		blocks = append(blocks, modules)
	}
	if len(blocks) != 3 {
		t.Fatalf("go.mod has %d require blocks, want 3: program, tests, indirect dependencies", len(blocks))
	}
	return blocks[0], blocks[1]
}

// productImports returns the packages of other modules that the packages of the program import.
func productImports(t *testing.T) []string {
	t.Helper()
	all := packages(t)
	var imported []string
	seen := map[string]bool{}
	var visit func(dir string)
	visit = func(dir string) {
		if seen[dir] {
			return
		}
		seen[dir] = true
		for i := range all[dir].imports() {
			if own, ok := strings.CutPrefix(i, module+"/"); ok {
				visit(path.Clean(own))
			} else if host, _, _ := strings.Cut(i, "/"); strings.Contains(host, ".") {
				imported = append(imported, i)
			}
		}
	}
	visit("cmd/matchwire")
	return imported
}
