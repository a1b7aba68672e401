package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/profiles"
)

// Library loads the shipped profiles and the profiles in the config's profile folder. If
// two profiles have the same name, the profile in the config's folder is used.
func (c Config) Library() (profile.Library, error) { return c.withOwn(shippedProfiles()) }

// SiteProfiles is like [Config.Library], without the profiles of the shipped fixtures, whose sites do not exist.
func (c Config) SiteProfiles() (profile.Library, error) {
	return c.withOwn(siteProfiles())
}

// ProfileText returns the file of the named profile of [Config.SiteProfiles].
func (c Config) ProfileText(name string) ([]byte, error) {
	lib, err := c.SiteProfiles()
	if err != nil {
		return nil, err
	}
	p := lib[name]
	if p == nil {
		return nil, fmt.Errorf("profile %q does not exist: want one of %s", name,
			strings.Join(slices.Sorted(maps.Keys(lib)), ", "))
	}
	files, err := c.ownFiles()
	switch {
	case err != nil:
		return nil, err
	case files[name] != "":
		return os.ReadFile(files[name])
	}
	return fs.ReadFile(profiles.FS, p.File())
}

// siteProfiles returns the shipped profiles of real sites. The caller must not change the library.
var siteProfiles = sync.OnceValues(func() (profile.Library, error) { return profile.LoadLibrary(profiles.FS) })

// withOwn returns lib with the profiles in the config's profile folder, unless err is not nil. It does not change lib.
func (c Config) withOwn(lib profile.Library, err error) (profile.Library, error) {
	if err != nil {
		return nil, err
	}
	own, err := c.ownProfiles()
	lib = maps.Clone(lib)
	maps.Copy(lib, own)
	return lib, err
}

// ownProfiles loads the profiles in the config's profile folder.
func (c Config) ownProfiles() (profile.Library, error) {
	if c.Profiles == "" {
		return nil, nil
	}
	dir := c.input(c.Profiles)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		err := c.profilesPos.Errorf("%q: no such folder: want a path relative to the folder of the config", c.Profiles)
		return nil, fmt.Errorf("config %w", strictyaml.InFile(c.file, err))
	}
	own, err := profile.LoadLibrary(os.DirFS(dir))
	if err == nil {
		return own, nil
	}
	faults := strictyaml.Mistakes(err)
	for i, fault := range faults {
		var positioned *strictyaml.Error
		if errors.As(fault, &positioned) {
			positioned.File = filepath.Join(dir, positioned.File)
			faults[i] = fmt.Errorf("profile %w", positioned)
		}
	}
	return own, allMistakes(faults...)
}

// shippedProfiles returns the profiles that the binary contains. The caller must not change the library.
var shippedProfiles = sync.OnceValues(func() (profile.Library, error) {
	fixtureProfiles, err := fs.Sub(fixtures.FS, "profiles")
	if err != nil {
		return nil, err
	}
	lib, err := profile.LoadLibrary(fixtureProfiles)
	if err != nil {
		return nil, err
	}
	for _, p := range lib {
		p.Fictional = true
	}
	sites, err := siteProfiles()
	maps.Copy(lib, sites)
	return lib, err
})

// ownFiles returns the files of the profiles in the config's profile folder, by the names of the profiles.
func (c Config) ownFiles() (map[string]string, error) {
	own, err := c.ownProfiles()
	files := map[string]string{}
	for name, p := range own {
		files[name] = filepath.Join(c.resolve(c.Profiles), p.File())
	}
	return files, err
}

// logReplaced logs each shipped profile that a profile in the config's folder replaces.
func (c Config) logReplaced(log *slog.Logger) error {
	shipped, err := shippedProfiles()
	if err != nil {
		return err
	}
	files, err := c.ownFiles()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if shipped[name] != nil {
			log.Info("your profile replaces the shipped profile of the same name", "profile", name, "file", files[name])
		}
	}
	return err
}

// sameFile reports whether two paths name the same file.
func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
