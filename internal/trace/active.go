package trace

import (
	"context"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// An Active is a span of a step that has not ended. Its methods may be called concurrently. On a nil
// Active they do nothing.
type Active struct {
	recorder *Recorder

	mu        sync.Mutex
	span      Span
	buffered  []Span // recorded at End only if the step had a result
	buffering bool
}

type activeKey struct{}

// Start begins a step under the TID of ctx. The context that it returns carries the step: messages
// that are made with it have the step as their parent. A nil recorder, or one whose budget is used up,
// returns a nil Active, which records nothing.
func (r *Recorder) Start(ctx context.Context, s Span) (context.Context, *Active) {
	if r == nil {
		return ctx, nil
	}
	if r.budget.Tokens() < 1 {
		r.dropped.Add(1)
		return ctx, nil
	}
	s.TID, s.Start = event.TIDFrom(ctx), time.Now().UTC()
	if s.ID == (event.SpanID{}) {
		s.ID = event.NewSpanID()
	}
	a := &Active{recorder: r, span: s}
	return context.WithValue(event.WithTID(ctx, s.TID), activeKey{}, a), a
}

// From returns the step that ctx carries, or nil.
func From(ctx context.Context) *Active {
	a, _ := ctx.Value(activeKey{}).(*Active)
	return a
}

// Buffer keeps the step and its children back until End. End drops them unless Keep was called or the
// step failed.
func (a *Active) Buffer() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.buffering = true
}

// Keep records the buffered spans, and ends the buffering: the step has a result.
func (a *Active) Keep() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keep()
}

func (a *Active) keep() {
	a.buffering = false
	for _, s := range a.buffered {
		a.recorder.Record(s)
	}
	a.buffered = nil
}

// Add records another span with this step.
func (a *Active) Add(s Span) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.record(s)
}

// SetOutcome sets the outcome of the step, in a few words. A later call replaces it.
func (a *Active) SetOutcome(outcome string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.span.Outcome = outcome
}

// Fail sets the outcome as SetOutcome does, and marks the step as failed.
func (a *Active) Fail(outcome string) {
	a.SetOutcome(outcome)
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.span.Failed = true
}

// End ends the step and records it.
func (a *Active) End() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.span.Took = Millis(time.Since(a.span.Start))
	if a.buffering && !a.span.Failed {
		a.buffered = nil
		return
	}
	a.keep()
	a.recorder.Record(a.span)
}

// Created records that the step has made a message. why is the evidence for it, or nil.
func (a *Active) Created(m broker.Message, why *Evidence, outcome string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.record(Span{
		TID: m.TID, ID: m.TID.Span(m.ID), Parent: a.span.ID, Op: Create, Role: a.span.Role, Name: m.Key, Message: m.ID, Match: m.Match,
		Start: time.Now().UTC(), Outcome: outcome, Evidence: why,
	})
}

func (a *Active) record(s Span) {
	if a.buffering {
		a.buffered = append(a.buffered, s)
		return
	}
	a.recorder.Record(s)
}

// Sent records that the broker has confirmed messages. began is when they were passed to the broker.
func (r *Recorder) Sent(role string, began time.Time, msgs ...broker.Message) {
	if r == nil {
		return
	}
	took := Millis(time.Since(began))
	for _, m := range msgs {
		if m.TID.IsZero() {
			continue
		}
		r.Record(Span{
			TID: m.TID, ID: m.TID.Span(m.ID + " sent"), Parent: m.TID.Span(m.ID), Op: Send, Role: role, Name: m.Key, Message: m.ID, Match: m.Match,
			Queue: m.Exchange.String(), Start: began.UTC(), Took: took,
		})
	}
}
