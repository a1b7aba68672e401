package pipeline

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"path"
	"slices"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
)

// demoMatches are the fixtures that the demo plays at the same time by default.
var demoMatches = []string{
	"soccer/mls-2016-11-06-nyc-tor", "soccer/mls-cup-2016-tor-sea", "ice_hockey/nhl-2016-05-30-pit-sjs",
}

// A Demo plays fixtures through all roles in this process.
type Demo struct {
	Config   Config               // its sources are not polled
	Fixtures []*recording.Fixture // played at the same time; nil means three matches that matchwire contains
	Speed    float64              // as a factor to real time; 0 means no pauses
	Plugins  []consumers.Plugin
	Log      *slog.Logger

	OnListen func(net.Addr)    // called with the address of the live page
	OnEvent  func(event.Event) // called for each event
	OnEnd    func()            // called when the fixtures have ended
}

// Run plays the fixtures. It serves the live page until ctx ends.
func (d Demo) Run(ctx context.Context) error {
	matches := d.Fixtures
	if matches == nil {
		for _, dir := range demoMatches {
			f, err := shippedFixture(dir)
			if err != nil {
				return err
			}
			matches = append(matches, f)
		}
	}
	console := func(consumers.Host) (consumers.Consumer, error) {
		return consumers.Consumer{Keys: []string{"#"}, Handle: func(_ context.Context, e event.Event) error {
			d.OnEvent(e)
			return nil
		}}, nil
	}
	plugins := append(slices.Clone(d.Plugins), consumers.Plugin{Name: "console", New: console})
	if d.Config.Consumers != nil {
		d.Config.Consumers = maps.Clone(d.Config.Consumers)
		d.Config.Consumers["console"] = strictyaml.Raw{}
	}
	d.Config.Sources = nil
	p := New(d.Config, Servers{}, d.Log, plugins)
	p.OnListen = d.OnListen
	p.Anybody = d.Fixtures == nil // the recordings are public
	p.Feed = func(ctx context.Context, lib profile.Library, in *poll.Ingester) error {
		replayer := &recording.Replayer{Library: lib, Ingester: in, Speed: d.Speed, AsLive: true}
		if err := replayer.Play(ctx, matches); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		d.OnEnd()
		<-ctx.Done()
		return nil
	}
	return p.Run(ctx)
}

// shippedFixture loads a fixture that the binary contains.
func shippedFixture(dir string) (*recording.Fixture, error) {
	return loadFixture(fixtures.FS, dir, path.Join("fixtures", dir))
}
