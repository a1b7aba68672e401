package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/parser/recording"
)

type replayCmd struct {
	Paths   []string `arg:"" name:"dir" type:"existingpath" help:"Fixture folders or page files."`
	Speed   speed    `help:"Multiple of the recorded speed, or max for no pauses." default:"1"`
	Print   bool     `help:"Print the events as JSON lines and publish nothing."`
	AsLive  bool     `help:"${replay_as_live}"`
	Profile string   `help:"Name or file of the profile for page files." placeholder:"PROFILE"`
	Match   string   `help:"Match ID, for page files without a match ID." placeholder:"ID"`
}

func (r *replayCmd) Help() string {
	return "Publishes the events to the RabbitMQ server at AMQP_URL. " +
		"If recordings overlap in time, their pages are played in the order in which they were fetched. " +
		"Without --as-live, a replay does not change live matches: it has its own state, and adds a suffix to match IDs. " +
		"Its events are marked as a replay, so consumers send no notifications."
}

// A speed is a multiple of the recorded speed. 0 means no pauses.
type speed float64

func (s *speed) UnmarshalText(b []byte) error {
	if string(b) == "max" {
		*s = 0
		return nil
	}
	n, err := strconv.ParseFloat(string(b), 64)
	if err != nil || n <= 0 {
		return fmt.Errorf("%q: want a number greater than 0, or max", b)
	}
	*s = speed(n)
	return nil
}

// String returns a description such as "2 times real speed".
func (s speed) String() string {
	switch s {
	case 0:
		return "full speed"
	case 60:
		return "one minute per second"
	}
	return strconv.FormatFloat(float64(s), 'f', -1, 64) + " times real speed"
}

func (r *replayCmd) Run(ctx context.Context, c *console) error {
	lib, err := c.library()
	if err != nil {
		return err
	}
	replay := pipeline.Replay{Library: lib, Speed: float64(r.Speed), AsLive: r.AsLive, Log: c.log}
	pages, files := 0, 0
	for _, p := range r.Paths {
		f, err := r.fixture(p)
		if err != nil {
			return err
		}
		if !f.HasTimes() {
			files++
		}
		replay.Fixtures = append(replay.Fixtures, f)
		pages += len(f.Pages)
	}
	if files > 1 {
		c.log.Warn("page files have no fetch times, so all are read as if fetched now; " +
			"events that need several minutes between pages, such as an early end of the match, are missing; " +
			"write a fixture.yaml with the time of each page")
	}
	if r.Print {
		out := json.NewEncoder(c.out)
		out.SetEscapeHTML(false)
		replay.Each = func(events []event.Event) error {
			for _, e := range events {
				if err := out.Encode(e); err != nil {
					return err
				}
			}
			return nil
		}
		return interrupted(ctx, replay.DryRun(ctx))
	}
	servers, err := c.requireServers("replay without --print publishes to a RabbitMQ server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	progress := newProgress(c.err, "page", pages)
	published, read := 0, 0
	var matches []string
	replay.Each = func(events []event.Event) error {
		published, read = published+len(events), read+1
		for _, e := range events {
			if !slices.Contains(matches, e.Subject) {
				matches = append(matches, e.Subject)
			}
		}
		progress.step(fmt.Sprintf(", %s", pipeline.Plural(published, "event")))
		return nil
	}
	err = interrupted(ctx, replay.Publish(ctx, servers, namespace))
	progress.end()
	as := ""
	if len(matches) > 0 {
		as = ", as " + strings.Join(matches, ", ")
	}
	fmt.Fprintf(c.err, "%s from %d of %s published and confirmed%s\n",
		pipeline.Plural(published, "event"), read, pipeline.Plural(pages, "page"), as)
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
// that contains only this page.
func (r *replayCmd) fixture(path string) (*recording.Fixture, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return recording.LoadFixture(path, os.DirFS(path))
	}
	if r.Profile == "" {
		return nil, pipeline.UsageError(fmt.Errorf("%s is a page file: name its profile with --profile", path))
	}
	return recording.SinglePage(os.DirFS(filepath.Dir(path)), filepath.Base(path), r.Profile, r.Match), nil
}
