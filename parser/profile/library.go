package profile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile/internal/budget"
	"github.com/matchwire/matchwire/parser/profile/internal/pagetext"
)

// A Library holds profiles by name.
type Library map[string]*Profile

// LoadLibrary loads the profiles in the folders: all *.yaml files for which [IsProfile] is true. A
// profile replaces a profile with the same name from an earlier folder. Two profiles with the same
// name in one folder are an error. A profile can name a sport that another profile in the same
// folder defines. LoadLibrary returns the profiles without mistakes even if its error is not nil. The error joins the
// mistakes in all files.
func LoadLibrary(folders ...fs.FS) (Library, error) {
	lib := Library{}
	var faults []error
	for _, folder := range folders {
		files, err := fs.Glob(folder, "*.yaml")
		if err != nil {
			return nil, err
		}
		DefineSports(folder, "*.yaml")
		inFolder := map[string]string{} // by name of a profile: its file
		for _, f := range files {
			data, err := fs.ReadFile(folder, f)
			if err != nil {
				return nil, err
			}
			if !IsProfile(data) {
				continue
			}
			p, err := Load(f, data)
			if err != nil {
				faults = append(faults, fmt.Errorf("profile %w", err))
				continue
			}
			if first := inFolder[p.Name]; first != "" {
				faults = append(faults, fmt.Errorf("profile %w", strictyaml.InFile(f, strictyaml.PosAt(data, "profile").Errorf(
					"%q is also the name of the profile in %s: give each profile its own name", p.Name, first))))
				continue
			}
			inFolder[p.Name], lib[p.Name] = f, p
		}
	}
	return lib, errors.Join(faults...)
}

// IsProfile reports whether a YAML file is a profile, possibly with mistakes. It returns false only
// for the manifest of a fixture, and for a file without any main member of a profile, such as the
// config.
func IsProfile(data []byte) bool {
	var content any
	if err := strictyaml.DecodeLoosely(data, &content); err != nil || content == nil {
		return true // Load describes the mistake
	}
	members, _ := content.(map[string]any)
	has := func(name string) bool { _, ok := members[name]; return ok }
	if _, rules := members["match"].(map[string]any); rules {
		return true
	}
	return has("sport") || has("matches") || has("incidents") || has("layouts") || has("profile") && !has("pages")
}

// IsFile reports whether name is the path of a file, not the name of a profile: it has the
// extension .yaml or .yml, or a path separator.
func IsFile(name string) bool {
	ext := path.Ext(name)
	return ext == ".yaml" || ext == ".yml" || strings.ContainsRune(name, filepath.Separator)
}

// Find returns the profile with this name. If there is none, and name is the path of a file, Find
// loads the profile from the file.
func (l Library) Find(name string) (*Profile, error) {
	if p := l[name]; p != nil {
		return p, nil
	}
	if IsFile(name) {
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
	return nil, fmt.Errorf("profile %q %w: want a file, or one of %s", name, ErrUnknown, strings.Join(l.names(), ", "))
}

// ErrUnknown marks the error of [Library.Find] for a name that no profile has.
var ErrUnknown = errors.New("does not exist")

// names returns the sorted names of the profiles, except for the fictional ones.
func (l Library) names() []string {
	var all []string
	for name, p := range l {
		if !p.Fictional {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// Identify describes a page on which a profile finds no match: what the page is, and which profiles
// find matches on it.
func (l Library) Identify(ctx context.Context, pg page.Page) string {
	var readers []string
	for _, name := range l.names() {
		all, _, err := l[name].Extract(ctx, pg)
		switch {
		case err != nil || len(all) == 0:
		case len(all) == 1:
			readers = append(readers, fmt.Sprintf("the profile %s finds %s v %s", name, all[0].Match.Home, all[0].Match.Away))
		default:
			readers = append(readers, fmt.Sprintf("the profile %s finds %d matches", name, len(all)))
		}
	}
	if readers == nil {
		readers = []string{"no known profile finds a match on the page"}
	}
	return "the page is " + describePage(ctx, pg) + "; " + strings.Join(readers, ", ")
}

// describePage describes the format of a page, with its title or its members.
func describePage(ctx context.Context, pg page.Page) string {
	body, _ := pagetext.WithoutMark(pg.Body)
	var members map[string]json.RawMessage
	switch {
	case json.Unmarshal(body, &members) == nil:
		names := slices.Sorted(maps.Keys(members))
		return fmt.Sprintf("JSON with the members %s", shorten(strings.Join(names, ", ")))
	case json.Valid(body):
		return "JSON"
	}
	d := &Document{profile: &Profile{}}
	ctx, cancel := d.begin(ctx, budget.MaxSteps)
	defer cancel()
	if err := d.parseHTML(ctx, body, pg.Header.Get("Content-Type")); err != nil {
		return "not usable: " + err.Error()
	}
	title := squeeze(d.html.Find("title").First().Text())
	if title == "" {
		title = squeeze(d.html.Find("h1").First().Text())
	}
	if title == "" {
		return "HTML without a title"
	}
	return fmt.Sprintf("HTML with the title %q", shorten(title))
}
