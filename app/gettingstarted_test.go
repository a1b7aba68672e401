package app

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/pipeline"
)

// The files in docs/getting-started.md are valid: parse prints the lines that the page shows, and the
// last matchwire.yaml loads.
func TestGettingStarted(t *testing.T) {
	text, err := os.ReadFile("../docs/getting-started.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	block := regexp.MustCompile("(?s)`([a-z.]+)`:\n\n( *)```[a-z]+\n(.*?)```")
	var files []string
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		body := strings.ReplaceAll("\n"+m[3], "\n"+m[2], "\n")[1:]
		if m[1] == "matchwire.yaml" && !slices.Contains(files, m[1]) {
			checkInit(t, body)
		}
		if err := os.WriteFile(filepath.Join(dir, m[1]), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, m[1])
	}
	if len(files) != 4 {
		t.Fatalf("the page has the files %v, want page.html, mysite.yaml and matchwire.yaml twice", files)
	}
	code, out, errs := call(t, "", nil, "parse", "page.html", "--profile", "mysite.yaml")
	if code != 0 {
		t.Fatalf("parse: exit %d, want 0: %s", code, errs)
	}
	shown := regexp.MustCompile("(?s)```\n( *profile mysite\n.*?)```").FindStringSubmatch(string(text))
	if shown == nil {
		t.Fatal("the page shows no output of parse")
	}
	// The page shows the beginning of the output, with all its lines.
	printed, _, _ := strings.Cut(out, "\n\n2 incidents")
	if strings.Join(strings.Fields(printed), " ") != strings.Join(strings.Fields(shown[1]), " ") {
		t.Errorf("the page shows\n%s\nand parse prints\n%s", shown[1], printed)
	}
	if !strings.Contains(out, "\nno problems\n") {
		t.Errorf("parse prints\n%s\nwant no problems", out)
	}
	config, err := pipeline.LoadConfig("matchwire.yaml", false)
	if err != nil || len(config.Sources) != 1 || len(config.Consumers) != 1 {
		t.Errorf("matchwire.yaml: config %+v, error %v; want 1 source and 1 consumer", config, err)
	}
}

// checkInit checks that the config of init for ntfy contains the documented lines.
func checkInit(t *testing.T, documented string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "matchwire.yaml")
	if code, _, errs := call(t, "", nil, "init", file, "--yes", "--channel", "ntfy"); code != 0 {
		t.Fatalf("init: exit %d, want 0: %s", code, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(documented) {
		if line = strings.TrimSpace(line); !strings.Contains(string(text), line) {
			t.Errorf("the config of init does not contain %q:\n%s", line, text)
		}
	}
}

// The config in docs/operations.md loads.
func TestDocumentedConfig(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "### Config\n")
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(section)
	if block == nil {
		t.Fatal("docs/operations.md has no config")
	}
	file := filepath.Join(t.TempDir(), "matchwire.yaml")
	if err := os.WriteFile(file, []byte(block[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := pipeline.LoadConfig(file, false)
	if err != nil || len(c.Aliases) != 1 || c.FailedPages == "" || len(c.Sources) != 1 {
		t.Errorf("config %+v, error %v; want 1 source, 1 alias and failed_pages", c, err)
	}
}
