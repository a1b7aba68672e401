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
	Paths   []string `arg:"" name:"dir" type:"existingpath" help:"Fixture folders, or single page files."`
	Speed   speed    `help:"How many times faster than it was, or max (${default})." default:"1" placeholder:"N|max"`
	Print   bool     `help:"Print the events as JSON lines instead of publishing them."`
	AsLive  bool     `help:"Publish as if it happened now: nothing is marked as a replay. Refused where a match has live state."`
	Profile string   `help:"The profile of single pages: a name or a file." placeholder:"PROFILE"`
	Match   string   `help:"The match ID of single pages that have none." placeholder:"ID"`
}

func (r *replayCmd) Help() string {
	return "Publishes to AMQP_URL, with state of its own, a suffix on match IDs and events marked as replay, so that nothing live is touched and nobody is alerted."
}

// speed is a factor; 0 means without waiting.
type speed float64

func (s *speed) UnmarshalText(b []byte) error {
	if string(b) == "max" {
		*s = 0
		return nil
	}
	n, err := strconv.ParseFloat(string(b), 64)
	if err != nil || n <= 0 {
		return fmt.Errorf("%q: want a number above 0, or max", b)
	}
	*s = speed(n)
	return nil
}

func (r *replayCmd) Run(ctx context.Context, c *console) error {
	lib, err := pipeline.Config{}.Library()
	if err != nil {
		return err
	}
	replay := pipeline.Replay{Library: lib, Speed: float64(r.Speed), AsLive: r.AsLive, Log: c.log}
	pages := 0
	for _, p := range r.Paths {
		f, err := r.fixture(p)
		if err != nil {
			return err
		}
		replay.Fixtures = append(replay.Fixtures, f)
		pages += len(f.Pages)
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
		return interrupted(ctx, replay.Print(ctx))
	}
	servers, err := c.realServers("replay without --print publishes to a RabbitMQ server")
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
		progress.step(fmt.Sprintf(", %s", plural(published, "event")))
		return nil
	}
	err = interrupted(ctx, replay.Publish(ctx, servers, namespace))
	progress.end()
	fmt.Fprintf(c.err, "%d events of %d of %d pages published and confirmed, as %s\n", published, read, pages, strings.Join(matches, ", "))
	return err
}

// interrupted makes an end by Ctrl-C a failure: not all was done.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

func (r *replayCmd) fixture(path string) (*recording.Fixture, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return recording.LoadFixture(path, os.DirFS(path))
	}
	if r.Profile == "" {
		return nil, pipeline.Misuse(fmt.Errorf("%s is a single page: say by --profile how to read it", path))
	}
	return recording.SinglePage(os.DirFS(filepath.Dir(path)), filepath.Base(path), r.Profile, r.Match), nil
}
