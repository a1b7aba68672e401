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
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
	"github.com/matchwire/matchwire/profiles"
)

// A CheckResult is the result for the config, a profile or an ignored file.
type CheckResult struct {
	Name   string   // like "config matchwire.yaml", "profile fbref" or "file notes.yaml"
	Detail string   // like "3 sample pages"
	Errors []string // empty if the check passed
}

// Check validates the config and every profile that the config can use, and checks the profiles
// against their sample pages. If update is set, Check saves the current results as expected results
// instead, except for shipped profiles. It returns an error if the config or a profile is invalid or
// cannot be read. Errors about sample pages are in the results. Check calls step after each
// group of sample pages, with the number of pages in the group. step must not be nil.
func Check(
	ctx context.Context, c Config, plugins []consumers.Plugin, update bool, step func(pages int),
) ([]CheckResult, error) {
	k := &checker{update: update, step: step}
	if err := CheckSettings(c, plugins, nil); err != nil {
		return nil, err
	}
	if c.file != "" {
		sources := spelling.Plural(len(c.Sources), "source")
		k.results = append(k.results, CheckResult{Name: "config " + c.file, Detail: sources})
	}
	if err := k.checkShipped(ctx); err != nil {
		return nil, err
	}
	own, others, err := c.profileFiles()
	if err != nil {
		return nil, err
	}
	err = k.checkFiles(ctx, own)
	for _, name := range others {
		k.results = append(k.results, CheckResult{Name: "file " + name, Detail: "ignored, because it is not a profile"})
	}
	return k.results, err
}

// CheckSettings is like [Check], but does not check sample pages. Its error contains all mistakes. known, if not nil,
// is the error of a check that has found mistakes in the config already, such as [LoadConfig].
func CheckSettings(c Config, plugins []consumers.Plugin, known error) error {
	lib, broken := c.Library()
	faults := []error{known, broken}
	if lib != nil {
		files, _ := c.ownFiles() // fails like Library
		_, err := c.addSourcesTo(lib, files, broken != nil)
		faults = append(faults, err)
	}
	_, err := c.requests()
	faults = append(faults, err)
	_, err = newConsumers(c, plugins, false, nil, slog.New(slog.DiscardHandler))
	return allMistakes(append(faults, err)...)
}

// AllMistakes returns err, together with all other mistakes in the config, if err is a mistake in it. Otherwise it
// returns err.
func AllMistakes(c Config, plugins []consumers.Plugin, err error) error {
	var mistake *strictyaml.Error
	if !errors.As(err, &mistake) {
		return err
	}
	return CheckSettings(c, plugins, err)
}

// CheckProfiles is like [Check], but checks only the named profile files.
func CheckProfiles(ctx context.Context, files []string, update bool, step func(pages int)) ([]CheckResult, error) {
	k := &checker{update: update, step: step}
	err := k.checkFiles(ctx, files)
	return k.results, err
}

