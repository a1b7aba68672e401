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

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// Rebuild has one consumer handle all events that the log holds, so that its
// store, lost or emptied, is whole again as far as the log goes back. Instances
// that run meanwhile may go on. progress is told of each event.
func (p *Pipeline) Rebuild(ctx context.Context, name string, progress func()) (events int, err error) {
	store, stop, err := p.servers.Store(ctx, p.log)
	if err != nil {
		return 0, err
	}
	defer stop()
	all, _, err := makeConsumers(p.config, p.plugins, true, store, p.log)
	if err != nil {
		return 0, err
	}
	if !all[name].Rebuilds {
		maps.DeleteFunc(all, func(_ string, c consumers.Consumer) bool { return !c.Rebuilds })
		return 0, Misuse(fmt.Errorf("the config has no consumer %q that keeps what the log could make whole; of that kind are: %s", name, strings.Join(slices.Sorted(maps.Keys(all)), ", ")))
	}
	broker, err := p.servers.Reached(ctx, p.config.Namespace, p.log)
	if err != nil {
		return 0, err
	}
	defer broker.Close()
	consumer, err := p.config.makeConsumer(name, p.plugins, p.config.Host(name, store, p.log))
	if err != nil {
		return 0, err
	}
	err = consumer.While(ctx, func(ctx context.Context) error {
		events, err = rebuild(ctx, broker, consumer, progress)
		return err
	})
	return events, err
}

func rebuild(ctx context.Context, events broker.Log, c consumers.Consumer, progress func()) (int, error) {
	reading, enough := context.WithCancel(ctx)
	defer enough()
	caughtUp := make(chan struct{})
	var waiting sync.WaitGroup
	defer waiting.Wait()
	waiting.Go(func() {
		select {
		case <-caughtUp:
		case <-reading.Done():
		}
		enough()
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
			return nil // it lies among the dead letters
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
