package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/docs"
	"github.com/matchwire/matchwire/internal/terminal"
)

const markdownPage = "# A *page*\n\nA [word](live.md#x) of `code | span` and [a site](https://x.example), " +
	"with **more** words\nthan fit [`here`](#here), not `[x](y)`.\n\n" +
	"- an item that is\n  too long for one line of the terminal\n\n" +
	"```sh\nmatchwire run  # a long line of code is not broken at all\n```\n\n" +
	"| a | b |\n|---|---|\n| `x\\|y…` | short |\n| z | a long text in the last column |\n\n" +
	"| first | second | third |\n|---|---|---|\n| r | a text that is far too long for this | t |\n"

// On a terminal, prose and tables are wrapped, code is indented, and links show where they lead.
func TestReadable(t *testing.T) {
	t.Parallel()
	want := `A *page*

A word (help live) of ` + "`code | span`" + ` and
a site (https://x.example), with
**more** words than fit ` + "`here`, not\n`[x](y)`." + `

- an item that is too long for one line
  of the terminal

    matchwire run  # a long line of code is not broken at all

a     b
x|y…  short
z     a long text in the last column

- r
  second: a text that is far too long
  for this
  third: t
`
	if got := readable(markdownPage, 40, false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got := readable(markdownPage, 40, true)
	for _, painted := range []string{terminal.Bold.Paint("A *page*"), terminal.Cyan.Paint("code | span"),
		terminal.Bold.Paint("more"), terminal.Bold.Paint("a     b")} {
		if !strings.Contains(got, painted) {
			t.Errorf("with colours: %q, want %q in it", got, painted)
		}
	}
}

// The text of every page fits the terminal, except for code and words that are longer than a line.
func TestReadablePagesFit(t *testing.T) {
	t.Parallel()
	for _, name := range pageNames(docs.FS, nil) {
		page, err := docs.FS.ReadFile(name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(readable(string(page), 80, false)) {
			line = strings.TrimRight(line, "\n")
			longWord := func(word string) bool { return len(word) > 60 }
			if len([]rune(line)) > 80 && !strings.HasPrefix(line, "    ") &&
				!slices.ContainsFunc(strings.Fields(line), longWord) {
				t.Errorf("%s: line of %d characters: %s", name, len([]rune(line)), line)
			}
		}
	}
}

// A page that does not go to a terminal stays Markdown.
func TestPageForAFile(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := show(&out, markdownPage, func(string) string { return "" }); err != nil || out.String() != markdownPage {
		t.Errorf("error %v, printed\n%s\nwant the page", err, out.String())
	}
}