// profileFiles returns, sorted, the profile files in the config's profile folder and the profile files
// that the config's sources name. others are the other YAML files in the folder, except the
// config itself.
func (c Config) profileFiles() (own, others []string, err error) {
	found := map[string]bool{}
	if c.Profiles != "" {
		files, err := filepath.Glob(filepath.Join(c.resolve(c.Profiles), "*.yaml"))
		if err != nil {
			return nil, nil, err
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			switch {
			case err != nil:
				return nil, nil, err
			case profile.IsProfile(data):
				found[f] = true
			case !sameFile(f, c.file):
				others = append(others, f)
			}
		}
	}
	for _, s := range c.Sources {
		if filepath.Ext(s.Profile) == ".yaml" {
			found[c.resolve(s.Profile)] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), others, nil
}

// A checker collects the results of checks.
type checker struct {
	update   bool
	step     func(pages int) // called after each group of sample pages
	results  []CheckResult
	shipped  profile.Library // nil if only named profile files are checked
	problems int             // number of problems that were written to expectation files for the current profile
	unusable int             // number of unusable pages that were written to expectation files for the current profile
}

// checkShipped checks the profiles that matchwire ships against their sample pages
// and the shipped fixtures that use them.
func (k *checker) checkShipped(ctx context.Context) error {
	lib, err := shippedProfiles()
	if err != nil {
		return err
	}
	k.shipped = lib
	results := map[string]*CheckResult{}
	pages := map[string]int{}
	add := func(profile string, n int, errs []string) {
		pages[profile] += n
		k.step(n)
		results[profile].Errors = append(results[profile].Errors, errs...)
	}
	for name, p := range lib {
		results[name] = &CheckResult{Name: "profile " + name}
		n, errs, err := (&checker{}).checkFolder(ctx, profiles.FS, name, "profiles/"+name, p)
		if err != nil {
			return err
		}
		add(name, n, errs)
	}
	manifests, err := fs.Glob(fixtures.FS, "*/*/"+recording.ManifestName)
	if err != nil {
		return err
	}
	for _, m := range manifests {
		f, err := ShippedFixture(path.Dir(m))
		if err != nil {
			return err
		}
		n, errs := checkFixture(ctx, f, lib[f.Profile])
		add(f.Profile, n, errs)
	}
	for _, name := range slices.Sorted(maps.Keys(lib)) {
		if lib[name].Fictional && len(results[name].Errors) == 0 {
			continue
		}
		results[name].Detail = age(lib[name]) + sampleCount(pages[name])
		k.results = append(k.results, *results[name])
	}
	return nil
}

// age returns the version of a profile and the last day on which the profile worked, each followed by
// a comma. It omits a value that the profile does not have.
func age(p *profile.Profile) string {
	var text string
	if p.Version > 0 {
		text = fmt.Sprintf("version %d, ", p.Version)
	}
	if !p.Seen.IsZero() {
		text += fmt.Sprintf("last worked on %s, ", p.Seen)
	}
	return text
}

func sampleCount(n int) string {
	if n == 0 {
		return "no sample pages"
	}
	return spelling.Plural(n, "sample page")
}

// checkFixture parses every page of a fixture. Each page must be usable, unless the fixture says otherwise, and have no
// problems. It returns the number of different pages, and the problems of each page as
// summarized by problemLines.
func checkFixture(ctx context.Context, f *recording.Fixture, p *profile.Profile) (pages int, errs []string) {
	seen := map[string]bool{}
	for _, fp := range f.Pages {
		if seen[fp.File] {
			continue // unchanged since an earlier fetch
		}
		seen[fp.File] = true
		page, err := f.Page(fp)
		if err != nil {
			errs = append(errs, fmt.Sprintf("%s: %v", f.Path(fp), err))
			continue
		}
		_, problems, err := p.Extract(ctx, page)
		switch {
		case fp.Unusable && err == nil:
			problems = []observation.Problem{{Message: "the page is usable, although " + recording.ManifestName +
				" has unusable: true"}}
		case fp.Unusable:
			problems = nil
		case err != nil:
			problems = []observation.Problem{{Message: err.Error()}}
		}
		errs = append(errs, problemLines(f.Path(fp), problems)...)
	}
	return len(seen), errs
}

// problemLines summarizes the problems of a page. It returns a line for each of the first five
// causes, and a line with the number of further causes.
func problemLines(file string, problems []observation.Problem) []string {
	const limit = 5
	var lines []string
	causes := observation.Summary(problems)
	for _, c := range causes[:min(limit, len(causes))] {
		lines = append(lines, file+": "+strings.TrimPrefix(c, ": "))
	}
	if more := len(causes) - limit; more > 0 {
		lines = append(lines, fmt.Sprintf("%s: and %d more", file, more))
	}
	return lines
}

func (k *checker) checkFiles(ctx context.Context, names []string) error {
	var faults []error
	for _, f := range names {
		if err := k.checkFile(ctx, f); err != nil {
			faults = append(faults, UsageError(err))
		}
	}
	return allMistakes(faults...)
}

// checkFile checks the profile in a file against the sample pages in a folder beside the
// file. The folder has the name of the file without its extension.
func (k *checker) checkFile(ctx context.Context, name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder: name profile files, such as %s, or no file to test all profiles of the config",
			name, filepath.Join(name, "mysite.yaml"))
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file: want the file of a profile, such as mysite.yaml", name)
	}
	if err != nil {
		return err
	}
	p, err := profile.Load(name, data)
	if err != nil {
		return fmt.Errorf("profile %w", err)
	}
	k.problems, k.unusable = 0, 0
	r := CheckResult{Name: "profile " + name}
	base := filepath.Base(name)
	dir := strings.TrimSuffix(base, filepath.Ext(base))
	parent := filepath.Dir(name)
	pages, errs, err := k.checkFolder(ctx, os.DirFS(parent), dir, filepath.Join(parent, dir), p)
	if err != nil {
		return err
	}
	k.step(pages)
	r.Detail, r.Errors = age(p)+sampleCount(pages), errs
	if k.shipped[p.Name] != nil {
		r.Detail += ", replaces the shipped profile " + p.Name
	}
	if k.update && pages > 0 {
		r.Detail += ", expectations updated" + kept(k.problems, "problem") + kept(k.unusable, "unusable page")
	}
	k.results = append(k.results, r)
	return nil
}

// kept returns the part of a result's Detail that shows how many problems or unusable pages are now
// in expectation files. It returns "" if n is 0.
func kept(n int, noun string) string {
	if n == 0 {
		return ""
	}
	return ", " + spelling.Plural(n, noun) + " kept"
}

