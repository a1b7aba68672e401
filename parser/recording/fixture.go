package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// A Fixture is a recorded sequence of pages of one source. Its folder contains the manifest
// fixture.yaml and the files of the pages.
type Fixture struct {
	Profile string        `yaml:"profile"` // name of the profile, or path of its file relative to the folder
	Match   string        `yaml:"match"`   // match ID; "" if the pages contain it
	URL     string        `yaml:"url"`
	Pages   []FixturePage `yaml:"pages"`

	name   string
	folder fs.FS
}

// Manifest returns the path of the file that describes the fixture.
func (f *Fixture) Manifest() string { return path.Join(f.name, ManifestName) }

// A FixturePage is one fetch of a page: the file of the page and the time of the fetch. If later
// polls fetched the same bytes, several FixturePages have the same file.
type FixturePage struct {
	File    string            `yaml:"file"` // compressed if the name ends in .gz
	At      time.Time         `yaml:"at"`
	Headers map[string]string `yaml:"headers,omitempty"` // response headers, see page.KeptHeaders
	// Unusable says that the page shows no match, for example because the site was down.
	Unusable bool `yaml:"unusable,omitempty"`
}

// UnmarshalYAML decodes a page. It returns an error if the page has no time.
func (p *FixturePage) UnmarshalYAML(n ast.Node) error {
	var plain struct {
		File     string            `yaml:"file"`
		At       strictyaml.Time   `yaml:"at"`
		Headers  map[string]string `yaml:"headers"`
		Unusable bool              `yaml:"unusable"`
	}
	if err := strictyaml.DecodeNode(n, &plain); err != nil {
		return err
	}
	*p = FixturePage{strings.TrimPrefix(plain.File, "./"), time.Time(plain.At), plain.Headers, plain.Unusable}
	if p.At.IsZero() {
		return strictyaml.PosOf(n).Errorf("set at: every page needs the time of its fetch, like 2026-11-28T15:00:00Z")
	}
	return nil
}

// ManifestName is the name of the file that describes a fixture.
const ManifestName = "fixture.yaml"

// ErrNoFixture reports that a folder contains no fixture.
var ErrNoFixture = errors.New(
	"no " + ManifestName + " is in this folder: want a folder that matchwire record has created")

// LoadFixture loads the fixture in a folder and checks it. name is the path of the folder in errors. If
// the profile is a file outside the folder, its path is relative to name.
func LoadFixture(name string, folder fs.FS) (*Fixture, error) {
	f := &Fixture{name: name, folder: folder}
	file := f.Manifest()
	data, err := fs.ReadFile(folder, ManifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, ErrNoFixture)
	}
	if err != nil {
		return nil, fmt.Errorf("fixture %s: %w", name, err)
	}
	if err := strictyaml.Decode(file, data, f); err != nil {
		return nil, err
	}
	if f.Profile == "" || len(f.Pages) == 0 {
		return nil, fmt.Errorf("%s: profile and pages are required", file)
	}
	for i := range f.Pages {
		if err := f.checkPage(i); err != nil {
			at := strictyaml.PosAt(data, fmt.Sprintf("pages[%d]", i))
			return nil, strictyaml.InFile(file, at.Errorf("%w", err))
		}
	}
	return f, nil
}

// checkPage checks the page with index i.
func (f *Fixture) checkPage(i int) error {
	p := f.Pages[i]
	if p.File == "" || !fs.ValidPath(p.File) {
		return fmt.Errorf("file %q: want the path of a file in the folder of %s, such as 1.html", p.File, ManifestName)
	}
	if info, err := fs.Stat(f.folder, p.File); err != nil {
		return fmt.Errorf("file %q: %w", p.File, err)
	} else if info.IsDir() {
		return fmt.Errorf("file %q: want a file, not a folder", p.File)
	}
	if i > 0 && !p.At.After(f.Pages[i-1].At) {
		return fmt.Errorf("at %s: want a later time than that of the previous page, %s",
			p.At.Format(time.RFC3339Nano), f.Pages[i-1].At.Format(time.RFC3339Nano))
	}
	return nil
}

// SinglePage returns a fixture of one page, with the current time as the time of the fetch.
func SinglePage(folder fs.FS, file, profile, match string) *Fixture {
	return &Fixture{Profile: profile, Match: match, URL: "file:" + file,
		Pages: []FixturePage{{File: file, At: time.Now().UTC()}}, folder: folder}
}

// HasTimes reports whether a manifest contains the times of the pages. It returns false for a
// fixture that [SinglePage] created.
func (f *Fixture) HasTimes() bool { return f.name != "" }

// profile returns the fixture's profile, from a file or from lib. The path of a file is relative to
// the folder of the fixture. For a fixture that [SinglePage] created, the path is relative to the
// working directory.
func (f *Fixture) profile(lib profile.Library) (*profile.Profile, error) {
	if f.name == "" || !profile.IsFile(f.Profile) || lib[f.Profile] != nil {
		return lib.Find(f.Profile)
	}
	file, data, err := f.readProfile()
	if err != nil {
		return nil, fmt.Errorf("%s: profile %q, from the folder %s: %w",
			path.Join(f.name, ManifestName), f.Profile, f.name, err)
	}
	p, err := profile.Load(file, data)
	if err != nil {
		return nil, fmt.Errorf("profile %w", err)
	}
	return p, nil
}

// readProfile reads the file of the profile. It also returns the path of the file, for errors.
func (f *Fixture) readProfile() (file string, data []byte, err error) {
	if filepath.IsAbs(f.Profile) {
		data, err = os.ReadFile(f.Profile)
		return f.Profile, data, err
	}
	file = filepath.Join(f.name, f.Profile)
	if inside := path.Clean(f.Profile); fs.ValidPath(inside) {
		data, err = fs.ReadFile(f.folder, inside)
		return file, data, err
	}
	data, err = os.ReadFile(file)
	return file, data, err
}

// Path returns the path of a page's file, for log messages.
func (f *Fixture) Path(p FixturePage) string { return path.Join(f.name, p.File) }

// Page reads one page. The page has the URL of the fixture.
func (f *Fixture) Page(p FixturePage) (page.Page, error) {
	fetched, err := page.ReadPage(f.folder, p.File)
	if err != nil {
		return page.Page{}, err
	}
	fetched.File, fetched.URL, fetched.Header, fetched.At = f.Path(p), f.URL, http.Header{}, p.At.UTC()
	for name, value := range p.Headers {
		fetched.Header.Set(name, value)
	}
	return fetched, nil
}
