package trace

import (
	"context"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// An Active is the span of a step that has not ended. Its methods may be called concurrently. They
// do nothing on a nil Active.
type Active struct {
	recorder *Recorder

	mu        sync.Mutex
	span      Span
	buffered  []Span // spans to record at Keep, or at End if the step fails
	buffering bool
}

type activeKey struct{}

// Start begins a step under the TID of ctx. If ctx has no TID, Start creates one. Messages created
// with the returned context have the step as their parent. If r is nil or its budget is exhausted,
// Start returns ctx unchanged and a nil Active, which records nothing.
func (r *Recorder) Start(ctx context.Context, s Span) (context.Context, *Active) {
	if r == nil {
		return ctx, nil
	}
	if r.budget.Tokens() < 1 {
		r.overBudget.Add(1)
		return ctx, nil
	}
	s.TID, s.Start = event.TIDFrom(ctx), time.Now().UTC()
	if s.ID == (event.SpanID{}) {
		s.ID = event.NewSpanID()
	}
	a := &Active{recorder: r, span: s}
	return context.WithValue(event.WithTID(ctx, s.TID), activeKey{}, a), a
}

// From returns the step that Start stored in ctx, or nil if ctx has none.
func From(ctx context.Context) *Active {
	a, _ := ctx.Value(activeKey{}).(*Active)
	return a
}

// Observe returns a context in which a step can set its outcome even if the step is not recorded, and a function
// that returns the outcome.
func Observe(ctx context.Context) (context.Context, func() string) {
	a := From(ctx)
	if a == nil {
		a = &Active{buffering: true} // never recorded
		ctx = context.WithValue(ctx, activeKey{}, a)
	}
	return ctx, func() string {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.span.Outcome
	}
}

// Buffer delays the recording of the step and of the spans added to it until Keep or End. End
// discards them unless the step failed.
func (a *Active) Buffer() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.buffering = true
}

// Keep records the buffered spans and stops buffering.
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

// Add records s, or buffers it if the step is buffered.
func (a *Active) Add(s Span) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.record(s)
}

// SetOutcome sets the outcome of the step, in a few words. A later call of SetOutcome or Fail
// replaces the outcome.
func (a *Active) SetOutcome(outcome string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.span.Outcome = outcome
}

// Fail sets the outcome of the step and marks the step as failed.
func (a *Active) Fail(outcome string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.span.Outcome, a.span.Failed = outcome, true
}

// End ends the step and records it. If the step is still buffered and has not failed, End discards
// the step and its buffered spans.
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

// Created records that the step created the message m. evidence is where the parser found the
// event, or nil. outcome is the outcome of the message's span, and may be empty.
func (a *Active) Created(m broker.Message, evidence *Evidence, outcome string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.record(Span{
		TID: m.TID, ID: m.TID.Span(m.ID), Parent: a.span.ID, Op: Create, Role: a.span.Role,
		Name: m.Key, Message: m.ID, Match: m.Match,
		Start: time.Now().UTC(), Outcome: outcome, Evidence: evidence,
	})
}

func (a *Active) record(s Span) {
	if a.buffering {
		a.buffered = append(a.buffered, s)
		return
	}
	a.recorder.Record(s)
}

// Sent records that the broker confirmed msgs. began is the time at which role began to publish them.
// Messages without a TID are not recorded.
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
			TID: m.TID, ID: m.TID.Span(m.ID + " sent"), Parent: m.TID.Span(m.ID), Op: Send, Role: role,
			Name: m.Key, Message: m.ID, Match: m.Match, Queue: m.Exchange.String(),
			Start: began.UTC(), Took: took,
		})
	}
}
