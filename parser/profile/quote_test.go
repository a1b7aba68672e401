package profile_test

import (
	"html"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/profiles"
)

// For each incident on the sample pages, the quote at its path contains the player's last name.
func TestQuoteOfEverySamplePage(t *testing.T) {
	t.Parallel()
	lib := parsertest.Library(t)
	samples, err := fs.Glob(profiles.FS, "*/*")
	if err != nil {
		t.Fatal(err)
	}
	quoted := 0
	for _, file := range samples {
		if strings.HasSuffix(file, ".expect.json") {
			continue
		}
		body, err := fs.ReadFile(profiles.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := lib[filepath.Dir(file)].Parse(t.Context(), page.Page{Body: body})
		if err != nil {
			t.Fatal(file, err)
		}
		observations, _, err := doc.Observations(t.Context())
		if err != nil {
			t.Fatal(file, err)
		}
		for _, o := range observations {
			for _, in := range o.Incidents {
				row := doc.Quote(t.Context(), in.Path)
				names := strings.Fields(in.Player)
				if row == "" || len(names) > 0 && !strings.Contains(html.UnescapeString(row), names[len(names)-1]) {
					t.Errorf("%s: %s by %q: the quote at %s is %.200q, want the last name", file, in.Kind, in.Player, in.Path, row)
				}
				quoted++
			}
		}
	}
	if quoted < 15 {
		t.Errorf("%d incidents on all sample pages, want at least 15", quoted)
	}
}

func TestQuoteIsBounded(t *testing.T) {
	t.Parallel()
	p, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := p.Parse(t.Context(), page.Page{Body: []byte("<ul><li>" + strings.Repeat("é", 10_000) + "</ul>")})
	if err != nil {
		t.Fatal(err)
	}
	row := doc.Quote(t.Context(), "body > ul:nth-child(1) > li:nth-child(1)")
	if len(row) > 4096 || len(row) < 4090 || !utf8.ValidString(row) || !strings.HasSuffix(row, "é…") {
		t.Errorf("quote of %d bytes that ends in %q, want at most 4096 bytes that end in é…",
			len(row), row[max(0, len(row)-10):])
	}
	for _, path := range []string{"", "li:nth-child(9)", "][", "nth(0; .x)"} {
		if row := doc.Quote(t.Context(), path); row != "" {
			t.Errorf(`Quote(%q) = %q, want ""`, path, row)
		}
	}
}
