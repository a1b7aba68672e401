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

// A Recorder writes the pages of a source as a fixture. It saves each changed page as a compressed
// file. In fixture.yaml, it lists the time of each fetch, and the headers of each changed page. The
// fixture is valid after every call of Add. Only one goroutine at a time can use a Recorder.
type Recorder struct {
	dir      string
	ext      string // extension of page files
	manifest *os.File
	files    int // number of page files
	last     FixturePage
	hash     uint64 // hash of the last page
}

// NewRecorder starts a fixture in the folder dir, and creates the folder if necessary. It returns an
// error if the folder already has a fixture. profile is the profile that the manifest names. If note is
// not "", it becomes a comment in the manifest.
func NewRecorder(dir string, s poll.Source, profile, note string) (*Recorder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, ManifestName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s already has a fixture", dir)
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

// Add adds a page, and reports whether the page differs from the previous page. It lists the time
// of an unchanged page, but does not save the page again. It ignores a page that is not at least a
// millisecond later than the previous page.
func (r *Recorder) Add(p page.Page) (changed bool, err error) {
	hash := xxhash.Sum64(p.Body)
	at := p.At.UTC().Round(time.Millisecond)
	if !at.After(r.last.At) && r.files > 0 {
		return false, nil
	}
	next := FixturePage{File: r.last.File, At: at}
	if changed = r.files == 0 || hash != r.hash; changed {
		next.File = fmt.Sprintf("%04d-%s%s", r.files+1, at.Format("150405"), r.ext)
		if err := writeCompressed(filepath.Join(r.dir, next.File), p.Body); err != nil {
			return false, err
		}
		next.Headers = map[string]string{}
		for _, name := range page.KeptHeaders {
			if v := p.Header.Get(name); v != "" {
				next.Headers[name] = v
			}
		}
	}
	line, err := yaml.MarshalWithOptions([]FixturePage{next}, yaml.Flow(true))
	if err == nil {
		// [{…}] becomes one line of the list: - {…}
		item := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(line)), "["), "]")
		_, err = fmt.Fprintf(r.manifest, "  - %s\n", item)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", r.manifest.Name(), err)
	}
	if changed {
		r.files++
	}
	r.last, r.hash = next, hash
	return changed, nil
}

// Close closes the manifest. If the fixture has no pages, Close removes the manifest.
func (r *Recorder) Close() error {
	err := r.manifest.Close()
	if r.files == 0 {
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

// Record polls a source and adds its pages to rec, until ctx ends, the site forbids the page, or
// rec returns an error. After each poll, Record calls onPoll with the page and whether the page changed,
// or with the error of the fetch. r contains the settings for the requests. Record returns nil if
// ctx ended.
func Record(ctx context.Context, s poll.Source, r *page.Request, c *page.Client, rec *Recorder, log *slog.Logger,
	onPoll func(fetched page.Page, changed bool, err error)) error {
	f, err := c.RequestFetcher(s.URL, r)
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
				return err // no more pages can be saved
			}
			onPoll(fetched, changed, nil)
		case errors.As(err, &refused) && refused.Forbidden():
			onPoll(page.Page{}, false, refused)
			return refused
		default:
			failures++
			wait = max(every, min(every<<min(failures, 10), maxRecordWait))
			if refused != nil {
				wait = max(wait, refused.Wait)
			}
			log.Warn("page not fetched, will retry",
				"url", page.Redacted(s.URL), "error", err, "failures", failures, "wait", wait)
			onPoll(page.Page{}, false, errors.New(page.PublicReason(err)))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// maxRecordWait is the maximum pause after a failed poll, unless the interval or Retry-After is
// longer.
const maxRecordWait = 5 * time.Minute
