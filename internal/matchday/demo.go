// Package matchday plays recorded matches through the whole pipeline in one process, for the command demo.
package matchday

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/web"
	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
)

// A Demo plays fixtures through all roles in this process.
type Demo struct {
	Config   pipeline.Config      // its sources are not polled
	Fixtures []*recording.Fixture // played at the same time; nil means the match day that matchwire contains
	Speed    float64              // as a multiple of the recorded speed; 0 means no pauses
	APIToken string               // for the operator of the demo; see [pipeline.Pipeline]
	Plugins  []consumers.Plugin
	Log      *slog.Logger

	OnListen  func(net.Addr)    // called with the address of the live page
	OnEvent   func(event.Event) // called for each event
	OnRefuse  func(event.Event) // called for the event of the match day that becomes a dead letter on purpose
	OnAttempt func(Attempt)     // called for each attempt of a consumer to handle an event; may be nil
	OnEnd     func()            // called when the fixtures have ended
}

// longestWait is the longest time between two pages of a match of the day. It shortens breaks, and the nights of a
// Test match.
const longestWait = 15 * time.Minute

// maxHandling is the longest time that the demo waits for the consumers after a page.
const maxHandling = time.Minute

// Run plays the fixtures. Unless the speed is 1, Run plays a page only after the consumers have tried
// to handle the events of the previous page, or after a minute. Run serves the live page until ctx
// ends. On the page, viewers can change the speed, unless Speed is 0.
func (d Demo) Run(ctx context.Context) error {
	programme, err := d.programme()
	if err != nil {
		return err
	}
	plugins, bar := slices.Clone(d.Plugins), newBar(d.Speed)
	if d.Fixtures == nil {
		plugins = bar.addInbox(plugins)
		if d.Config.Consumers, err = inboxConsumers(plugins); err != nil {
			return err
		}
		site := func(consumers.Host) (consumers.Consumer, error) { return newClubSite(d.OnRefuse) }
		plugins = append(plugins, consumers.Plugin{Name: clubSite, New: site})
		d.Log = slog.New(clubSiteLog{d.Log.Handler()})
		d.Config.Consumers[clubSite] = strictyaml.Raw{}
	}
	console := func(consumers.Host) (consumers.Consumer, error) {
		return consumers.Consumer{Keys: []string{"#"}, Handle: func(_ context.Context, e event.Event) error {
			d.OnEvent(e)
			return nil
		}}, nil
	}
	plugins = append(plugins, consumers.Plugin{Name: "console", New: console})
	if d.Config.Consumers != nil {
		d.Config.Consumers = maps.Clone(d.Config.Consumers)
		d.Config.Consumers["console"] = strictyaml.Raw{}
	}
	d.Config.Sources = nil
	p := pipeline.New(d.Config, pipeline.Servers{}, d.Log, plugins)
	listening := make(chan struct{})
	p.APIToken = d.APIToken
	p.OnListen = func(at net.Addr) {
		d.OnListen(at)
		close(listening)
	}
	p.Anybody = d.Fixtures == nil // the recordings are public
	pages := web.DemoHandler(d.Config.Fanout.Origins)
	p.Handlers = map[string]http.Handler{"GET /{$}": pages, "GET /match/{id}": pages, "/demo": bar}
	observed := newObserved(d.OnAttempt)
	p.Observe = observed.observe
	p.Feed = func(ctx context.Context, lib profile.Library, in *poll.Ingester, t *trace.Recorder) error {
		replayer := &recording.Replayer{Library: lib, Ingester: in, Pace: bar.pace, AsLive: true, Trace: t}
		replayer.Each = func(ctx context.Context, _ page.Page, events []event.Event) error {
			// At the recorded speed, an event is usually handled before its correction is
			// published. At a greater speed, the correction could be published first, and notify
			// would then not send the event.
			if bar.pace == nil || bar.pace.Speed() != 1 {
				observed.awaitAttempts(ctx, events, maxHandling)
			}
			return nil
		}
		select {
		case <-listening: // no event is printed before the address
		case <-ctx.Done():
			return nil
		}
		if err := programme(ctx, replayer); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		bar.end()
		d.OnEnd()
		<-ctx.Done()
		return nil
	}
	return p.Run(ctx)
}

// programme returns a function that plays the fixtures.
func (d Demo) programme() (func(context.Context, *recording.Replayer) error, error) {
	if d.Fixtures != nil {
		return func(ctx context.Context, r *recording.Replayer) error { return r.Play(ctx, d.Fixtures) }, nil
	}
	var entries []recording.Entry
	for _, m := range fixtures.Day {
		f, err := pipeline.ShippedFixture(m.Fixture)
		if err != nil {
			return nil, err
		}
		entries = append(entries, recording.Entry{Fixture: f, Start: m.Start})
	}
	slices.SortStableFunc(entries, func(a, b recording.Entry) int { return cmp.Compare(a.Start, b.Start) })
	return func(ctx context.Context, r *recording.Replayer) error { return r.PlayDay(ctx, entries, longestWait) }, nil
}
