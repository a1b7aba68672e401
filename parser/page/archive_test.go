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

// The archive contains each page that produced events once, in a file named after the page's
// digest. It contains no other pages.
func TestArchive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pages")
	p, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
	if err != nil {
		t.Fatal(err)
	}
	in := &poll.Ingester{Store: parsertest.Store(t), Archive: &page.Archive{Dir: dir}, Log: slog.New(slog.DiscardHandler)}
	tracker := in.Track(p, "")
	fetched := fmt.Sprintf(parsertest.SmallPage, 0)
	for i, body := range []string{fetched, fetched, fetched + "<!-- no event -->"} {
		at := time.Now().Add(time.Duration(i) * time.Second)
		if _, err := tracker.Ingest(t.Context(), page.Page{Body: []byte(body), At: at}); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	sum := sha256.Sum256([]byte(fetched))
	if err != nil || len(entries) != 1 || entries[0].Name() != hex.EncodeToString(sum[:])+".gz" {
		t.Fatalf("the archive contains %v, error %v, want only the page that produced events", entries, err)
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
		t.Errorf("archived %q, error %v, want %q", b, err, fetched)
	}
}

// A full archive removes the oldest pages. It does not remove other files.
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
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 5001 {
		t.Errorf("%d files are left, error %v, want 5001", len(left), err)
	}
	for name, want := range map[string]bool{
		"notes.gz":                      true,
		strings.Repeat("f", 64) + ".gz": true,
		fmt.Sprintf("%064x.gz", 1):      false,
		fmt.Sprintf("%064x.gz", 2):      true,
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s exists: %t, want %t", name, err == nil, want)
		}
	}
}
