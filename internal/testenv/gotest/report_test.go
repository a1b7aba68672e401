package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The report contains the output of go test without -json, followed by the skipped tests.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.org/m\n",
		"good/a_test.go": `package good
import "testing"
func TestGood(t *testing.T) { t.Log("quiet") }
func TestData(t *testing.T) { t.Log("looking"); t.Skip("no data") }
func TestSub(t *testing.T) { t.Run("part", func(t *testing.T) { t.Skip("no data") }) }
`,
		"bad/b_test.go": `package bad
import "testing"
func TestGood(t *testing.T) { t.Log("quiet") }
func TestBad(t *testing.T) { t.Run("part", func(t *testing.T) { t.Error("wrong") }) }
`,
		"panics/c_test.go": `package panics
import "testing"
func TestPanics(t *testing.T) { t.Log("before"); panic("in a test") }
`,
		"broken/d_test.go": "package broken\nfunc f() { undefined() }\n",
		"none/e.go":        "package none\n",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	report := func(packages ...string) string {
		cmd := exec.Command("go", append([]string{"test", "-json"}, packages...)...)
		cmd.Dir = dir
		out, _ := cmd.Output() // some of the packages fail
		var b strings.Builder
		r := report{out: &b}
		if err := r.read(strings.NewReader(string(out))); err != nil {
			t.Fatal(err)
		}
		r.summary()
		return b.String()
	}

	got := report("./good", "./none")
	for _, want := range []string{"ok  \texample.org/m/good\t", "?   \texample.org/m/none\t[no test files]"} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "quiet") || strings.Contains(got, "PASS") {
		t.Errorf("the report contains output of passed tests, want none:\n%s", got)
	}
	if !strings.HasSuffix(got, "skipped tests: 2\n  no data: good.TestData, good.TestSub/part\n") {
		t.Errorf("the report does not end with the two skipped tests:\n%s", got)
	}
	got = report("./bad", "./panics", "./broken")
	for _, want := range []string{
		"    b_test.go:4: wrong\n", "--- FAIL: TestBad/part ", "--- FAIL: TestBad ", "FAIL\nFAIL\texample.org/m/bad\t",
		"    c_test.go:3: before", "panic: in a test", "FAIL\texample.org/m/panics\t",
		"undefined: undefined", "FAIL\texample.org/m/broken [build failed]",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q:\n%s", want, got)
		}
	}
	if !strings.HasSuffix(got, "no test was skipped\n") || strings.Contains(got, "quiet") {
		t.Errorf("the report does not end with \"no test was skipped\", or contains output of passed tests:\n%s", got)
	}
}

// For several modules gotest prints one summary, and exits with the first exit code that is not 0.
func TestModules(t *testing.T) {
	skips := "package p\nimport \"testing\"\nfunc TestSkipped(t *testing.T) { t.Skip(\"no data\") }\n"
	fails := skips + "func TestBad(t *testing.T) { t.Error(\"wrong\") }\n"
	for _, tc := range []struct {
		first, second string
		code          int
	}{{skips, skips, 0}, {fails, skips, 1}, {skips, fails, 1}} {
		var dirs []string
		for name, text := range map[string]string{"first": tc.first, "second": tc.second} {
			dir := t.TempDir()
			dirs = append(dirs, dir)
			for file, text := range map[string]string{"go.mod": "module example.org/" + name + "\n", "p_test.go": text} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		var b strings.Builder
		code := run([]string{"-modules=" + strings.Join(dirs, ","), "./..."}, &b)
		const summary = "skipped tests: 2\n  no data: first.TestSkipped, second.TestSkipped\n"
		if got := b.String(); code != tc.code || strings.Count(got, "no data") != 1 || !strings.HasSuffix(got, summary) {
			t.Errorf("exit code %d, want %d; want the summary %q once, at the end of:\n%s", code, tc.code, summary, got)
		}
	}
}

// The summary lists the top-level tests that took long, slowest first.
func TestSlowTests(t *testing.T) {
	var b strings.Builder
	r := report{out: &b}
	for _, e := range []event{
		{Action: "pass", Package: "example.org/p", Test: "TestShort", Elapsed: 19.9},
		{Action: "pass", Package: "example.org/p", Test: "TestLong", Elapsed: 20},
		{Action: "fail", Package: "example.org/p", Test: "TestLonger", Elapsed: 61.6},
		{Action: "pass", Package: "example.org/p", Test: "TestLonger/part", Elapsed: 61},
	} {
		r.add(e)
	}
	r.summary()
	const want = "slowest tests:\n    62 s  p.TestLonger\n    20 s  p.TestLong\nno test was skipped\n"
	if b.String() != want {
		t.Errorf("the summary is\n%swant\n%s", b.String(), want)
	}
}
