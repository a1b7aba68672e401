package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
)

func recordCommand(c *console) *cobra.Command {
	var r record
	cmd := &cobra.Command{
		Use:   "record URL",
		Short: "Record the changes to a page as a fixture for replay.",
		Long: `Arguments:
  URL  URL of the page

Fetches the page at intervals. record saves each new version of the page in compressed form, with its headers
and the time of the fetch. matchwire replay DIR replays the fixture with the original timing. record follows the
same rules as run: it obeys robots.txt and Retry-After, and stops on a 403 response.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.url = args[0]
			return r.run(cmd.Context(), c)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&r.profile, "profile", "p", "", "Name or file of the `PROFILE`. A file is copied into the fixture.")
	flags.StringVarP(&r.out, "out", "o", "", "Folder `DIR` to create for the fixture.")
	flags.StringVar(&r.match, "match", "", "Match `ID`, for a page without a match ID.")
	flags.DurationVar(&r.every, "every", 15*time.Second, "Fetch the page every `DURATION`.")
	flags.StringVar(&r.request, "request", "", requestUsage)
	flags.DurationVar(&r.limit, "for", 0, "Record for `DURATION` (default: until Ctrl-C).")
	cli.Require(cmd, "profile", "out")
	completeProfiles(c, cmd)
	return cmd
}

// requestUsage describes the flag request.
const requestUsage = "`NAME` of request settings under requests in the config (default: the settings of the source " +
	"with this URL, if the config has such a source)."

// A record holds the arguments and flags of the command record.
type record struct {
	url, profile, out, match, request string
	every, limit                      time.Duration // limit is 0 for no limit
}

func (r *record) run(ctx context.Context, c *console) error {
	profile, name, err := r.findProfile(c)
	if err != nil {
		return err
	}
	if r.every < time.Second {
		return pipeline.UsageError(fmt.Errorf("--every %v: want a second or more", r.every))
	}
	client, url, request, err := pageRequest(c, r.url, r.request)
	if err != nil {
		return err
	}
	if _, err := profile.CheckURL(url); err != nil {
		return pipeline.UsageError(err)
	}
	if err := profile.CheckMatch(r.match); err != nil {
		return pipeline.UsageError(err)
	}
	source := poll.Source{URL: url, Profile: profile, Match: r.match, Every: r.every}
	recorder, err := recording.NewRecorder(r.out, source, name, "")
	if err != nil {
		return pipeline.UsageError(err)
	}
	saved, err := r.save(ctx, c, source, client, request, recorder)
	if saved > 0 && name != r.profile {
		err = errors.Join(err, copyFile(r.profile, filepath.Join(r.out, name)))
	}
	return errors.Join(err, recorder.Close())
}

// pageRequest returns a client for a single page, the URL of the page, and the settings of the request
// for it. See [pipeline.Config.PageRequest].
func pageRequest(c *console, rawURL, name string) (*page.Client, string, *page.Request, error) {
	config, err := c.config()
	if err != nil {
		return nil, "", nil, err
	}
	url, request, err := config.PageRequest(rawURL, name, time.Now())
	if err != nil {
		return nil, "", nil, pipeline.UsageError(err)
	}
	if err := config.CheckPage(rawURL, name); err != nil {
		c.log.Warn("this command reads the page, but matchwire run refuses it", "error", err)
	}
	return page.NewClient(page.Options{Contact: config.Fetch.Contact}), url, request, nil
}

// findProfile returns the profile, and the name by which the fixture refers to it. For a profile file,
// this name is profile.yaml.
func (r *record) findProfile(c *console) (*profile.Profile, string, error) {
	lib, err := c.library()
	if err != nil {
		return nil, "", err
	}
	p, err := lib.Find(r.profile)
	if err != nil {
		return nil, "", pipeline.UsageError(err)
	}
	if lib[r.profile] == nil {
		return p, "profile.yaml", nil
	}
	return p, r.profile, nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// save records the page until ctx ends, r.limit has passed, the site forbids the page, or a page
// cannot be saved. It returns the number of saved pages. In the last two cases, or if no page was
// saved, it also returns an error.
func (r *record) save(
	ctx context.Context, c *console, s poll.Source, client *page.Client, request *page.Request,
	recorder *recording.Recorder,
) (saved int, err error) {
	if r.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.limit)
		defer cancel()
	}
	fetches, failed := 0, 0
	report := func(fetched page.Page, changed bool, err error) {
		now := time.Now().Format(time.TimeOnly)
		fetches++
		switch {
		case err != nil:
			failed++
			fmt.Fprintf(c.errText(), "%s  fetch failed: %v\n", now, err)
		case changed:
			saved++
			fmt.Fprintf(c.errText(), "%s  page %d saved, %d bytes: %s\n",
				now, saved, len(fetched.Body), summary(ctx, s.Profile, fetched))
		}
	}
	err = recording.Record(ctx, s, request, client, recorder, c.log, report)
	fmt.Fprintf(c.errText(), "%s, %d failed; %s saved in %s\n",
		spelling.Plural(fetches, "fetch"), failed, spelling.Plural(saved, "page"), r.out)
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
			text += ", " + spelling.Plural(len(problems), "problem")
		}
		return text
	}
	return fmt.Sprintf("%d matches, %s", len(all), spelling.Plural(len(problems), "problem"))
}
