package shipped_test

import (
	"os"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/consumers/shipped"
)

// Each consumer has a section in docs/consumers.md, or a separate page in docs. It also has a row
// in the table of docs/consumers.md, and CHANGELOG.md mentions it.
func TestEveryConsumerIsDescribed(t *testing.T) {
	read := func(file string) string {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, p := range shipped.Plugins() {
		if _, err := os.Stat("../../docs/" + p.Name + ".md"); err != nil {
			if want := "\n## " + p.Name + "\n"; !strings.Contains(read("docs/consumers.md"), want) {
				t.Errorf("docs/consumers.md lacks the section %s, and there is no docs/%s.md", p.Name, p.Name)
			}
		}
		for file, want := range map[string]string{
			"docs/consumers.md": "\n| `" + p.Name + "` | ", "CHANGELOG.md": "`" + p.Name + "`",
		} {
			if !strings.Contains(read(file), want) {
				t.Errorf("%s lacks %q", file, strings.TrimSpace(want))
			}
		}
	}
	if len(shipped.Plugins()) == 0 {
		t.Error("Plugins returned no consumers, want one or more")
	}
}
