package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/internal/terminal"
	"github.com/matchwire/matchwire/parser/recording"
)

func replayCommand(c *console) *cobra.Command {
	r := replay{speed: 1}
	cmd := &cobra.Command{
		Use:   "replay DIR…",
		Short: "Replay recorded pages and publish their events.",
		Long: `Arguments:
  DIR…  Fixture folders or page files

Publishes the events to the RabbitMQ server at AMQP_URL. If recordings overlap in time, their pages are played
in the order in which they were fetched. Without --as-live, a replay does not change live matches: it has its
own state, and adds a suffix to match IDs. Its events are marked as a replay, so consumers send no
notifications.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.paths = args
			return r.run(cmd.Context(), c)
		},
		ValidArgsFunction: cli.Files,
	}
	cmd.Flags().Var(&r.speed, "speed", speedUsage)
	cmd.Flags().BoolVar(&r.print, "print", false, "Print the events as JSON lines and publish nothing.")
	cmd.Flags().BoolVar(&r.asLive, "as-live", false, "Handle the pages as live pages: use the live state and the "+
		"original match IDs, and let consumers send notifications. "+
		"The replay fails if matchwire already has state for a match.")
	cmd.Flags().StringVar(&r.profile, "profile", "", "Name or file of the `PROFILE` for page files.")
	cmd.Flags().StringVar(&r.match, "match", "", "Match `ID`, for page files without a match ID.")
	completeProfiles(c, cmd)
	return cmd
}

// A replay holds the arguments and flags of the command replay.
type replay struct {
	paths          []string
	speed          speed
	print, asLive  bool
	profile, match string
	onlyFolders    bool // page files are not accepted
}

const speedUsage = "Play at `SPEED` times the recorded speed, or at max speed without pauses."

// A speed is a multiple of the recorded speed. 0 means no pauses.
type speed float64

// Set sets the speed from the value of a flag.
func (s *speed) Set(text string) error {
	if text == "max" {
		*s = 0
		return nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n <= 0 {
		return errors.New("want a number greater than 0, or max")
	}
	*s = speed(n)
	return nil
}

// String returns the value of a flag, such as 2.5 or max.
func (s *speed) String() string {
	if *s == 0 {
		return "max"
	}
	return strconv.FormatFloat(float64(*s), 'f', -1, 64)
}

// Type returns the placeholder of a flag.
func (s *speed) Type() string { return "SPEED" }

// describe returns a description such as "2 times real speed".
func (s *speed) describe() string {
	switch *s {
	case 0:
		return "full speed"
	case 60:
		return "one minute per second"
	}
	return s.String() + " times real speed"
}

func (r *replay) run(ctx context.Context, c *console) error {
	lib, err := c.library()
	if err != nil {
		return err
	}
	play := pipeline.Replay{Library: lib, Speed: float64(r.speed), AsLive: r.asLive, Log: c.log}
	pages, files := 0, 0
	for _, p := range r.paths {
		f, err := r.fixture(p)
		if err != nil {
			return err
		}
		if !f.HasTimes() {
			files++
		}
		play.Fixtures = append(play.Fixtures, f)
		pages += len(f.Pages)
	}
	if files > 1 {
		c.log.Warn("page files have no fetch times, so all are read as if fetched now; " +
			"events that need several minutes between pages, such as an early end of the match, are missing; " +
			"write a fixture.yaml with the time of each page")
	}
	if r.print {
		out := json.NewEncoder(c.out)
		out.SetEscapeHTML(false)
		play.Each = func(events []event.Event) error {
			for _, e := range events {
				if err := out.Encode(e); err != nil {
					return err
				}
			}
			return nil
		}
		return interrupted(ctx, play.DryRun(ctx))
	}
	servers, err := c.requireServers("replay without --print publishes to a RabbitMQ server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	progress := terminal.NewProgress(c.err, "page", pages)
	published, read := 0, 0
	var matches []string
	play.Each = func(events []event.Event) error {
		published, read = published+len(events), read+1
		for _, e := range events {
			if !slices.Contains(matches, e.Subject) {
				matches = append(matches, e.Subject)
			}
		}
		progress.Step(fmt.Sprintf(", %s", spelling.Plural(published, "event")))
		return nil
	}
	err = interrupted(ctx, play.Publish(ctx, servers, namespace))
	progress.End()
	as := ""
	if len(matches) > 0 {
		as = ", as " + strings.Join(matches, ", ")
	}
	if read > 0 || err == nil {
		fmt.Fprintf(c.errText(), "%s from %d of %s published and confirmed%s\n",
			spelling.Plural(published, "event"), read, spelling.Plural(pages, "page"), as)
	}
	return err
}

// interrupted returns err. If ctx has ended, it replaces a non-nil err with the error
// "interrupted", because the exit code for [context.Canceled] is 0.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

// fixture loads the fixture in the folder path. If path is a page file, fixture returns a fixture
// that contains only this page, unless onlyFolders is set.
func (r *replay) fixture(path string) (*recording.Fixture, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%s: no such folder: want a folder that matchwire record has created with -o", path)
		return nil, pipeline.UsageError(err)
	case err != nil:
		return nil, pipeline.UsageError(err)
	case info.IsDir():
		f, err := recording.LoadFixture(path, os.DirFS(path))
		if errors.Is(err, recording.ErrNoFixture) {
			err = pipeline.UsageError(err)
		}
		return f, err
	case r.profile == "" && r.onlyFolders:
		err := fmt.Errorf("%s is a file: want a folder that matchwire record has created with -o", path)
		return nil, pipeline.UsageError(err)
	case r.profile == "":
		return nil, pipeline.UsageError(fmt.Errorf("%s is a page file: name its profile with --profile", path))
	}
	return recording.SinglePage(os.DirFS(filepath.Dir(path)), filepath.Base(path), r.profile, r.match), nil
}
