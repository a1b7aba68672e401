package pipeline

import (
	"bytes"
	"context"
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

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
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
func Check(ctx context.Context, c Config, plugins []consumers.Plugin, update bool) ([]CheckResult, error) {
	k := &checker{update: update}
	lib, err := c.Library()
	if err != nil {
		return nil, Misuse(err)
	}
	sources, err := c.addSources(lib)
	if err != nil {
		return nil, err
	}
	if _, _, err := makeConsumers(c, plugins, false, nil, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	if c.file != "" {
		k.results = append(k.results, CheckResult{What: "config " + c.file, Detail: counted(len(sources), "source")})
	}
	if err := k.shipped(ctx); err != nil {
		return nil, err
	}
	own, err := c.profileFiles()
	if err != nil {
		return nil, err
	}
	return k.results, k.files(ctx, own)
}

// CheckProfiles checks profiles in files alone.
func CheckProfiles(ctx context.Context, files []string, update bool) ([]CheckResult, error) {
	k := &checker{update: update}
	err := k.files(ctx, files)
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

// shipped checks matchwire's own profiles: against the sample pages beside
// them and the fixtures that use them.
func (k *checker) shipped(ctx context.Context) error {
	lib, err := Config{}.Library()
	if err != nil {
		return err
	}
	results := map[string]*CheckResult{}
	pages := map[string]int{}
	add := func(profile string, n int, faults []string) {
		pages[profile] += n
		results[profile].Faults = append(results[profile].Faults, faults...)
	}
	for name, p := range lib {
		results[name] = &CheckResult{What: "profile " + name}
		n, faults, err := (&checker{}).folder(ctx, profiles.FS, name, "profiles/"+name, p)
		if err != nil {
			return err
		}
		add(name, n, faults)
	}
	manifests, err := fs.Glob(fixtures.FS, "*/*/"+recording.ManifestName)
	if err != nil {
		return err
	}
	for _, m := range manifests {
		f, err := shippedFixture(path.Dir(m))
		if err != nil {
			return err
		}
		n, faults := checkFixture(ctx, f, lib[f.Profile])
		add(f.Profile, n, faults)
	}
	for _, name := range slices.Sorted(maps.Keys(lib)) {
		results[name].Detail = samples(pages[name])
		k.results = append(k.results, *results[name])
	}
	return nil
}

func samples(n int) string {
	if n == 0 {
		return "no sample pages"
	}
	return counted(n, "sample page")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// checkFixture reads every page of a fixture; each must be usable and without
// problems.
func checkFixture(ctx context.Context, f *recording.Fixture, p *profile.Profile) (pages int, faults []string) {
	seen := map[string]bool{}
	for _, fp := range f.Pages {
		if seen[fp.File] {
			continue // read again unchanged
		}
		seen[fp.File] = true
		page, err := f.Page(fp)
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s: %v", f.Path(fp), err))
			continue
		}
		_, problems, err := p.Extract(ctx, page)
		if err != nil {
			problems = []observation.Problem{{Message: err.Error()}}
		}
		faults = append(faults, told(f.Path(fp), problems)...)
	}
	return len(seen), faults
}

// told lists the problems of a page, in bounds.
func told(file string, problems []observation.Problem) []string {
	const most = 5
	var all []string
	for _, p := range problems[:min(most, len(problems))] {
		all = append(all, file+": "+strings.TrimPrefix(p.String(), ": "))
	}
	if more := len(problems) - most; more > 0 {
		all = append(all, fmt.Sprintf("%s: and %d more", file, more))
	}
	return all
}

func (k *checker) files(ctx context.Context, names []string) error {
	for _, f := range names {
		if err := k.file(ctx, f); err != nil {
			return Misuse(err)
		}
	}
	return nil
}

// file checks a profile that stands in a file, and the pages in the folder of
// the same name beside it.
func (k *checker) file(ctx context.Context, name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	p, err := profile.Load(name, data)
	if err != nil {
		return fmt.Errorf("profile %w", err)
	}
	r := CheckResult{What: "profile " + name}
	base := filepath.Base(name)
	dir := strings.TrimSuffix(base, filepath.Ext(base))
	pages, faults, err := k.folder(ctx, os.DirFS(filepath.Dir(name)), dir, filepath.Join(filepath.Dir(name), dir), p)
	if err != nil {
		return err
	}
	r.Detail, r.Faults = samples(pages), faults
	if k.update && pages > 0 {
		r.Detail += ", what they give is now expected of them"
	}
	k.results = append(k.results, r)
	return nil
}

// folder checks the sample pages in a folder, if there is one: pages, and
// fixtures in folders of their own. shown is what messages call it.
func (k *checker) folder(ctx context.Context, in fs.FS, dir, shown string, p *profile.Profile) (pages int, faults []string, err error) {
	entries, err := fs.ReadDir(in, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, nil, err
	}
	for _, e := range entries {
		name := path.Join(shown, e.Name())
		switch {
		case e.IsDir():
			folder, err := fs.Sub(in, path.Join(dir, e.Name()))
			if err != nil {
				return pages, faults, err
			}
			f, err := recording.LoadFixture(name, folder)
			if err != nil {
				faults = append(faults, err.Error())
				continue
			}
			n, bad := checkFixture(ctx, f, p)
			pages, faults = pages+n, append(faults, bad...)
		case strings.HasSuffix(name, expectExt):
			if _, err := fs.Stat(in, path.Join(dir, strings.TrimSuffix(e.Name(), expectExt))); err != nil {
				faults = append(faults, name+": there is no such page")
			}
		default:
			pages++
			bad, err := k.page(ctx, in, path.Join(dir, e.Name()), name, p)
			if err != nil {
				bad = append(bad, err.Error())
			}
			faults = append(faults, bad...)
		}
	}
	return pages, faults, nil
}

const expectExt = ".expect.json"

// An expectation is what a sample page gives, as it stands beside the page.
type expectation struct {
	Observations []observation.Observation `json:"observations,omitempty"`
	Problems     []observation.Problem     `json:"problems,omitempty"`
	Unusable     string                    `json:"unusable,omitempty"` // why the page cannot be used
}

// page reads a sample page: it must give what is expected of it, or without
// such a file be usable and without problems.
func (k *checker) page(ctx context.Context, in fs.FS, file, shown string, p *profile.Profile) (faults []string, err error) {
	fetched, err := page.ReadPage(in, file)
	if err != nil {
		return nil, err
	}
	var gives expectation
	gives.Observations, gives.Problems, err = p.Extract(ctx, fetched)
	if err != nil {
		gives = expectation{Unusable: err.Error()}
	}
	got, err := json.MarshalIndent(gives, "", "  ")
	if err != nil {
		return nil, err
	}
	got = append(got, '\n')
	if k.update {
		return nil, os.WriteFile(shown+expectExt, got, 0o644)
	}
	want, err := fs.ReadFile(in, file+expectExt)
	switch {
	case errors.Is(err, fs.ErrNotExist) && gives.Unusable != "":
		return []string{shown + ": " + gives.Unusable}, nil
	case errors.Is(err, fs.ErrNotExist):
		return told(shown, gives.Problems), nil
	case err != nil:
		return nil, err
	}
	return nil, compare(shown, want, got)
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
