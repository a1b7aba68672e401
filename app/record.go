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
	URL     string        `arg:"" name:"url" help:"The page."`
	Profile string        `required:"" short:"p" help:"A profile's name, or its file, which is copied into the fixture." placeholder:"PROFILE"`
	Out     string        `required:"" short:"o" help:"The folder to make." placeholder:"DIR" type:"path"`
	Match   string        `help:"The match ID, where the page has none." placeholder:"ID"`
	Every   time.Duration `help:"Between two fetches (${default})." default:"15s"`
	For     time.Duration `help:"Stop by itself after so long; without it Ctrl-C ends it." placeholder:"DURATION"`
}

func (r *recordCmd) Help() string {
	return "Each page that changed is kept compressed, with when it was read and its headers; matchwire replay DIR plays the fixture with its own timing. The site is treated as run treats it: robots.txt, Retry-After and a 403 are heeded."
}

func (r *recordCmd) Run(ctx context.Context, c *console) error {
	profile, name, err := r.profile()
	if err != nil {
		return pipeline.Misuse(err)
	}
	if r.Every < time.Second {
		return pipeline.Misuse(fmt.Errorf("--every %v: want a second or more", r.Every))
	}
	if _, err := page.CheckURL(r.URL); err != nil {
		return pipeline.Misuse(err)
	}
	if err := profile.CheckMatch(r.Match); err != nil {
		return pipeline.Misuse(err)
	}
	source := poll.Source{URL: r.URL, Profile: profile, Match: r.Match, Every: r.Every}
	recorder, err := recording.NewRecorder(r.Out, source, name, "")
	if err != nil {
		return pipeline.Misuse(err)
	}
	kept, err := r.record(ctx, c, source, recorder)
	if kept > 0 && name != r.Profile {
		err = errors.Join(err, copyFile(r.Profile, filepath.Join(r.Out, name)))
	}
	return errors.Join(err, recorder.Close())
}

// profile finds the profile and what the fixture calls it: a file is copied
// beside the pages.
func (r *recordCmd) profile() (*profile.Profile, string, error) {
	lib, err := pipeline.Config{}.Library()
	if err != nil {
		return nil, "", err
	}
	p, err := lib.Find(r.Profile)
	if err != nil {
		return nil, "", err
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

func (r *recordCmd) record(ctx context.Context, c *console, s poll.Source, recorder *recording.Recorder) (kept int, err error) {
	if r.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.For)
		defer cancel()
	}
	polls, failed := 0, 0
	err = recording.Record(ctx, s, page.NewClient(page.Options{PrivateAddresses: true}), recorder, c.log, func(fetched page.Page, changed bool, err error) {
		now := time.Now().Format(time.TimeOnly)
		polls++
		switch {
		case err != nil:
			failed++
			fmt.Fprintf(c.err, "%s  no page: %v\n", now, err)
		case changed:
			kept++
			fmt.Fprintf(c.err, "%s  page %d kept, %d bytes: %s\n", now, kept, len(fetched.Body), whatItSays(ctx, s.Profile, fetched))
		}
	})
	fmt.Fprintf(c.err, "%d polls, %d without a page; %d pages kept in %s\n", polls, failed, kept, r.Out)
	if err == nil && kept == 0 {
		err = errors.New("no page was kept")
	}
	return kept, err
}

// whatItSays is a page in a few words, for whoever watches it being recorded.
func whatItSays(ctx context.Context, p *profile.Profile, fetched page.Page) string {
	all, problems, err := p.Extract(ctx, fetched)
	switch {
	case err != nil:
		return "unusable, " + err.Error()
	case len(all) == 1:
		text := fmt.Sprintf("%s v %s, %s %s", all[0].Match.Home, all[0].Match.Away, state(all[0]), tally(all[0].Score))
		if len(problems) > 0 {
			text += fmt.Sprintf(", %d problems", len(problems))
		}
		return text
	}
	return fmt.Sprintf("%d matches, %d problems", len(all), len(problems))
}
