package recording

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// A Keeper saves pages that a profile cannot parse completely, so that you can fix the profile.
// Each page becomes a fixture in its own folder. A Keeper keeps at most 50 pages, and removes the
// oldest. Goroutines can share a Keeper.
type Keeper struct {
	Dir string // contains the folders of the fixtures

	mu   sync.Mutex
	last map[string]time.Time // by profile name: time of the last saved page
}

const (
	maxKept   = 50          // maximum number of pages
	keepPause = time.Minute // minimum time between two saved pages of one profile
)

// keptName matches the names of the folders that Keep creates.
var keptName = regexp.MustCompile(`^\d{8}T\d{6}-[a-z0-9-]+-[0-9a-f]{8}$`)

// Keep saves a page and returns the folder of the new fixture. If the last saved page of the profile
// was fetched less than a minute before or after the page, Keep saves nothing and returns "". why becomes
// a comment in the manifest.
func (k *Keeper) Keep(p page.Page, prof *profile.Profile, match, why string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if last, ok := k.last[prof.Name]; ok && p.At.Sub(last).Abs() < keepPause {
		return "", nil
	}
	if k.last == nil {
		k.last = map[string]time.Time{}
	}
	k.last[prof.Name] = p.At
	name := fmt.Sprintf("%s-%s-%08x", p.At.UTC().Format("20060102T150405"), prof.Name, uint32(xxhash.Sum64(p.Body)))
	source := poll.Source{URL: p.URL, Profile: prof, Match: match}
	rec, err := NewRecorder(filepath.Join(k.Dir, name), source, prof.Name, why)
	if err != nil {
		return "", err
	}
	_, err = rec.Add(p)
	if err = errors.Join(err, rec.Close()); err != nil {
		return "", err
	}
	return filepath.Join(k.Dir, name), k.prune()
}

// prune removes the oldest pages until at most maxKept pages are left. It ignores folders that Keep
// did not create.
func (k *Keeper) prune() error {
	entries, err := os.ReadDir(k.Dir) // sorted by name, which begins with the time
	if err != nil {
		return err
	}
	var kept []string
	for _, e := range entries {
		if e.IsDir() && keptName.MatchString(e.Name()) {
			kept = append(kept, e.Name())
		}
	}
	for _, name := range kept[:max(0, len(kept)-maxKept)] {
		if err := os.RemoveAll(filepath.Join(k.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}
