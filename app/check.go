package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/parser"
	"github.com/matchwire/matchwire/profiles"
)

// A CheckResult is what [Check] has to say of one thing.
type CheckResult struct {
	What   string // "config matchwire.yaml", "profile fbref"
	Detail string // "3 sample pages"
	Faults []string
}

// Check validates the config and every profile it can use, and holds the
// profiles against their sample pages. update rewrites what is expected of the
// pages. An error is a mistake that keeps the rest from being checked.
func Check(c Config, update bool) ([]CheckResult, error) {
	k := &checker{update: update}
	lib, err := c.Library()
	if err != nil {
		return nil, Misuse(err)
	}
	sources, err := c.sources(lib)
	if err != nil {
		return nil, err
	}
	if _, err := makeConsumers(c, shipped, nil, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	if c.file != "" {
		k.results = append(k.results, CheckResult{What: "config " + c.file, Detail: fmt.Sprintf("%d sources", len(sources))})
	}
	if err := k.shipped(); err != nil {
		return nil, err
	}
	own, err := c.profileFiles()
	if err != nil {
		return nil, err
	}
	return k.results, k.files(own)
}

// CheckProfiles checks profiles in files alone.
func CheckProfiles(files []string, update bool) ([]CheckResult, error) {
	k := &checker{update: update}
	err := k.files(files)
	return k.results, err
}

// profileFiles are the profiles of the config's own, in its folder and named
// by its sources.
func (c Config) profileFiles() ([]string, error) {
	found := map[string]bool{}
	if c.Profiles != "" {
		files, err := filepath.Glob(filepath.Join(c.beside(c.Profiles), "*.yaml"))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			found[f] = true
		}
	}
	for _, s := range c.Sources {
		if filepath.Ext(s.Profile) == ".yaml" {
			found[c.beside(s.Profile)] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

type checker struct {
	update  bool
	results []CheckResult
}

// shipped checks matchwire's own profiles against the fixtures that use them.
func (k *checker) shipped() error {
	made, err := fs.Sub(fixtures.FS, "profiles")
	if err != nil {
		return err
	}
	lib, err := parser.LoadLibrary(profiles.FS, made)
	if err != nil {
		return err
	}
	manifests, err := fs.Glob(fixtures.FS, "*/*/"+parser.ManifestName)
	if err != nil {
		return err
	}
	pages, faults := map[string]int{}, map[string][]string{}
	for _, m := range manifests {
		dir := path.Dir(m)
		folder, err := fs.Sub(fixtures.FS, dir)
		if err != nil {
			return err
		}
		f, err := parser.LoadFixture(path.Join("fixtures", dir), folder)
		if err != nil {
			return err
		}
		n, bad := checkFixture(f, lib[f.Profile])
		pages[f.Profile], faults[f.Profile] = pages[f.Profile]+n, append(faults[f.Profile], bad...)
	}
	for _, name := range slices.Sorted(maps.Keys(lib)) {
		k.results = append(k.results, CheckResult{"profile " + name, samples(pages[name]), faults[name]})
	}
	return nil
}

func samples(n int) string {
	switch n {
	case 0:
		return "no sample pages"
	case 1:
		return "1 sample page"
	}
	return fmt.Sprintf("%d sample pages", n)
}

// checkFixture reads every page of a fixture; each must be usable.
func checkFixture(f *parser.Fixture, p *parser.Profile) (pages int, faults []string) {
	for _, fp := range f.Pages {
		page, err := f.Page(fp)
		if err == nil {
			_, _, err = p.Extract(page)
		}
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s: %v", f.Path(fp), err))
		}
	}
	return len(f.Pages), faults
}

func (k *checker) files(names []string) error {
	for _, f := range names {
		if err := k.file(f); err != nil {
			return Misuse(err)
		}
	}
	return nil
}

// file checks a profile that stands in a file, and the pages in the folder of
// the same name beside it.
func (k *checker) file(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	p, err := parser.LoadProfile(name, data)
	if err != nil {
		return fmt.Errorf("profile %w", err)
	}
	r := CheckResult{What: "profile " + name}
	dir := strings.TrimSuffix(name, filepath.Ext(name))
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	pages := 0
	for _, e := range entries {
		at := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			f, err := parser.LoadFixture(at, os.DirFS(at))
			if err != nil {
				r.Faults = append(r.Faults, err.Error())
				continue
			}
			n, faults := checkFixture(f, p)
			pages, r.Faults = pages+n, append(r.Faults, faults...)
		case !strings.HasSuffix(at, expectExt):
			pages++
			if err := k.page(p, at); err != nil {
				r.Faults = append(r.Faults, err.Error())
			}
		}
	}
	r.Detail = samples(pages)
	k.results = append(k.results, r)
	return nil
}

const expectExt = ".expect.json"

// page reads a sample page: it must give what is expected of it, or without
// such a file be usable and without problems.
func (k *checker) page(p *parser.Profile, file string) error {
	page, err := parser.ReadFile(file)
	if err != nil {
		return err
	}
	observations, problems, err := p.Extract(page)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	got, err := json.MarshalIndent(struct {
		Observations []parser.Observation `json:"observations"`
		Problems     []parser.Problem     `json:"problems,omitempty"`
	}{observations, problems}, "", "  ")
	if err != nil {
		return err
	}
	got = append(got, '\n')
	if k.update {
		return os.WriteFile(file+expectExt, got, 0o644)
	}
	want, err := os.ReadFile(file + expectExt)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(problems) > 0:
		return fmt.Errorf("%s: %s", file, problems[0])
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return compare(file, want, got)
}

// compare names the first line in which a page gives something else.
func compare(file string, want, got []byte) error {
	was, is := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range max(len(was), len(is)) {
		line := func(all [][]byte) string {
			if i >= len(all) {
				return "nothing more"
			}
			return string(bytes.TrimSpace(all[i]))
		}
		if line(was) != line(is) {
			return fmt.Errorf("%s: not as expected: %s:%d has %s, the page gives %s", file, file+expectExt, i+1, line(was), line(is))
		}
	}
	return nil
}
