package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
)

// A Replay plays fixtures.
type Replay struct {
	Fixtures []*recording.Fixture
	Library  profile.Library
	Speed    float64 // multiple of the recorded speed; 0 means no pauses
	AsLive   bool    // use the live state and do not mark the events as a replay
	// Each, if not nil, is called with the events of each page, after they are
	// published.
	Each func([]event.Event) error
	Log  *slog.Logger
}

// DryRun plays the fixtures and calls Each. It publishes and saves nothing.
func (r Replay) DryRun(ctx context.Context) error {
	store, stop, err := Servers{}.OpenRedis(ctx, r.Log)
	if err != nil {
		return err
	}
	defer stop()
	ingester := &poll.Ingester{Store: poll.NewStore(store, "mw:"), Log: r.Log, Replay: !r.AsLive}
	return r.play(ctx, ingester, nil)
}

// Publish plays the fixtures and publishes their events. After each page, it waits until the broker
// has confirmed the events of that page. Unless AsLive is set, it uses its own state and adds a
// suffix to match IDs, so that it does not change live matches.
func (r Replay) Publish(ctx context.Context, s Servers, namespace string) error {
	broker, err := s.ConnectBroker(ctx, namespace, r.Log)
	if err != nil {
		return err
	}
	defer broker.Close()
	states := Servers{}
	if r.AsLive {
		states = s
	}
	store, stop, err := states.ConnectRedis(ctx, r.Log)
	if err != nil {
		return err
	}
	defer stop()
	keys := prefix(namespace)
	ingester := &poll.Ingester{Store: poll.NewStore(store, keys), Log: r.Log, Replay: !r.AsLive}
	if r.AsLive {
		if err := r.refuseLive(ctx, ingester.Store); err != nil {
			return err
		}
	} else {
		ingester.Suffix = "-replay-" + strings.ReplaceAll(event.NewTID().String(), "-", "")[26:]
	}
	return r.play(ctx, ingester, outbox.NewRelay(outbox.NewStore(store, keys), broker, nil, r.Log))
}

// publishTimeout is the maximum time to wait until the broker confirms the events of one page.
const publishTimeout = 2 * time.Minute

// play plays the fixtures. If out is not nil, it publishes the events of each page before
// it calls Each.
func (r Replay) play(ctx context.Context, ingester *poll.Ingester, out *outbox.Relay) error {
	each := func(ctx context.Context, _ page.Page, events []event.Event) error {
		if out != nil {
			ctx, cancel := context.WithTimeout(ctx, publishTimeout)
			defer cancel()
			flushed := ""
			for _, e := range events { // the events are grouped by match
				if e.Subject == flushed {
					continue
				}
				flushed = e.Subject
				if err := out.Flush(ctx, flushed); err != nil {
					return err
				}
			}
		}
		if r.Each == nil {
			return nil
		}
		return r.Each(events)
	}
	p := &recording.Replayer{Library: r.Library, Ingester: ingester, AsLive: r.AsLive, Each: each}
	if r.Speed > 0 {
		p.Pace = recording.NewPace(r.Speed)
	}
	return p.Play(ctx, r.Fixtures)
}

// refuseLive returns an error if the match of a fixture already has a live state, or if a fixture
// has no match ID.
func (r Replay) refuseLive(ctx context.Context, s *poll.Store) error {
	for _, f := range r.Fixtures {
		if f.Match == "" {
			return UsageError(fmt.Errorf("--as-live needs the ID of the match: set match in %s", f.Manifest()))
		}
		_, version, err := s.Load(ctx, f.Match)
		if err != nil {
			return err
		}
		if version > 0 {
			return fmt.Errorf("matchwire already has state for match %s: replay it without --as-live", f.Match)
		}
	}
	return nil
}

// replay implements [consumers.Host].Replay.
func (c Config) replay(
	ctx context.Context, folders []string, each func(consumers.ReplayedPage) error, log *slog.Logger,
) error {
	p := recording.Replayer{}
	var err error
	if p.Library, err = c.Library(); err != nil {
		return UsageError(err)
	}
	var matches []*recording.Fixture
	for _, dir := range folders {
		if info, err := os.Stat(dir); err != nil {
			return UsageError(err)
		} else if !info.IsDir() {
			return UsageError(fmt.Errorf("%s is not a folder: name the folder of a fixture", dir))
		}
		f, err := recording.LoadFixture(dir, os.DirFS(dir))
		if err != nil {
			return err
		}
		matches = append(matches, f)
	}
	memory, stop, err := Servers{}.OpenRedis(ctx, log)
	if err != nil {
		return err
	}
	defer stop()
	store := poll.NewStore(memory, prefix(""))
	aliases, err := observation.NewAliases(c.Aliases)
	if err != nil {
		return UsageError(err)
	}
	p.Ingester = &poll.Ingester{Store: store, Aliases: aliases, Log: log}
	p.Each = func(_ context.Context, fetched page.Page, events []event.Event) error {
		return each(consumers.ReplayedPage{
			At: fetched.At, Events: events,
			Upcoming: func(ctx context.Context, until time.Time) ([]event.Data, error) {
				return store.Upcoming(ctx, fetched.At, until)
			},
		})
	}
	return p.Play(ctx, matches)
}
