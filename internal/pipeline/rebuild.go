package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// Rebuild calls the named consumer for each event in the log that matches the keys of the consumer.
// This restores lost data, as far as the log still contains the events. Other instances of the
// consumer can keep running. Rebuild calls progress for each of these events. It returns the
// number of events that were handled or failed permanently.
func (p *Pipeline) Rebuild(ctx context.Context, name string, progress func()) (events int, err error) {
	set, err := newConsumers(p.config, p.plugins, true, nil, p.log)
	if err != nil {
		return 0, err
	}
	if names := rebuildable(set.all); !slices.Contains(names, name) {
		return 0, UsageError(fmt.Errorf("consumer %q is not enabled or cannot be rebuilt from the log: want one of %s",
			name, strings.Join(names, ", ")))
	}
	store, stop, err := p.servers.ConnectRedis(ctx, p.log)
	if err != nil {
		return 0, err
	}
	defer stop()
	broker, err := p.servers.ConnectBroker(ctx, p.config.Namespace, p.log)
	if err != nil {
		return 0, err
	}
	defer broker.Close()
	return p.rebuildFrom(ctx, p.config, broker, store, name, progress)
}

// rebuildable returns the names of the consumers that can be rebuilt from the log, sorted.
func rebuildable(all map[string]consumers.Consumer) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].Rebuilds {
			names = append(names, name)
		}
	}
	return names
}

// rebuildFrom is like Rebuild, with the servers that the caller has opened.
func (p *Pipeline) rebuildFrom(
	ctx context.Context, c Config, log broker.Log, store redis.UniversalClient, name string, progress func(),
) (events int, err error) {
	consumer, err := c.newConsumer(name, p.plugins, c.Host(name, store, p.log))
	if err != nil {
		return 0, err
	}
	err = consumer.While(ctx, func(ctx context.Context) error {
		events, err = rebuild(ctx, log, consumer, progress)
		return err
	})
	return events, err
}

// rebuild calls c.Handle for the events in the log that match c.Keys. It runs at most c.Limit
// calls at the same time, or one if c.Limit is 0.
func rebuild(ctx context.Context, events broker.Log, c consumers.Consumer, progress func()) (int, error) {
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	caughtUp := make(chan struct{})
	var waiting sync.WaitGroup
	defer waiting.Wait()
	waiting.Go(func() {
		select {
		case <-caughtUp:
		case <-reading.Done():
		}
		stopReading()
	})
	handlers, handling := errgroup.WithContext(ctx)
	handlers.SetLimit(max(c.Limit, 1))
	var handled atomic.Int64
	err := events.ReadLog(reading, broker.Start, caughtUp, func(_ broker.Cursor, m broker.Message) error {
		if !event.MatchAny(c.Keys, m.Key) {
			return nil
		}
		e, err := event.Decode(m.Body)
		if err != nil {
			return nil // the consumer has dead-lettered this message
		}
		handlers.Go(func() error {
			if err := c.Handle(event.WithTID(handling, e.TID), e); err != nil && !errors.Is(err, broker.ErrPermanent) {
				return err
			}
			handled.Add(1)
			return nil
		})
		progress()
		return handling.Err()
	})
	if herr := handlers.Wait(); herr != nil {
		err = herr
	}
	return int(handled.Load()), errors.Join(err, ctx.Err())
}
