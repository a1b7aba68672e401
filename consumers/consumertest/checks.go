package consumertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// twice: queues deliver at least once.
func (b *bench) twice() {
	e := b.Event()
	b.start()
	b.publish(e)
	once := b.settled()
	if len(once) == 0 {
		b.Errorf("%s was acknowledged before it had an effect", e.Type)
	}
	b.publish(e, e)
	if again := b.settled(); !slices.Equal(once, again) {
		b.Errorf("once %q, the same event three times %q", once, again)
	}
}

// corrections: what is corrected and taken back is news that must not be
// refused.
func (b *bench) corrections() {
	goal := b.Event()
	corrected := Corrected(goal)
	retracted := Retracted(corrected)
	if !b.wants(corrected) || !b.wants(retracted) {
		b.Log("not checked: it has not asked for corrections")
		return
	}
	b.start()
	before := b.Effects()
	for _, e := range []event.Event{goal, corrected, retracted} {
		b.publish(e)
		b.until("an effect of "+e.Type, func() bool { return !slices.Equal(b.Effects(), before) })
		before = b.settled()
	}
	if dead := b.dead(); len(dead) > 0 {
		b.Errorf("%d dead letters: %s", len(dead), dead[0].Reason)
	}
}

// anyOrder: a store that is rebuilt from the log gets old events after new ones.
func (b *bench) anyOrder() {
	for _, c := range b.parts {
		if !c.Rebuilds {
			b.Log("not checked: it cannot be rebuilt")
			return
		}
	}
	goal := b.Event()
	corrected := Corrected(goal)
	events := []event.Event{goal, corrected, Retracted(corrected)}
	told := func(b *bench) []string {
		b.start()
		for _, e := range events {
			b.publish(e)
			b.settled()
		}
		return b.Effects()
	}
	want := told(b)
	slices.Reverse(events)
	if got := told(b.another()); len(want) == 0 || !slices.Equal(got, want) {
		b.Errorf("after all events in the other order %q, want %q", got, want)
	}
}

// failure: what may go well the next time is tried again, and then done once.
func (b *bench) failure() {
	if b.Fail == nil {
		b.Log("not checked: nothing that it needs can fail")
		return
	}
	undo := b.Fail()
	e := b.Event()
	for part, c := range b.parts {
		ctx, cancel := context.WithTimeout(event.WithTID(b.Context(), e.TID), 20*time.Second)
		err := c.Handle(ctx, e)
		cancel()
		if err == nil || permanent(err) {
			b.Errorf("%s says %v of a failure that may pass, want an error worth a retry", part, err)
		}
		noSecret(b.T, err)
	}
	b.start()
	b.publish(e)
	b.until("a failed attempt", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.failed > 0
	})
	undo()
	b.until("the effect after the failure", func() bool { return len(b.Effects()) > 0 })
	once := b.settled()
	b.publish(e)
	if again := b.settled(); !slices.Equal(once, again) {
		b.Errorf("after a failure %q, and then %q", once, again)
	}
}

// refusal: what will never go well is not tried again, and holds up nobody.
func (b *bench) refusal() {
	if b.Refuse == nil {
		b.Log("not checked: nothing that it needs can refuse")
		return
	}
	undo := b.Refuse()
	e := b.Event()
	b.start()
	b.publish(e)
	b.until("a dead letter", func() bool { return len(b.dead()) > 0 })
	for _, l := range b.dead() {
		if l.ID != e.ID || l.Attempt != 1 {
			b.Errorf("dead letter %s after %d attempts, want %s after one", l.ID, l.Attempt, e.ID)
		}
		noSecret(b.T, l.Reason)
	}
	undo()
	b.publish(b.Event())
	b.until("the effect of the next event", func() bool { return len(b.Effects()) > 0 })
}

// contextEnd: who is out of time returns, and says that it is not done.
func (b *bench) contextEnd() {
	if b.Hang == nil {
		b.Log("not checked: nothing that it needs can hang")
		return
	}
	undo := b.Hang()
	defer undo()
	for part, c := range b.parts {
		ctx, cancel := context.WithTimeout(b.Context(), 300*time.Millisecond)
		began := time.Now()
		err := c.Handle(ctx, b.Event())
		cancel()
		if took := time.Since(began); err == nil || permanent(err) || took > 10*time.Second {
			b.Errorf("%s returned %v, %v after it began, with 0.3 s to do it", part, err, took)
		}
		noSecret(b.T, err)
	}
}