// checkFolder checks the sample pages in the folder dir. If dir does not exist, there are no pages.
// The files in dir are pages and expected results, and its subfolders are fixtures. dir may also be
// the folder of a fixture. In that case, the files that do not belong to the fixture are pages. In
// errors, the name of the folder is displayName.
func (k *checker) checkFolder(
	ctx context.Context, in fs.FS, dir, displayName string, p *profile.Profile,
) (pages int, errs []string, err error) {
	entries, err := fs.ReadDir(in, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, nil, err
	}
	recorded := map[string]bool{} // names of files and folders in dir that were checked as part of the fixture in dir
	if isFixture(in, dir) {
		f, err := loadFixture(in, dir, displayName)
		if err != nil {
			return 0, []string{err.Error()}, nil
		}
		f.Pages = slices.DeleteFunc(f.Pages, func(fp recording.FixturePage) bool {
			_, err := fs.Stat(in, path.Join(dir, fp.File+expectExt))
			return err == nil && !strings.Contains(fp.File, "/") // checked in the loop below
		})
		for _, fp := range f.Pages {
			top, _, _ := strings.Cut(fp.File, "/")
			recorded[top] = !isFixture(in, path.Join(dir, top))
		}
		pages, errs = checkFixture(ctx, f, p)
	}
	for _, e := range entries {
		name := path.Join(displayName, e.Name())
		switch {
		case e.Name() == recording.ManifestName || recorded[e.Name()]:
		case e.IsDir():
			f, err := loadFixture(in, path.Join(dir, e.Name()), name)
			if err != nil {
				errs = append(errs, err.Error())
				continue
			}
			n, more := checkFixture(ctx, f, p)
			pages, errs = pages+n, append(errs, more...)
		case strings.HasSuffix(name, expectExt):
			sample := strings.TrimSuffix(e.Name(), expectExt)
			if _, err := fs.Stat(in, path.Join(dir, sample)); err != nil {
				errs = append(errs, fmt.Sprintf("%s: the sample page %s is missing", name, sample))
			}
		default:
			pages++
			more, err := k.checkPage(ctx, in, path.Join(dir, e.Name()), name, p)
			if err != nil {
				more = append(more, err.Error())
			}
			errs = append(errs, more...)
		}
	}
	return pages, errs, nil
}

// isFixture reports whether a folder contains a fixture.
func isFixture(in fs.FS, dir string) bool {
	_, err := fs.Stat(in, path.Join(dir, recording.ManifestName))
	return err == nil
}

// ShippedFixture loads a fixture that the binary contains. dir is like soccer/one-goal.
func ShippedFixture(dir string) (*recording.Fixture, error) {
	return loadFixture(fixtures.FS, dir, path.Join("fixtures", dir))
}

// loadFixture loads the fixture in a folder. Errors name the folder as displayName.
func loadFixture(in fs.FS, dir, displayName string) (*recording.Fixture, error) {
	folder, err := fs.Sub(in, dir)
	if err != nil {
		return nil, err
	}
	return recording.LoadFixture(displayName, folder)
}

const expectExt = ".expect.json"

// An expectation is the content of the file PAGE.expect.json: the expected result of
// parsing the sample page PAGE.
type expectation struct {
	Observations []observation.Observation `json:"observations,omitempty"`
	Problems     []observation.Problem     `json:"problems,omitempty"`
	Unusable     string                    `json:"unusable,omitempty"` // the reason, if the page is unusable
}

// checkPage parses a sample page. The result must equal the expectation file of the page.
// Without that file, the page must be usable and have no problems. If k.update is set,
// checkPage writes the expectation file instead. displayName is the name of the page in
// errors, and the path of the page if k.update is set.
func (k *checker) checkPage(
	ctx context.Context, in fs.FS, file, displayName string, p *profile.Profile,
) (errs []string, err error) {
	fetched, err := page.ReadPage(in, file)
	if err != nil {
		return nil, err
	}
	var actual expectation
	actual.Observations, actual.Problems, err = p.Extract(ctx, fetched)
	if err != nil {
		actual = expectation{Unusable: err.Error()}
	}
	got, err := json.MarshalIndent(actual, "", "  ")
	if err != nil {
		return nil, err
	}
	got = append(got, '\n')
	if k.update {
		k.problems += len(actual.Problems)
		if actual.Unusable != "" {
			k.unusable++
		}
		return nil, os.WriteFile(displayName+expectExt, got, 0o644)
	}
	want, err := fs.ReadFile(in, file+expectExt)
	switch {
	case errors.Is(err, fs.ErrNotExist) && actual.Unusable != "":
		return []string{displayName + ": " + actual.Unusable}, nil
	case errors.Is(err, fs.ErrNotExist):
		return problemLines(displayName, actual.Problems), nil
	case err != nil:
		return nil, err
	}
	return nil, compare(displayName, want, got)
}

// compare returns an error that shows the first line where want and got differ.
func compare(file string, want, got []byte) error {
	wantLines, gotLines := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range max(len(wantLines), len(gotLines)) {
		line := func(all [][]byte) string {
			if i >= len(all) {
				return "nothing more"
			}
			return string(bytes.TrimSpace(all[i]))
		}
		if w, g := line(wantLines), line(gotLines); w != g {
			return fmt.Errorf("%s: result differs from %s:%d: got %s, want %s", file, file+expectExt, i+1, g, w)
		}
	}
	return nil
}
