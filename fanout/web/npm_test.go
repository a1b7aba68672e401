package web_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv"
)

// The npm package of make npm has only the files of the client. In an empty folder, the TypeScript compiler accepts a
// program that uses the whole API, and the example of the README. It rejects each wrong use.
func TestNPMPackage(t *testing.T) {
	testenv.NotShort(t)
	dir := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if _, err := exec.LookPath("npm"); err != nil {
		testenv.Missing(t, "npm is not installed")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	run("make", "-C", root, "npm", "VERSION=v1.2.3-rc.1", "DIST="+filepath.Join(dir, "dist"))
	if err := os.CopyFS(dir, os.DirFS("testdata/npm")); err != nil {
		t.Fatal(err)
	}
	compiler := exec.Command("npm", "install", "--no-audit", "--no-fund")
	compiler.Dir = dir
	if out, err := compiler.CombinedOutput(); err != nil {
		testenv.Missing(t, "npm cannot install TypeScript: "+string(out))
	}
	run("npm", "install", "--no-audit", "--no-fund", "./dist/matchwire-1.2.3-rc.1.tgz")

	entries, err := os.ReadDir(filepath.Join(dir, "node_modules", "matchwire"))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		files = append(files, e.Name())
	}
	const want = "LICENSE README.md live.d.ts live.js matches.d.ts matches.js package.json"
	if got := strings.Join(files, " "); got != want {
		t.Errorf("the package has the files %s, want %s", got, want)
	}

	readme := read(t, "files/README.md")
	_, example, _ := strings.Cut(readme, "```js\n")
	example, _, _ = strings.Cut(example, "```")
	if err := os.WriteFile(filepath.Join(dir, "readme.ts"), []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{"nodenext", "preserve"} { // preserve is for bundlers such as esbuild
		run("npx", "tsc", "--noEmit", "--strict", "--target", "es2022", "--module", module,
			"use.ts", "misuse.ts", "readme.ts")
	}

	use := read(t, "testdata/npm/use.ts")
	exported := regexp.MustCompile(`(?m)^export (\w+) (\w+)`)
	for _, name := range []string{"live", "matches"} {
		var values []string // the functions and classes
		for _, m := range exported.FindAllStringSubmatch(read(t, "files/"+name+".d.ts"), -1) {
			if m[1] == "function" || m[1] == "class" {
				values = append(values, m[2])
			}
			if !regexp.MustCompile(`\b` + m[2] + `\b`).MatchString(use) {
				t.Errorf("testdata/npm/use.ts does not use %s of %s.d.ts", m[2], name)
			}
		}
		got := run("node", "--input-type=module", "-e",
			`console.log(Object.keys(await import("matchwire/`+name+`.js")).join(" "))`)
		if got != strings.Join(values, " ") || got == "" {
			t.Errorf("%s.js exports %q, and its types declare %q", name, got, values)
		}
	}
}

// read returns the text of a file.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
