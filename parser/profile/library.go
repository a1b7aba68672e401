package profile

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A Library holds profiles by name.
type Library map[string]*Profile

// LoadLibrary loads all *.yaml files in the folders. A profile replaces a profile with the same
// name from an earlier folder.
func LoadLibrary(folders ...fs.FS) (Library, error) {
	lib := Library{}
	for _, folder := range folders {
		files, err := fs.Glob(folder, "*.yaml")
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			data, err := fs.ReadFile(folder, f)
			if err != nil {
				return nil, err
			}
			p, err := Load(f, data)
			if err != nil {
				return nil, fmt.Errorf("profile %w", err)
			}
			lib[p.Name] = p
		}
	}
	return lib, nil
}

// Find returns the profile with this name. If there is none, and name is the path of a file, it
// loads the profile from the file. A path has the extension .yaml or .yml, or a path separator.
func (l Library) Find(name string) (*Profile, error) {
	if p := l[name]; p != nil {
		return p, nil
	}
	if ext := path.Ext(name); ext == ".yaml" || ext == ".yml" || strings.ContainsRune(name, filepath.Separator) {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
		p, err := Load(name, data)
		if err != nil {
			return nil, fmt.Errorf("profile %w", err)
		}
		return p, nil
	}
	return nil, fmt.Errorf("profile %q does not exist: want a file, or one of %s", name,
		strings.Join(slices.Sorted(maps.Keys(l)), ", "))
}
