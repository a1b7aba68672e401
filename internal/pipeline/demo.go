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

// demoSpeed is the speed of the demo as a factor to real time: one minute per second.
const demoSpeed = 60

// demoMatches are the fixtures that the demo plays at the same time.
var demoMatches = []string{
	"soccer/mls-2016-11-06-nyc-tor", "soccer/mls-cup-2016-tor-sea", "ice_hockey/nhl-2016-05-30-pit-sjs",
}

// Demo plays fixtures through all roles in this process. It calls onListen with the address
// of the live page, onEvent for each event, and onEnd when the matches have ended. It serves
// the live page until ctx ends.
func Demo(
	ctx context.Context, listen string, plugins []consumers.Plugin, log *slog.Logger,
	onListen func(net.Addr), onEvent func(event.Event), onEnd func(),
) error {
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
			onEvent(e)
			return nil
		}}, nil
	}
	plugins = append(slices.Clone(plugins), consumers.Plugin{Name: "console", New: console})
	p := New(Config{Listen: listen}, Servers{}, log, plugins)
	p.OnListen = onListen
	p.Anybody = true // the recordings are public
	p.Feed = func(ctx context.Context, lib profile.Library, in *poll.Ingester) error {
		replayer := &recording.Replayer{Library: lib, Ingester: in, Speed: demoSpeed, AsLive: true}
		if err := replayer.Play(ctx, matches); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		onEnd()
		<-ctx.Done()
		return nil
	}
	return p.Run(ctx)
}

// shippedFixture loads a fixture that the binary contains.
func shippedFixture(dir string) (*recording.Fixture, error) {
	folder, err := fs.Sub(fixtures.FS, dir)
	if err != nil {
		return nil, err
	}
	return recording.LoadFixture(path.Join("fixtures", dir), folder)
}
