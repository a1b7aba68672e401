package overview

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/trace"
)

// Maximum numbers of items in an overview.
const (
	maxOutboxes  = 200
	maxInstances = 50 // of a consumer, and of fan-out nodes
)

// A Reader reads the state of a running pipeline.
type Reader struct {
	// Plan is the overview without a state.
	Plan      Overview
	Broker    broker.Broker
	Schedule  *scheduler.Schedule // not used if a recording replaces the polls
	Outboxes  *outbox.Store
	Instances *instances.Registry
	Log       *slog.Logger
}

// Read returns the overview of the pipeline, with at most the given number of sources. If a server does not respond,
// the overview lacks the state of some parts, and says which.
func (r *Reader) Read(ctx context.Context, sources int) Overview {
	o := r.Plan
	o.At = time.Now().UTC()
	o.Queues, o.Consumers = slices.Clone(o.Queues), slices.Clone(o.Consumers)
	for _, part := range []struct {
		name string
		read func(context.Context, *Overview) error
	}{
		{"queues", r.readQueues},
		{"sources", func(ctx context.Context, o *Overview) error { return r.readSources(ctx, o, sources) }},
		{"outboxes", r.readOutboxes},
		{"instances", r.readInstances},
	} {
		if err := part.read(ctx, &o); err != nil {
			r.Log.Debug("cannot read a part of the pipeline", "part", part.name, "error", err)
			o.Problems = append(slices.Clip(o.Problems), "the state of the "+part.name+" is unknown: a server does not respond")
		}
	}
	return o
}

// partTimeout is the time limit for reading one part. A call of the API takes at most 10 seconds.
const partTimeout = 2 * time.Second

func (r *Reader) readQueues(ctx context.Context, o *Overview) error {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	var names []string
	for _, q := range o.Queues {
		names = append(names, q.Name)
	}
	states, err := r.Broker.QueueStates(ctx, names)
	for i := range o.Queues {
		if s, ok := states[o.Queues[i].Name]; ok {
			o.Queues[i].State = stateOf(s)
		}
	}
	return err
}

func (r *Reader) readSources(ctx context.Context, o *Overview, n int) (err error) {
	if o.Sources.Replay {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	o.Sources.List = []Source{}
	if o.Sources.Count, err = r.Schedule.Count(ctx); err != nil {
		return err
	}
	next, err := r.Schedule.Page(ctx, scheduler.Query{}, n, func(e scheduler.Entry) bool {
		o.Sources.List = append(o.Sources.List, sourceOf(e, o.At))
		return true
	})
	o.Partial = o.Partial || next != ""
	return err
}

// sourceOf returns a source with its state at a time.
func sourceOf(e scheduler.Entry, now time.Time) Source {
	s := Source{
		ID: e.ID, URL: e.URL, Profile: e.Profile, By: e.By, State: Polled, Next: e.Next, At: e.Latest.At,
		Took: trace.Millis(e.Latest.Took), Matches: len(e.Latest.Matches), Failures: e.Latest.Failures,
		Reason: cmp.Or(e.Latest.Stopped, e.Latest.Problem),
	}
	switch {
	case e.Latest.Stopped != "":
		s.State = Stopped
	case e.Paused != nil:
		s.State, s.Paused = Paused, e.Paused.Since
	case e.IsOverdue(now):
		s.State = Overdue
	case e.Latest.At.IsZero():
		s.State = Starting
	case e.Latest.Problem != "":
		s.State = Failing
	}
	return s
}

func (r *Reader) readOutboxes(ctx context.Context, o *Overview) error {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	pending, waiting, err := r.Outboxes.Waiting(ctx, maxOutboxes)
	if err != nil {
		return err
	}
	o.Outboxes = Outboxes{Pending: pending, List: []Outbox{}}
	for _, w := range waiting {
		o.Outboxes.List = append(o.Outboxes.List, Outbox(w))
	}
	o.Partial = o.Partial || pending > maxOutboxes
	return nil
}

func (r *Reader) readInstances(ctx context.Context, o *Overview) error {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	all, err := r.Instances.List(ctx)
	if err != nil {
		return err
	}
	o.Fanout = []Node{}
	for _, i := range all {
		if i.Gone() {
			continue
		}
		if i.Clients != nil {
			o.Fanout = append(o.Fanout, Node{i.Name, i.Status, *i.Clients})
		}
		for _, load := range i.Consumers {
			at := slices.IndexFunc(o.Consumers, func(c Consumer) bool { return c.Name == load.Name })
			if at < 0 {
				continue
			}
			c := &o.Consumers[at]
			c.Rate += load.Rate
			c.Handled += load.Handled
			c.Instances = append(slices.Clip(c.Instances), Instance{i.Name, i.Status, load.Rate})
		}
	}
	cut := len(o.Fanout) > maxInstances
	o.Fanout = o.Fanout[:min(len(o.Fanout), maxInstances)]
	for i := range o.Consumers {
		c := &o.Consumers[i]
		cut = cut || len(c.Instances) > maxInstances
		c.Instances = c.Instances[:min(len(c.Instances), maxInstances)]
	}
	o.Partial = o.Partial || cut
	return nil
}
