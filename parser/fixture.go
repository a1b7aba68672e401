package parser

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A Fixture is a match as a sequence of pages, to be replayed. In a folder it
// is the file fixture.yaml and the pages that it names.
type Fixture struct {
	Profile string        `yaml:"profile"`
	Match   string        `yaml:"match"` // "" where the pages name it
	URL     string        `yaml:"url"`
	Pages   []FixturePage `yaml:"pages"`

	folder fs.FS
}

// A FixturePage is one page and when it was read.
type FixturePage struct {
	File string    `yaml:"file"`
	At   time.Time `yaml:"at"`
}

// ManifestName is the file that makes a folder a fixture.
const ManifestName = "fixture.yaml"

// LoadFixture reads the fixture in a folder. name is what errors call it.
func LoadFixture(name string, folder fs.FS) (*Fixture, error) {
	file := path.Join(name, ManifestName)
	data, err := fs.ReadFile(folder, ManifestName)
	if err != nil {
		return nil, fmt.Errorf("fixture %s: %w", name, err)
	}
	f := &Fixture{folder: folder}
	if err := strictyaml.Decode(file, data, f); err != nil {
		return nil, err
	}
	if f.Profile == "" || len(f.Pages) == 0 {
		return nil, fmt.Errorf("%s: profile and pages are needed", file)
	}
	for i, p := range f.Pages {
		if _, err := fs.Stat(folder, p.File); err != nil {
			return nil, fmt.Errorf("%s: pages[%d].file %q: %w", file, i, p.File, err)
		}
		if i > 0 && !p.At.After(f.Pages[i-1].At) {
			return nil, fmt.Errorf("%s: pages[%d].at %v: not after the page before", file, i, p.At)
		}
	}
	return f, nil
}

// SinglePage is a fixture of one page that was just read.
func SinglePage(folder fs.FS, file, profile, match string) *Fixture {
	return &Fixture{Profile: profile, Match: match, URL: "file:" + file,
		Pages: []FixturePage{{File: file, At: time.Now().UTC()}}, folder: folder}
}

// A Replayer reads the pages of fixtures as if they were being fetched.
type Replayer struct {
	Library Library
	Reader  *Reader
	Speed   float64                                                          // how many times faster than it was; 0: without waiting
	AsLive  bool                                                             // the pages are read now, not when they were recorded
	Each    func(ctx context.Context, page Page, events []event.Event) error // after each page; may be nil
}

// Play replays fixtures side by side, each from its first page, and returns
// when all are over. Each page is a job of its own, with a TID of its own.
func (r *Replayer) Play(ctx context.Context, fixtures []*Fixture) error {
	type turn struct {
		fixture *Fixture
		profile *Profile
		page    FixturePage
		after   time.Duration
	}
	var turns []turn
	for _, f := range fixtures {
		p, err := r.Library.Find(f.Profile)
		if err != nil {
			return err
		}
		for _, page := range f.Pages {
			turns = append(turns, turn{f, p, page, page.At.Sub(f.Pages[0].At)})
		}
	}
	if r.Speed > 0 { // else one match after the other is easier to read
		slices.SortStableFunc(turns, func(a, b turn) int { return int(a.after - b.after) })
	}
	began := time.Now()
	for _, t := range turns {
		if r.Speed > 0 {
			due := began.Add(time.Duration(float64(t.after) / r.Speed))
			select {
			case <-ctx.Done():
			case <-time.After(time.Until(due)):
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.read(ctx, t.fixture, t.profile, t.page); err != nil {
			return err
		}
	}
	return nil
}

func (r *Replayer) read(ctx context.Context, f *Fixture, p *Profile, fp FixturePage) error {
	body, err := fs.ReadFile(f.folder, fp.File)
	if err != nil {
		return err
	}
	page := Page{URL: f.URL, Body: body, At: fp.At.UTC()}
	if r.AsLive {
		page.At = time.Now().UTC()
	}
	job := event.WithTID(ctx, event.NewTID())
	events, err := r.Reader.Read(job, p, page, f.Match)
	if err != nil && len(f.Pages) == 1 {
		return fmt.Errorf("%s: %w", fp.File, err)
	}
	// Among many, a page that cannot be used is one more thing that happened;
	// the reader has said so.
	if r.Each != nil {
		return r.Each(job, page, events)
	}
	return nil
}
