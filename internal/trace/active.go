package trace

import (
	"context"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// An Active span is a step under way. Its methods, and those that find it in a
// context, may be called by several goroutines, and on nil, which is no step.
type Active struct {
	recorder *Recorder

	mu   sync.Mutex
	span Span
	held []Span // of a step that is recorded only if something came of it
	hold bool
}

type activeKey struct{}

// Start begins a step under the TID of ctx. What the context's work makes is
// made by it. A nil recorder records nothing, nor does one whose budget is used
// up.
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

// From is the step that ctx works for, or nil.
func From(ctx context.Context) *Active {
	a, _ := ctx.Value(activeKey{}).(*Active)
	return a
}

// Hold keeps the step and those that it makes back until End, which drops them
// unless Keep was called, or it failed.
func (a *Active) Hold() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hold = true
}

// Keep says that something came of the step.
func (a *Active) Keep() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keep()
}

func (a *Active) keep() {
	a.hold = false
	for _, s := range a.held {
		a.recorder.Record(s)
	}
	a.held = nil
}

// Add records another step with this one.
func (a *Active) Add(s Span) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.record(s)
}

// Says is what came of the step, in a few words. The last word holds.
func (a *Active) Says(outcome string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.span.Outcome = outcome
}

// Fails is Says of what went wrong.
func (a *Active) Fails(outcome string) {
	a.Says(outcome)
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
	if a.hold && !a.span.Failed {
		a.held = nil
		return
	}
	a.keep()
	a.recorder.Record(a.span)
}

// Created records that the step has made a message, and on what evidence, if
// any.
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
	if a.hold {
		a.held = append(a.held, s)
		return
	}
	a.recorder.Record(s)
}

// Sent records that the broker has confirmed messages, which it was given at
// that time.
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
