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

// An Archive is a folder with the pages that produced events. Each file is named after the digest
// of its page: the page sha256:ab… is the file ab….gz. The evidence of an event contains this
// digest. If the folder becomes too large, Add removes the oldest pages. Goroutines can share an
// Archive.
type Archive struct {
	Dir string

	mu    sync.Mutex
	added int // number of pages that Add has added
}

const (
	maxArchived      = 5000    // maximum number of pages
	maxArchivedBytes = 1 << 30 // maximum total size of the compressed pages, in bytes
	pruneEvery       = 50      // number of pages added between two prunes; meanwhile the folder can exceed its limits
)

// Add adds a page, unless the folder already contains the page. snapshot is the digest of the page,
// such as sha256:ab….
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
	if a.added++; a.added%pruneEvery != 1 {
		return nil
	}
	return a.prune()
}

const archiveExt = ".gz"

// prune removes the oldest pages until the folder is within its limits. It ignores files that are
// not archived pages.
func (a *Archive) prune() error {
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return err
	}
	var pages []fs.FileInfo
	var size int64
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
		pages, size = append(pages, info), size+info.Size()
	}
	slices.SortFunc(pages, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for n := len(pages); n > maxArchived || size > maxArchivedBytes; n-- {
		oldest := pages[len(pages)-n]
		if err := os.Remove(filepath.Join(a.Dir, oldest.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("pruning %s: %w", a.Dir, err)
		}
		size -= oldest.Size()
	}
	return nil
}
