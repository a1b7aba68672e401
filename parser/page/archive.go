package page

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// An Archive keeps whole pages that made events in a folder, by the digest in the events' evidence:
// the page sha256:ab… is the file ab….gz. The folder is bounded; the oldest pages are removed.
type Archive struct {
	Dir string

	mu   sync.Mutex
	kept int // pages, by this process
}

const (
	maxArchived      = 5000    // pages
	maxArchivedBytes = 1 << 30 // compressed
	pruneEvery       = 50      // pages; the folder may hold so many more
)

// Add adds a page, if the folder does not hold it yet. snapshot is its digest.
func (a *Archive) Add(p Page, snapshot string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := os.MkdirAll(a.Dir, 0o755); err != nil {
		return err
	}
	name := filepath.Join(a.Dir, strings.TrimPrefix(snapshot, "sha256:")+archiveExt)
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(p.Body)
	if err = errors.Join(err, z.Close()); err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", b.Bytes(), 0o644); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	if a.kept++; a.kept%pruneEvery != 1 {
		return nil
	}
	return a.prune()
}

const archiveExt = ".gz"

// prune removes the oldest pages, and nothing that is not a page of the archive.
func (a *Archive) prune() error {
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return err
	}
	var kept []fs.FileInfo
	var bytes int64
	for _, e := range entries {
		if digest, ok := strings.CutSuffix(e.Name(), archiveExt); !ok || len(digest) != 64 {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		kept, bytes = append(kept, info), bytes+info.Size()
	}
	slices.SortFunc(kept, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for n := len(kept); n > maxArchived || bytes > maxArchivedBytes; n-- {
		oldest := kept[len(kept)-n]
		if err := os.Remove(filepath.Join(a.Dir, oldest.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("pruning %s: %w", a.Dir, err)
		}
		bytes -= oldest.Size()
	}
	return nil
}
