package recording

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/goccy/go-yaml"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
)

// A Recorder records what a page looks like over time as a fixture: each changed page as a compressed
// file, and in fixture.yaml when it was fetched and with which headers. The fixture is complete after
// every page.
type Recorder struct {
	dir      string
	ext      string
	manifest *os.File
	pages    int // files so far
	last     FixturePage
	hash     uint64
}

// NewRecorder begins a fixture in a folder, which it creates. A folder that holds a fixture already
// is refused. note is a comment for the manifest, and may be "".
func NewRecorder(dir string, s poll.Source, profile, note string) (*Recorder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, ManifestName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s holds a fixture already", dir)
	}
	if err != nil {
		return nil, err
	}
	r := &Recorder{dir: dir, ext: ".html.gz", manifest: f}
	if s.Profile != nil && s.Profile.Format == "json" {
		r.ext = ".json.gz"
	}
	var head strings.Builder
	if note != "" {
		fmt.Fprintf(&head, "# %s\n", strings.Join(strings.Fields(note), " "))
	}
	fields, err := yaml.Marshal(struct {
		Profile string `yaml:"profile"`
		Match   string `yaml:"match,omitempty"`
		URL     string `yaml:"url"`
	}{profile, s.Match, page.Redacted(s.URL)})
	if err == nil {
		_, err = f.WriteString(head.String() + string(fields) + "pages:\n")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// Add adds a page and reports whether it differs from the one before. An unchanged page is listed,
// and not stored again.
func (r *Recorder) Add(p page.Page) (changed bool, err error) {
	hash := xxhash.Sum64(p.Body)
	at := p.At.UTC().Round(time.Millisecond)
	if !at.After(r.last.At) && r.pages > 0 {
		return false, nil // twice within a millisecond
	}
	now := FixturePage{File: r.last.File, At: at}
	if changed = r.pages == 0 || hash != r.hash; changed {
		now.File = fmt.Sprintf("%04d-%s%s", r.pages+1, at.Format("150405"), r.ext)
		if err := writeCompressed(filepath.Join(r.dir, now.File), p.Body); err != nil {
			return false, err
		}
		if now.Headers = map[string]string{}; p.Header != nil {
			for _, name := range page.KeptHeaders {
				if v := p.Header.Get(name); v != "" {
					now.Headers[name] = v
				}
			}
		}
	}
	line, err := yaml.MarshalWithOptions([]FixturePage{now}, yaml.Flow(true))
	if err == nil {
		// One line a page: [{…}] as an item of the list.
		item := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(line)), "["), "]")
		_, err = fmt.Fprintf(r.manifest, "  - %s\n", item)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", r.manifest.Name(), err)
	}
	if changed {
		r.pages++
	}
	r.last, r.hash = now, hash
	return changed, nil
}

// Close ends the fixture. A fixture without a page is removed.
func (r *Recorder) Close() error {
	err := r.manifest.Close()
	if r.pages == 0 {
		err = errors.Join(err, os.Remove(r.manifest.Name()))
	}
	return err
}

func writeCompressed(file string, body []byte) error {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(body); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// Record polls a source into a recorder until ctx ends or the site forbids it. It calls each after
// every poll with the page and whether it changed, or with the reason why there is no page.
func Record(ctx context.Context, s poll.Source, c *page.Client, rec *Recorder, log *slog.Logger, each func(fetched page.Page, changed bool, err error)) error {
	f, err := c.Fetcher(s.URL)
	if err != nil {
		return err
	}
	every := max(s.Every, time.Second)
	var last page.Page
	for failures := 0; ; {
		fetched, err := f.Fetch(ctx)
		if errors.Is(err, page.ErrUnchanged) {
			fetched, err = last, nil
			fetched.At = time.Now().UTC()
		}
		wait := every
		var refused *page.RefusedError
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures, last = 0, fetched
			changed, err := rec.Add(fetched)
			if err != nil {
				return err // nothing more can be kept
			}
			each(fetched, changed, nil)
		case errors.As(err, &refused) && refused.Forbidden():
			each(page.Page{}, false, refused)
			return refused
		default:
			failures++
			wait = max(every, min(every<<min(failures, 10), maxRecordPause))
			if refused != nil {
				wait = max(wait, refused.Wait)
			}
			log.Warn("page not fetched, trying again", "url", page.Redacted(s.URL), "error", err, "failures", failures, "pause", wait)
			each(page.Page{}, false, errors.New(page.PublicReason(err)))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

const maxRecordPause = 5 * time.Minute // after a site refuses or fails
