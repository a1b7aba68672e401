package matchwire_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// withoutExample lists the public packages that need no example, each with the reason.
var withoutExample = map[string]string{
	"broker/brokertest": "broker/memory/memory_test.go shows how to call it",
	"consumers/shipped": "a list for package app",
	"docs":              "an embedded folder",
	"fixtures":          "an embedded folder; the example of parser/recording uses it",
	"health":            "a struct of two fields",
	"profiles":          "an embedded folder",
}

// Each public package has an example, unless withoutExample lists the package.
func TestEveryPublicPackageHasAnExample(t *testing.T) {
	for dir, p := range packages(t) {
		if isInternal(dir) || len(p.files) == 0 || isCommand(p) {
			continue
		}
		has := hasExample(t, dir)
		switch reason := withoutExample[dir]; {
		case !has && reason == "":
			t.Errorf("package %s has no example: add one, or add the package to withoutExample", dir)
		case has && reason != "":
			t.Errorf("package %s has an example: remove the package from withoutExample", dir)
		}
	}
}

// isInternal reports whether a package is internal.
func isInternal(dir string) bool {
	return strings.HasPrefix(dir, "internal/") || strings.Contains(dir, "/internal/")
}

// isCommand reports whether a package is a program.
func isCommand(p *goPackage) bool {
	for _, file := range p.files {
		return file.Name.Name == "main"
	}
	return false
}

// hasExample reports whether a test file of a package has a function whose name begins with Example.
func hasExample(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Example") {
				return true
			}
		}
	}
	return false
}
