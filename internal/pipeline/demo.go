package pipeline

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"path"
	"slices"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/parser/page"
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

	OnListen  func(net.Addr)    // called with the address of the live page
	OnEvent   func(event.Event) // called for each event
	OnAttempt func(Attempt)     // called for each attempt of a consumer to handle an event; may be nil
	OnEnd     func()            // called when the fixtures have ended
}

// maxHandling is the longest time that the demo waits for the consumers after a page.
const maxHandling = time.Minute

// Run plays the fixtures. Unless Speed is 1, each page follows when the consumers have tried to handle the events
// of the page before. Run serves the live page until ctx ends.
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
	observed := newObserved(d.OnAttempt)
	p.Observe = observed.observe
	p.Feed = func(ctx context.Context, lib profile.Library, in *poll.Ingester) error {
		replayer := &recording.Replayer{Library: lib, Ingester: in, Speed: d.Speed, AsLive: true}
		if d.Speed != 1 {
			// At the recorded speed, an event is usually handled before its correction. At a greater speed, the
			// correction would overtake the event, which notify would then not send.
			replayer.Each = func(ctx context.Context, _ page.Page, events []event.Event) error {
				observed.attempted(ctx, events, maxHandling)
				return nil
			}
		}
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