// drain: what has begun is done before the end, and what has not is done when
// it runs again; nothing is acknowledged and forgotten.
func (b *bench) drain() {
	var events []event.Event
	for range 20 {
		events = append(events, b.Event())
	}
	stop := b.start()
	b.publish(events...)
	b.until("the first effect", func() bool { return len(b.Effects()) > 0 })
	stop()
	at := b.Effects()

	// Meanwhile another one, which is not stopped, handles the same events.
	whole := b.another()
	whole.start()
	for _, e := range events {
		before := whole.Effects()
		whole.publish(e)
		whole.until("an effect of "+e.Type, func() bool { return !slices.Equal(whole.Effects(), before) })
	}
	want := len(whole.settled())

	if later := b.Effects(); !slices.Equal(at, later) {
		b.Errorf("%d effects when it had ended, and %d later", len(at), len(later))
	}
	b.start()
	if got := len(b.settled()); got != want {
		b.Errorf("ended in the middle and started again it has %d effects, without that %d", got, want)
	}
}

// unknownSetting: a word that it does not know is a mistake to be told at start.
func (b *bench) unknownSetting() {
	_, err := b.New(b.host("no_such_setting: 1\n"))
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		b.Errorf("a setting that there is not: %v, want an error that names it", err)
	}
}

// Goal is a goal as the parser says it, of just now; each call makes another.
func Goal() event.Event {
	id := event.NewTID()
	return at(event.Event{Data: event.Data{
		League: "MLS", Team: "Toronto FC", Player: "Sebastian Giovinco", Opponent: "New York City FC", Side: event.Away, Assist: "Jozy Altidore",
		Sport: event.Soccer, Kind: event.Goal, Action: event.New, Incident: event.IncidentID("consumertest", id.String()), Rev: 1, Score: &event.Score{Away: 1}, Clock: minute(6),
		Match: &event.Match{ID: "consumertest-" + id.String(), Home: "New York City FC", Away: "Toronto FC", Status: event.Live, Period: event.FirstHalf, Clock: *minute(6)},
		Epoch: id.String(), Seq: 3,
	}})
}

// Other is another goal of the same match, the nth after it.
func Other(goal event.Event, n int) event.Event {
	d := goal.Data
	d.Kind, d.Action, d.Rev, d.Supersedes, d.Changes, d.Reason = event.Goal, event.New, 1, "", nil, ""
	d.Incident = event.IncidentID("consumertest", d.Match.ID, fmt.Sprint(n))
	d.Player, d.Clock, d.Time, d.Seq = "Jonathan Osorio", minute(10+n), "", d.Seq+int64(10*(n+1))
	d.Score = &event.Score{Away: n + 2}
	return at(event.Event{Data: d})
}

// Corrected is the same goal with another scorer, Retracted the news that it
// was taken back.
func Corrected(e event.Event) event.Event {
	d := e.Data
	d.Action, d.Rev, d.Seq, d.Supersedes, d.Reason = event.Corrected, d.Rev+1, d.Seq+1, e.ID, "the page names another scorer"
	d.Changes = map[string]event.Change{"player": {Old: d.Player, New: "Jozy Altidore"}}
	d.Player, d.Assist = "Jozy Altidore", ""
	return at(event.Event{Data: d})
}

func Retracted(e event.Event) event.Event {
	d := e.Data
	d.Action, d.Rev, d.Seq, d.Supersedes, d.Reason = event.Retracted, d.Rev+1, d.Seq+1, e.ID, "the page no longer shows it"
	d.Changes, d.Score = nil, &event.Score{}
	return at(event.Event{Data: d})
}

func minute(m int) *event.Clock {
	c := event.SoccerMinute("", m, 0)
	return &c
}

// at is the event of these facts, read from a page now.
func at(e event.Event) event.Event {
	made, err := event.Of(event.Key(e.Data.Sport, e.Data.League, e.Data.Kind.Word(e.Data.Action)), e.Data, time.Now())
	if err != nil {
		panic(err) // a mistake above
	}
	made.Source, made.TID = "/parser/consumertest", event.NewTID()
	return made
}
