package pipeline

import (
	"context"
	"io/fs"
	"log/slog"
	"net"
	"path"
	"slices"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
)

// DemoSpeed is how much faster than life the demo goes: a minute of the match
// takes a second.
const DemoSpeed = 60

// demoMatches are the fixtures that the demo plays, side by side.
var demoMatches = []string{
	"soccer/mls-2016-11-06-nyc-tor", "soccer/mls-cup-2016-tor-sea", "ice_hockey/nhl-2016-05-30-pit-sjs",
}

// Demo runs the whole pipeline in this process over the fixtures, and goes on
// serving the live page when they are over, until ctx ends. listening is told
// where, tell is a consumer of every event, and over is called at the end of
// the matches.
func Demo(ctx context.Context, listen string, plugins []consumers.Plugin, log *slog.Logger, listening func(net.Addr), tell func(event.Event), over func()) error {
	var matches []*recording.Fixture
	for _, dir := range demoMatches {
		f, err := shippedFixture(dir)
		if err != nil {
			return err
		}
		matches = append(matches, f)
	}
	console := func(consumers.Host) (consumers.Consumer, error) {
		return consumers.Consumer{Keys: []string{"#"}, Handle: func(_ context.Context, e event.Event) error {
			tell(e)
			return nil
		}}, nil
	}
	p := New(Config{Listen: listen}, Servers{}, log, append(slices.Clone(plugins), consumers.Plugin{Name: "console", New: console}))
	p.Listening = listening
	p.Anybody = true // the matches are long over
	p.Feed = func(ctx context.Context, lib profile.Library, in *poll.Ingester) error {
		replayer := &recording.Replayer{Library: lib, Ingester: in, Speed: DemoSpeed, AsLive: true}
		if err := replayer.Play(ctx, matches); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		over()
		<-ctx.Done()
		return nil
	}
	return p.Run(ctx)
}

// shippedFixture is one of the fixtures that the binary carries.
func shippedFixture(dir string) (*recording.Fixture, error) {
	folder, err := fs.Sub(fixtures.FS, dir)
	if err != nil {
		return nil, err
	}
	return recording.LoadFixture(path.Join("fixtures", dir), folder)
}
