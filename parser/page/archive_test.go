package page_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// Pages that made events are kept by their digest, once, and others not.
func TestArchive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pages")
	p, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
	if err != nil {
		t.Fatal(err)
	}
	rd := &poll.Ingester{Store: parsertest.Store(t), Archive: &page.Archive{Dir: dir}, Log: slog.New(slog.DiscardHandler)}
	w := rd.Track(p, "")
	fetched := fmt.Sprintf(parsertest.SmallPage, 0)
	for i, body := range []string{fetched, fetched, fetched + "<!-- and nothing else -->"} {
		if _, err := w.Ingest(t.Context(), page.Page{Body: []byte(body), At: time.Now().Add(time.Duration(i) * time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	sum := sha256.Sum256([]byte(fetched))
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
	if b, err := io.ReadAll(z); string(b) != fetched || err != nil {
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
	a := &page.Archive{Dir: dir}
	if err := a.Add(page.Page{Body: []byte("new")}, "sha256:"+strings.Repeat("f", 64)); err != nil {
		t.Fatal(err)
	}
	has := func(name string) bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 5001 || !has("notes.gz") || !has(strings.Repeat("f", 64)+".gz") || has(fmt.Sprintf("%064x.gz", 1)) || !has(fmt.Sprintf("%064x.gz", 2)) {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}
