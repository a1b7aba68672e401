package parser_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/matchwire/matchwire/parser"
	"github.com/matchwire/matchwire/profiles"
)

// The evidence of every incident of every sample page leads back to something
// that stands on the page.
func TestQuoteOfEverySamplePage(t *testing.T) {
	lib := library(t)
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
		p, page := lib[filepath.Dir(file)], parser.Page{Body: body}
		found, _, err := p.Extract(page)
		if err != nil {
			t.Fatal(file, err)
		}
		for _, o := range found {
			for _, in := range o.Incidents {
				row := p.Quote(page, in.Path)
				// What the row inherits stands elsewhere; its player does not.
				name := strings.Fields(in.Player + " ")
				if row == "" || len(name) > 0 && !strings.Contains(strings.ReplaceAll(row, "&#39;", "'"), name[len(name)-1]) {
					t.Errorf("%s: %s of %q: at %s stands %.200q", file, in.Kind, in.Player, in.Path, row)
				}
				quoted++
			}
		}
	}
	if quoted < 15 {
		t.Errorf("only %d rows quoted", quoted)
	}
}

func TestQuoteIsBounded(t *testing.T) {
	p, err := parser.LoadProfile("small.yaml", []byte(smallProfile))
	if err != nil {
		t.Fatal(err)
	}
	page := parser.Page{Body: []byte("<ul><li>" + strings.Repeat("é", 10_000) + "</ul>")}
	row := p.Quote(page, "body > ul:nth-child(1) > li:nth-child(1)")
	if len(row) > 4096 || len(row) < 4090 || !utf8.ValidString(row) || !strings.HasSuffix(row, "é…") {
		t.Errorf("%d bytes, %q", len(row), row[max(0, len(row)-10):])
	}
	for _, path := range []string{"", "li:nth-child(9)", "][", "nth(0; .x)"} {
		if row := p.Quote(page, path); row != "" {
			t.Errorf("%q: %q", path, row)
		}
	}
	if row := p.Quote(parser.Page{}, "li"); row != "" {
		t.Errorf("of no page: %q", row)
	}
}

// Pages that made events are kept by their digest, once, and others not.
func TestArchive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pages")
	p, err := parser.LoadProfile("small.yaml", []byte(smallProfile))
	if err != nil {
		t.Fatal(err)
	}
	rd := &parser.Reader{Store: store(t), Archive: &parser.Archive{Dir: dir}, Log: slog.New(slog.DiscardHandler)}
	w := rd.Watch(p, "")
	page := fmt.Sprintf(smallPage, 0)
	for i, body := range []string{page, page, page + "<!-- and nothing else -->"} {
		if _, err := w.Read(t.Context(), parser.Page{Body: []byte(body), At: time.Now().Add(time.Duration(i) * time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	sum := sha256.Sum256([]byte(page))
	if err != nil || len(entries) != 1 || entries[0].Name() != hex.EncodeToString(sum[:])+".gz" {
		t.Fatalf("%v %v", entries, err)
	}
	f, err := os.Open(filepath.Join(dir, entries[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); string(b) != page || err != nil {
		t.Errorf("%q %v", b, err)
	}
}

// The archive is bounded: the oldest pages go, and nothing that is not its own.
func TestArchiveIsBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range 5001 {
		name := filepath.Join(dir, fmt.Sprintf("%064x.gz", i))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(time.Duration(i-6000) * time.Second)
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.gz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a := &parser.Archive{Dir: dir}
	if err := a.Keep(parser.Page{Body: []byte("new")}, "sha256:"+strings.Repeat("f", 64)); err != nil {
		t.Fatal(err)
	}
	has := func(name string) bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 5001 || !has("notes.gz") || !has(strings.Repeat("f", 64)+".gz") || has(fmt.Sprintf("%064x.gz", 1)) || !has(fmt.Sprintf("%064x.gz", 2)) {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

// Pages that a worker keeps for the next visit take bounded memory; those that
// were not used for longest go first.
func TestVisitsAreBounded(t *testing.T) {
	if kept, most := parser.KeepVisits(100, 2<<20); most > 64<<20 || len(kept) < 10 || kept[len(kept)-1] != 99 || kept[0] != 100-len(kept) {
		t.Errorf("kept %v, %d bytes at most", kept, most)
	}
}
