package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
)

type recordCmd struct {
	URL     string        `arg:"" name:"url" help:"URL of the page."`
	Profile string        `required:"" short:"p" help:"${record_profile}" placeholder:"PROFILE"`
	Out     string        `required:"" short:"o" help:"Folder to create for the fixture." placeholder:"DIR" type:"path"`
	Match   string        `help:"Match ID, for a page without a match ID." placeholder:"ID"`
	Every   time.Duration `help:"Interval between two fetches." default:"15s"`
	Request string        `help:"${page_request}" placeholder:"NAME"`
	For     time.Duration `help:"Duration of the recording (default: until Ctrl-C)." placeholder:"DURATION"`
}

func (r *recordCmd) Help() string {
	return "Fetches the page at intervals. record saves each new version of the page in compressed form, " +
		"with its headers and the time of the fetch. " +
		"matchwire replay DIR replays the fixture with the original timing. " +
		"record follows the same rules as run: it obeys robots.txt and Retry-After, and stops on a 403 response."
}

func (r *recordCmd) Run(ctx context.Context, c *console) error {
	profile, name, err := r.profile(c)
	if err != nil {
		return err
	}
	if r.Every < time.Second {
		return pipeline.UsageError(fmt.Errorf("--every %v: want a second or more", r.Every))
	}
	url, request, err := pageRequest(c, r.URL, r.Request)
	if err != nil {
		return err
	}
	if _, err := profile.CheckURL(url); err != nil {
		return pipeline.UsageError(err)
	}
	if err := profile.CheckMatch(r.Match); err != nil {
		return pipeline.UsageError(err)
	}
	source := poll.Source{URL: url, Profile: profile, Match: r.Match, Every: r.Every}
	recorder, err := recording.NewRecorder(r.Out, source, name, "")
	if err != nil {
		return pipeline.UsageError(err)
	}
	saved, err := r.record(ctx, c, source, request, recorder)
	if saved > 0 && name != r.Profile {
		err = errors.Join(err, copyFile(r.Profile, filepath.Join(r.Out, name)))
	}
	return errors.Join(err, recorder.Close())
}

// pageRequest returns the URL of a page, and the settings of the request for that page. See
// [pipeline.Config.PageRequest].
func pageRequest(c *console, rawURL, name string) (string, *page.Request, error) {
	config, err := c.config()
	if err != nil {
		return "", nil, err
	}
	url, request, err := config.PageRequest(rawURL, name, time.Now())
	if err != nil {
		return "", nil, pipeline.UsageError(err)
	}
	return url, request, nil
}

// profile returns the profile, and the name by which the fixture refers to it. For a profile file,
// this name is profile.yaml.
func (r *recordCmd) profile(c *console) (*profile.Profile, string, error) {
	lib, err := c.library()
	if err != nil {
		return nil, "", err
	}
	p, err := lib.Find(r.Profile)
	if err != nil {
		return nil, "", pipeline.UsageError(err)
	}
	if lib[r.Profile] == nil {
		return p, "profile.yaml", nil
	}
	return p, r.Profile, nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// record records the page until ctx ends, r.For has passed, the site forbids the page, or a page
// cannot be saved. It returns the number of saved pages. In the last two cases, or if no page was
// saved, it also returns an error.
func (r *recordCmd) record(
	ctx context.Context, c *console, s poll.Source, request *page.Request, recorder *recording.Recorder,
) (saved int, err error) {
	if r.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.For)
		defer cancel()
	}
	fetches, failed := 0, 0
	report := func(fetched page.Page, changed bool, err error) {
		now := time.Now().Format(time.TimeOnly)
		fetches++
		switch {
		case err != nil:
			failed++
			fmt.Fprintf(c.err, "%s  fetch failed: %v\n", now, err)
		case changed:
			saved++
			fmt.Fprintf(c.err, "%s  page %d saved, %d bytes: %s\n",
				now, saved, len(fetched.Body), summary(ctx, s.Profile, fetched))
		}
	}
	client := page.NewClient(page.Options{})
	err = recording.Record(ctx, s, request, client, recorder, c.log, report)
	fmt.Fprintf(c.err, "%d fetches, %d failed; %s saved in %s\n", fetches, failed, pipeline.Plural(saved, "page"), r.Out)
	if err == nil && saved == 0 {
		err = errors.New("no page was saved")
	}
	return saved, err
}

// summary describes a page on one line: the match or the number of matches, and the number of
// problems. For an unusable page, it gives the reason.
func summary(ctx context.Context, p *profile.Profile, fetched page.Page) string {
	all, problems, err := p.Extract(ctx, fetched)
	switch {
	case err != nil:
		return "unusable, " + err.Error()
	case len(all) == 1:
		m := all[0].Match
		text := fmt.Sprintf("%s v %s, %s %s", m.Home, m.Away, state(all[0]), tally(all[0].Score))
		if len(problems) > 0 {
			text += ", " + pipeline.Plural(len(problems), "problem")
		}
		return text
	}
	return fmt.Sprintf("%d matches, %s", len(all), pipeline.Plural(len(problems), "problem"))
}
