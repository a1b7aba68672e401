package consumertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// duplicates checks that an event that is delivered more than once has its effect once.
func (h *harness) duplicates() {
	e := h.Event()
	h.start()
	h.publish(e)
	once := h.settled()
	if len(once) == 0 {
		h.Errorf("event %s was acknowledged and had no effect, want an effect before the acknowledgement", e.Type)
	}
	h.publish(e, e)
	if again := h.settled(); !slices.Equal(once, again) {
		h.Errorf("the effects are %q after three deliveries, want %q, as after one delivery", again, once)
	}
}

// corrections checks that corrections and retractions have an effect and are not dead-lettered.
func (h *harness) corrections() {
	goal := h.Event()
	corrected := Corrected(goal)
	retracted := Retracted(corrected)
	if !h.subscribes(corrected) || !h.subscribes(retracted) {
		h.Log("not checked: the consumer does not subscribe to corrections and retractions")
		return
	}
	h.start()
	before := h.Effects()
	for _, e := range []event.Event{goal, corrected, retracted} {
		what := "an effect of " + e.Type
		if e.Data.Action == event.Corrected {
			what += ", which changes only scorer and assist: if no effect contains the scorer, include the revision of the goal"
		}
		h.publish(e)
		h.until(what, func() bool { return !slices.Equal(h.Effects(), before) })
		before = h.settled()
	}
	if dead := h.dead(); len(dead) > 0 {
		h.Errorf("got %d dead letters, want none; the first reason is %q", len(dead), dead[0].Reason)
	}
}

// anyOrder checks that a consumer that can be rebuilt has the same effects if the events arrive in
// reverse order.
func (h *harness) anyOrder() {
	for _, c := range h.parts {
		if !c.Rebuilds {
			h.Log("not checked: the consumer cannot be rebuilt")
			return
		}
	}
	goal := h.Event()
	corrected := Corrected(goal)
	events := []event.Event{goal, corrected, Retracted(corrected)}
	effects := func(h *harness) []string {
		h.start()
		for _, e := range events {
			h.publish(e)
			h.settled()
		}
		return h.Effects()
	}
	want := effects(h)
	slices.Reverse(events)
	if got := effects(h.another()); len(want) == 0 || !slices.Equal(got, want) {
		h.Errorf("the effects are %q after the events in reverse order, want %q", got, want)
	}
}

// order checks that an ordered consumer has the same effects, in the same order, after a burst of
// events as after single events. If Fail is not nil, the first attempts of the burst fail.
func (h *harness) order() {
	for _, c := range h.parts {
		if !c.Ordered {
			h.Log("not checked: the consumer is not ordered")
			return
		}
	}
	e := h.Event()
	if _, seq := e.Position(); seq != 1 || e.Data.Epoch == "" || e.Data.Match == nil {
		h.Log("not checked: the event is not the first of its match")
		return
	}
	burst := []event.Event{e}
	for n := range 4 {
		burst = append(burst, following(e, n))
	}
	single := h.another()
	single.start()
	for _, e := range burst {
		single.publish(e)
		single.settled()
	}
	want := single.settled()
	undo := func() {}
	if h.Fail != nil {
		undo = h.Fail()
	}
	h.start()
	h.publish(burst...)
	if h.Fail != nil {
		h.until("a failed attempt", func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.failed > 0
		})
	}
	undo()
	if got := h.settled(); !slices.Equal(got, want) {
		h.Errorf("after a burst, the effects are %q, want %q, as after single events", got, want)
	}
}

// following returns a later event in the match of e. If n is 0, it returns the event after e.
func following(e event.Event, n int) event.Event {
	next := Other(e, n)
	next.Data.Seq = e.Data.Seq + int64(n+1)
	return next
}

// temporaryFailure checks that Handle returns a temporary error while Fail is in effect, and that the
// event then has its effect once.
func (h *harness) temporaryFailure() {
	if h.Fail == nil {
		h.Log("not checked: Subject.Fail is nil")
		return
	}
	undo := h.Fail()
	e := h.Event()
	for part, c := range h.parts {
		ctx, cancel := context.WithTimeout(event.WithTID(h.Context(), e.TID), 20*time.Second)
		err := c.Handle(ctx, e)
		cancel()
		if err == nil || permanent(err) {
			h.Errorf("%s: Handle returned error %v during a temporary failure, want a temporary error", part, err)
		}
		noSecret(h.T, err)
	}
	h.start()
	h.publish(e)
	h.until("a failed attempt", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.failed > 0
	})
	undo()
	h.until("an effect after the failure", func() bool { return len(h.Effects()) > 0 })
	once := h.settled()
	h.publish(e)
	if again := h.settled(); !slices.Equal(once, again) {
		h.Errorf("the effects are %q after another delivery, want %q, as after the retry", again, once)
	}
}

// permanentFailure checks that a refused event is dead-lettered after one attempt, and that the next
// event is handled.
func (h *harness) permanentFailure() {
	if h.Refuse == nil {
		h.Log("not checked: Subject.Refuse is nil")
		return
	}
	undo := h.Refuse()
	e := h.Event()
	h.start()
	h.publish(e)
	h.until("a dead letter", func() bool { return len(h.dead()) > 0 })
	for _, l := range h.dead() {
		if l.ID != e.ID || l.Attempt != 1 {
			h.Errorf("got dead letter %s after %d attempts, want %s after 1", l.ID, l.Attempt, e.ID)
		}
		noSecret(h.T, l.Reason)
	}
	undo()
	h.publish(h.Event())
	h.until("an effect of the next event", func() bool { return len(h.Effects()) > 0 })
}

