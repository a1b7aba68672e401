package app

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every matchwire command in these files exists and has the documented flags.
func TestDocumentedCommands(t *testing.T) {
	shape := regexp.MustCompile("(?m)(?:^ *|`|\\$ )(?:go run \\./cmd/)?matchwire ([a-z]+)([^`\n]*)")
	flag := regexp.MustCompile(`--[a-z]+(-[a-z]+)*`)
	var seen []string
	files := []string{"../README.md", "../CONTRIBUTING.md", "../docs/commands.md", "../docs/getting-started.md",
		"../docs/troubleshooting.md", "../docs/operations.md", "../docs/recipes.md", "../docs/faq.md", "../docs/privacy.md"}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range shape.FindAllStringSubmatch(string(text), -1) {
			command, rest := m[1], m[2]
			if at := strings.Index(rest, "#"); at >= 0 {
				rest = rest[:at]
			}
			code, help, errs := call(t, "", nil, command, "--help")
			if code != 0 {
				t.Errorf("%s: matchwire %s --help: exit %d, want 0: %s", file, command, code, errs)
				continue
			}
			seen = append(seen, command)
			for _, f := range flag.FindAllString(rest, -1) {
				if !strings.Contains(help, f) && !strings.Contains(subcommandHelp(t, command, rest), f) {
					t.Errorf("%s: matchwire %s%s: the command has no flag %s", file, command, rest, f)
				}
			}
		}
	}
	slices.Sort(seen)
	if seen = slices.Compact(seen); len(seen) < 14 {
		t.Errorf("found the commands %v, want at least 14", seen)
	}
}

// subcommandHelp returns the output of matchwire COMMAND WORD --help, where WORD is the first word
// of rest, such as a subcommand. It returns "" if rest has no words.
func subcommandHelp(t *testing.T, command, rest string) string {
	t.Helper()
	words := strings.Fields(rest)
	if len(words) == 0 {
		return ""
	}
	_, help, _ := call(t, "", nil, command, words[0], "--help")
	return help
}
