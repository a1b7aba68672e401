package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/internal/trace"
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
	Speed    float64              // as a multiple of the recorded speed; 0 means no pauses
	Plugins  []consumers.Plugin
	Log      *slog.Logger

	OnListen  func(net.Addr)    // called with the address of the live page
	OnEvent   func(event.Event) // called for each event
	OnAttempt func(Attempt)     // called for each attempt of a consumer to handle an event; may be nil
	OnEnd     func()            // called when the fixtures have ended
}

// maxHandling is the longest time that the demo waits for the consumers after a page.
const maxHandling = time.Minute

// Run plays the fixtures. Unless Speed is 1, Run plays a page only after the consumers have tried
// to handle the events of the previous page, or after a minute. Run serves the live page until ctx
// ends.
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
			// At the recorded speed, an event is usually handled before its correction is
			// published. At a greater speed, the correction could be published first, and notify
			// would then not send the event.
			replayer.Each = func(ctx context.Context, _ page.Page, events []event.Event) error {
				observed.awaitAttempts(ctx, events, maxHandling)
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

// An Attempt is a consumer's attempt to handle an event.
type Attempt struct {
	Consumer string // like "notify.site"
	Event    event.Event
	Outcome  string // like "sent: …"; "" if the consumer reports none
	Err      error
}

// Line describes the attempt on one line. It returns "" if the consumer reports nothing.
func (a Attempt) Line() string {
	what := a.Outcome
	switch {
	case errors.As(a.Err, new(*broker.PostponedError)):
		what = "waits: " + a.Err.Error()
	case a.Err != nil:
		what = "failed: " + a.Err.Error()
	case what == "":
		return ""
	}
	if !strings.HasPrefix(what, "sent: ") {
		what += " [" + notify.Line(a.Event) + "]"
	}
	return "          " + a.Consumer + "  " + what
}

// An observed records the attempts of consumers to handle events.
type observed struct {
	onAttempt func(Attempt) // may be nil; called for one attempt at a time

	mu      sync.Mutex
	keys    map[string][]string // topic patterns by consumer
	tried   map[delivery]bool   // the deliveries that were tried
	waiting map[string]bool     // the consumers whose latest attempt failed or was postponed
	changed chan struct{}       // closed and replaced after each attempt
}

// A delivery identifies the delivery of an event to a consumer, by the consumer's name and the
// event's ID.
type delivery struct{ consumer, event string }

func newObserved(onAttempt func(Attempt)) *observed {
	return &observed{onAttempt: onAttempt, keys: map[string][]string{}, tried: map[delivery]bool{},
		waiting: map[string]bool{}, changed: make(chan struct{})}
}

// observe returns the consumer with a handler that records and reports each attempt.
func (o *observed) observe(name string, c consumers.Consumer) consumers.Consumer {
	o.keys[name] = c.Keys
	handle := c.Handle
	c.Handle = func(ctx context.Context, e event.Event) error {
		ctx, outcome := trace.Observe(ctx)
		err := handle(ctx, e)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.tried[delivery{name, e.ID}], o.waiting[name] = true, err != nil
		close(o.changed)
		o.changed = make(chan struct{})
		if o.onAttempt != nil {
			o.onAttempt(Attempt{name, e, outcome(), err})
		}
		return err
	}
	return c
}

// awaitAttempts waits until every consumer of the events has tried to handle them, until timeout has passed or until
// ctx ends. It does not wait for a consumer whose latest attempt failed or was postponed.
func (o *observed) awaitAttempts(ctx context.Context, events []event.Event, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range events {
		for name, keys := range o.keys {
			for event.MatchAny(keys, events[i].Type) && !o.tried[delivery{name, events[i].ID}] && !o.waiting[name] &&
				ctx.Err() == nil {
				changed := o.changed
				o.mu.Unlock()
				select {
				case <-changed:
				case <-ctx.Done():
				}
				o.mu.Lock()
			}
		}
	}
}
