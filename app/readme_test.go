package app

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/pipeline"
)

// The files in the README are valid: parse prints the lines that the README shows, and the
// configs load.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	block := regexp.MustCompile("(?s)`([a-z.]+)`:\n\n( *)```[a-z]+\n(.*?)```")
	files := 0
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		body := strings.ReplaceAll("\n"+m[3], "\n"+m[2], "\n")[1:]
		if err := os.WriteFile(filepath.Join(dir, m[1]), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		files++
	}
	if files != 3 {
		t.Fatalf("%d files in the README, want page.html, mysite.yaml and matchwire.yaml", files)
	}
	code, out, errs := call(t, "", nil, "parse", "page.html", "--profile", "mysite.yaml")
	if code != 0 {
		t.Fatalf("parse: exit %d, want 0: %s", code, errs)
	}
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); !strings.Contains(string(text), line) {
			t.Errorf("parse prints a line that the README does not show: %q", line)
		}
	}
	more := regexp.MustCompile("(?s)More of matchwire.yaml:\n\n```yaml\n(.*?)```").FindStringSubmatch(string(text))
	if more == nil {
		t.Fatal("the README has no block after \"More of matchwire.yaml:\"")
	}
	if err := os.WriteFile("more.yaml", []byte(more[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := pipeline.LoadConfig("more.yaml", false); err != nil || len(c.Aliases) != 1 || c.FailedPages == "" {
		t.Errorf("more.yaml: config %+v, error %v; want 1 alias and failed_pages", c, err)
	}
	config, err := pipeline.LoadConfig("matchwire.yaml", false)
	if err != nil || len(config.Sources) != 1 || len(config.Consumers) != 2 {
		t.Errorf("matchwire.yaml: config %+v, error %v; want 1 source and 2 consumers", config, err)
	}
}
