package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
)

// A Replay is one run over fixtures.
type Replay struct {
	Fixtures []*recording.Fixture
	Library  profile.Library
	Speed    float64 // how many times faster than it was; 0: without waiting
	AsLive   bool    // as if it happened now: nothing is marked, and the state is the live one
	// Each is told of every page's events, after they are confirmed where they
	// are published; may be nil.
	Each func([]event.Event) error
	Log  *slog.Logger
}

// Print runs the fixtures for Each alone: nothing is published or kept.
func (r Replay) Print(ctx context.Context) error {
	store, stop, err := embeddedRedis()
	if err != nil {
		return err
	}
	defer stop()
	ingester := &poll.Ingester{Store: poll.NewStore(store, "mw:"), Log: r.Log, Replay: !r.AsLive}
	return r.play(ctx, ingester, nil)
}

// Publish runs the fixtures and publishes their events, each page's confirmed
// before the next is read. Unless AsLive, the state is the replay's own and
// match IDs bear a suffix, so that no live match is touched.
func (r Replay) Publish(ctx context.Context, s Servers, namespace string) error {
	broker, err := s.Broker(namespace, r.Log)
	if err != nil {
		return err
	}
	defer broker.Close()
	states := Servers{}
	if r.AsLive {
		states = s
	}
	store, stop, err := states.Store(ctx, r.Log)
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

// publishTimeout bounds how long one page's events may wait for the broker.
const publishTimeout = 2 * time.Minute

func (r Replay) play(ctx context.Context, ingester *poll.Ingester, out *outbox.Relay) error {
	p := &recording.Replayer{Library: r.Library, Ingester: ingester, Speed: r.Speed, AsLive: r.AsLive,
		Each: func(ctx context.Context, _ page.Page, events []event.Event) error {
			if out != nil {
				wait, cancel := context.WithTimeout(ctx, publishTimeout)
				defer cancel()
				flushed := ""
				for _, e := range events { // those of one match stand together
					if e.Subject == flushed {
						continue
					}
					flushed = e.Subject
					if err := out.Flush(wait, flushed); err != nil {
						return err
					}
				}
			}
			if r.Each == nil {
				return nil
			}
			return r.Each(events)
		}}
	return p.Play(ctx, r.Fixtures)
}

// refuseLive keeps a replay from passing for a match that is known already.
func (r Replay) refuseLive(ctx context.Context, s *poll.Store) error {
	for _, f := range r.Fixtures {
		if f.Match == "" {
			return fmt.Errorf("a replay as live needs match IDs in its fixtures")
		}
		_, version, err := s.Load(ctx, f.Match)
		if err != nil {
			return err
		}
		if version > 0 {
			return fmt.Errorf("match %s has live state: replay it without --as-live", f.Match)
		}
	}
	return nil
}