// timeout checks that Handle returns a temporary error within 10 s if the dependency hangs and the
// context ends after 0.3 s.
func (h *harness) timeout() {
	if h.Hang == nil {
		h.Log("not checked: Subject.Hang is nil")
		return
	}
	undo := h.Hang()
	defer undo()
	for part, c := range h.parts {
		ctx, cancel := context.WithTimeout(h.Context(), 300*time.Millisecond)
		began := time.Now()
		err := c.Handle(ctx, h.Event())
		cancel()
		if took := time.Since(began); err == nil || permanent(err) || took > 10*time.Second {
			h.Errorf("%s: Handle returned error %v after %v, want a temporary error within 10 s", part, err, took)
		}
		noSecret(h.T, err)
	}
}

// shutdown checks that a consumer that is stopped loses no event. The consumer must finish the events
// that it has begun to handle, and handle the other events when it runs again.
func (h *harness) shutdown() {
	var events []event.Event
	for range 20 {
		events = append(events, h.Event())
	}
	stop := h.start()
	h.publish(events...)
	h.until("an effect of the first event", func() bool { return len(h.Effects()) > 0 })
	stop()
	stopped := h.Effects()

	// A second consumer handles the same events without a stop. The first consumer must have the
	// same effects after its restart.
	uninterrupted := h.another()
	uninterrupted.start()
	for _, e := range events {
		before := uninterrupted.Effects()
		uninterrupted.publish(e)
		uninterrupted.until("an effect of "+e.Type, func() bool { return !slices.Equal(uninterrupted.Effects(), before) })
	}
	want := uninterrupted.settled()

	if later := h.Effects(); !slices.Equal(stopped, later) {
		h.Errorf("the stopped consumer has %d effects, want %d, as when it stopped", len(later), len(stopped))
	}
	h.start()
	got := h.settled()
	if lacking, excess := without(want, got), without(got, want); len(lacking) > 0 || len(excess) > 0 {
		h.Errorf("after a restart, missing effects: %q; unexpected effects: %q", lacking, excess)
	}
}

// without returns the elements of all that are not in others. An element of others cancels one equal
// element of all.
func without(all, others []string) (rest []string) {
	count := map[string]int{}
	for _, s := range others {
		count[s]++
	}
	for _, s := range all {
		if count[s] > 0 {
			count[s]--
		} else {
			rest = append(rest, s)
		}
	}
	return rest
}

// unknownSetting checks that an unknown setting is an error that includes the name of the setting.
func (h *harness) unknownSetting() {
	_, err := h.New(h.host("no_such_setting: 1\n"))
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		h.Errorf("New with an unknown setting: error %v, want one that contains no_such_setting", err)
	}
}

// Goal returns a goal as the parser publishes it, with the current time. Each call returns a goal of a
// different match.
func Goal() event.Event {
	id := event.NewTID()
	return publishable(event.Data{
		League: "MLS", Team: "Toronto FC", Player: "Sebastian Giovinco", Opponent: "New York City FC",
		Side: event.Away, Assist: "Jozy Altidore",
		Sport: event.Soccer, Kind: event.Goal, Action: event.New,
		Incident: event.IncidentID("consumertest", id.String()), Rev: 1, Score: &event.Score{Away: 1}, Clock: minute(6),
		Match: &event.Match{ID: "consumertest-" + id.String(), Home: "New York City FC", Away: "Toronto FC",
			Status: event.Live, Period: event.FirstHalf, Clock: *minute(6)},
		Epoch: id.String(), Seq: 1,
	})
}

// Other returns another goal in the match of goal. A goal with a higher n is later.
func Other(goal event.Event, n int) event.Event {
	d := goal.Data
	d.Kind, d.Action, d.Rev, d.Supersedes, d.Changes, d.Reason = event.Goal, event.New, 1, "", nil, ""
	d.Incident = event.IncidentID("consumertest", d.Match.ID, fmt.Sprint(n))
	d.Player, d.Clock, d.Time, d.Seq = "Jonathan Osorio", minute(10+n), "", d.Seq+int64(10*(n+1))
	d.Score = &event.Score{Away: n + 2}
	return publishable(d)
}

// Corrected returns the correction of a goal. The corrected goal has a different scorer and no assist.
func Corrected(e event.Event) event.Event {
	d := e.Data
	d.Action, d.Rev, d.Seq, d.Supersedes = event.Corrected, d.Rev+1, d.Seq+1, e.ID
	d.Reason = "the page names another scorer"
	d.Changes = map[string]event.Change{"player": {Old: d.Player, New: "Jozy Altidore"}}
	d.Player, d.Assist = "Jozy Altidore", ""
	return publishable(d)
}

// Retracted returns the retraction of a goal.
func Retracted(e event.Event) event.Event {
	d := e.Data
	d.Action, d.Rev, d.Seq, d.Supersedes = event.Retracted, d.Rev+1, d.Seq+1, e.ID
	d.Reason = "the page no longer shows it"
	d.Changes, d.Score = nil, &event.Score{}
	return publishable(d)
}

// minute returns the match clock at a minute of a soccer match.
func minute(m int) *event.Clock {
	c := event.SoccerMinute("", m, 0)
	return &c
}

// publishable returns an event with these facts and the current time.
func publishable(d event.Data) event.Event {
	e, err := event.Of(d.Key(), d, time.Now())
	if err != nil {
		panic(err) // the facts in this file are valid
	}
	e.Source, e.TID = "/parser/consumertest", event.NewTID()
	return e
}
