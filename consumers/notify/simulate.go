package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/ratelimit"
)

// A simulation finds out what channels do with recorded events. It makes the decisions of the consumer at
// the times of the recording, sends nothing, and stores what it would have sent in memory.
type simulation struct {
	channels []*simulatedChannel
	rows     []*previewRow
	at       time.Time    // of the latest page
	upcoming []event.Data // matches that had not begun at that time
}

// A previewRow is an event with what each channel does.
type previewRow struct {
	Event    event.Event `json:"event"`
	Channels []*outcome  `json:"channels"`
}

// An outcome is what a channel does with an event.
type outcome struct {
	Channel    string          `json:"channel"`
	Sent       bool            `json:"sent"`
	Rule       string          `json:"rule,omitempty"`       // that matches the event
	At         time.Time       `json:"at,omitzero"`          // when the notification is sent
	Waited     string          `json:"waited,omitempty"`     // why At is later than the event
	Recipients int             `json:"recipients,omitempty"` // number of mailboxes; otherwise 1
	Title      string          `json:"title,omitempty"`
	Body       string          `json:"body,omitempty"`
	Text       string          `json:"text,omitempty"` // title and body on one line
	Silent     bool            `json:"silent,omitempty"`
	Request    json.RawMessage `json:"request,omitempty"` // what a webhook with the setting body sends instead
	Reason     string          `json:"reason,omitempty"`  // why nothing is sent, or why a correction is sent

	mismatches mismatches
}

// mismatches holds the first member of each rule that does not match an event, by the name of the rule.
type mismatches map[string]string

// String returns the rules in the order of the config, like "rules[0]: kinds; rules[2]: teams".
func (m mismatches) String() string {
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	var all []string
	for _, name := range names {
		all = append(all, name+": "+m[name])
	}
	return strings.Join(all, "; ")
}

// followsUp is the reason to notify a recipient of a correction or a retraction.
const followsUp = "follows up an earlier notification"

// A simulatedChannel is a channel of a simulation.
type simulatedChannel struct {
	*notifier
	bindings  []string                   // topic patterns of the channel's queue
	seen      map[string]int             // the highest revision that was received, by incident
	histories map[string]*history        // by incident
	queues    map[string][]*pending      // the events that have not been handled yet, by match
	received  int                        // number of events that were queued
	slots     ratelimit.Local            // for the rate of the channel
	spaces    map[string]ratelimit.Local // for the time between two notifications of a match
}

// A pending is an event that a channel has not handled yet.
type pending struct {
	*outcome
	event event.Event
	rule  *rule // that matches the event, or nil
	due   time.Time
	order int // position among the events of the channel
}

// newSimulation returns a simulation of the channels of a plan. If only is not "", it simulates only this
// channel.
func newSimulation(p plan, h consumers.Host, only string) (*simulation, error) {
	s := &simulation{}
	for _, name := range slices.Sorted(maps.Keys(p.Channels)) {
		if only != "" && name != only {
			continue
		}
		n, err := p.notifier(name, p.Channels[name], h, send.Options{})
		if err != nil {
			return nil, err
		}
		s.channels = append(s.channels, &simulatedChannel{
			notifier: n, bindings: n.keys(), seen: map[string]int{}, histories: map[string]*history{},
			queues: map[string][]*pending{}, spaces: map[string]ratelimit.Local{},
		})
	}
	return s, nil
}

// page handles a page of the recording. Pages must have ascending times.
func (s *simulation) page(ctx context.Context, p consumers.ReplayedPage) (err error) {
	if err := s.advance(ctx, p.At); err != nil {
		return err
	}
	for _, e := range p.Events {
		row := &previewRow{Event: e}
		s.rows = append(s.rows, row)
		for _, c := range s.channels {
			row.Channels = append(row.Channels, c.receive(e))
		}
	}
	s.at = p.At
	if slices.ContainsFunc(s.channels, func(c *simulatedChannel) bool { return len(c.reminders) > 0 }) {
		s.upcoming, err = p.Upcoming(ctx, forever)
	}
	return err
}

// forever is a time after all pages and all kick-offs.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// end handles what is due after the last page. It orders the rows by time.
func (s *simulation) end(ctx context.Context) error {
	err := s.advance(ctx, forever)
	slices.SortStableFunc(s.rows, func(a, b *previewRow) int { return a.Event.Time.Compare(b.Event.Time) })
	return err
}

// advance handles what is due until a time.
func (s *simulation) advance(ctx context.Context, until time.Time) error {
	reminders := map[string]*previewRow{} // by event ID and time
	for _, c := range s.channels {
		for _, d := range s.upcoming {
			all, err := c.remindersUntil(d, s.at, until)
			if err != nil {
				return err
			}
			for _, r := range all {
				key := r.event.ID + r.event.Time.String()
				if reminders[key] == nil {
					reminders[key] = &previewRow{Event: r.event}
					s.rows = append(s.rows, reminders[key])
				}
				reminders[key].Channels = append(reminders[key].Channels, c.enqueue(r.event.ID, r.event, r.rule))
			}
		}
		if err := c.run(ctx, until); err != nil {
			return err
		}
	}
	return nil
}

// remindersUntil returns the notifications before the kick-off of d that become due between two times, and
// that the channel has not handled. The consumer tries again until the quiet hours end.
func (c *simulatedChannel) remindersUntil(d event.Data, from, until time.Time) (all []dueReminder, err error) {
	start := d.Match.Start
	for i := range c.reminders {
		r := &c.reminders[i]
		at := start.Add(-r.before)
		if at.Before(from) {
			at = from
		}
		due := at
		for due.Before(start) && r.quiet.at(due) {
			due = due.Truncate(time.Minute).Add(time.Minute)
		}
		if due.Before(start) {
			at = due
		}
		if at.After(until) || !at.Before(start) {
			continue
		}
		found, err := c.dueReminders(d, at)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if id, _ := incidentOf(f.event); f.rule == r && c.seen[id] == 0 {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// receive queues an event. It returns the outcome, which run completes.
func (c *simulatedChannel) receive(e event.Event) *outcome {
	r := firstMatch(c.rules, e)
	if event.MatchAny(c.bindings, e.Type) {
		return c.enqueue(e.Subject, e, r)
	}
	o := &outcome{Channel: c.channel, Reason: noRule}
	c.explain(o, e)
	return o
}

// enqueue queues an event of a match. Events with the same value of queue are handled in order.
func (c *simulatedChannel) enqueue(queue string, e event.Event, r *rule) *outcome {
	id, rev := incidentOf(e)
	c.seen[id] = max(c.seen[id], rev) // see deliveries.markSeen
	p := &pending{outcome: &outcome{Channel: c.channel}, event: e, rule: r, due: e.Time, order: c.received}
	c.received++
	if r != nil {
		p.Rule = r.name()
	}
	c.queues[queue] = append(c.queues[queue], p)
	return p.outcome
}

// run handles the events that are due until a time.
func (c *simulatedChannel) run(ctx context.Context, until time.Time) error {
	for {
		queue := ""
		var next *pending
		for name, all := range c.queues {
			p := all[0]
			if p.due.After(until) {
				continue
			}
			if next == nil || p.due.Before(next.due) || p.due.Equal(next.due) && p.order < next.order {
				queue, next = name, p
			}
		}
		if next == nil {
			return nil
		}
		again, err := c.handle(ctx, next)
		if err != nil {
			return err
		}
		if !again.IsZero() {
			next.due = again
			continue
		}
		c.explain(next.outcome, next.event)
		rest := c.queues[queue][1:]
		if c.queues[queue] = rest; len(rest) == 0 {
			delete(c.queues, queue)
		} else if rest[0].due.Before(next.due) {
			rest[0].due, rest[0].Waited = next.due, "an earlier event of the match waited"
		}
	}
}

// handle handles an event as [notifier.handleWith] does. If the event is postponed, handle returns the time
// of the next attempt.
func (c *simulatedChannel) handle(ctx context.Context, p *pending) (again time.Time, err error) {
	id, rev := incidentOf(p.event)
	if c.seen[id] > rev {
		p.Reason = superseded
		return again, nil
	}
	h := c.histories[id]
	if h == nil {
		first := newHistory(p.event, rev)
		h = &first
		c.histories[id] = h
	}
	h.e, h.rev = p.event, rev
	d, err := c.decide(p.event, p.rule, h, p.due, func() ([]recipient, error) { return c.allRecipients(ctx) })
	switch {
	case err != nil:
		return again, err
	case !d.until.IsZero():
		p.Waited = d.reason
		return d.until, nil
	case len(d.targets) == 0:
		if p.Reason = d.reason; h.suppressedBy(d.reason) {
			h.suppressed = d.reason
		}
		return again, nil
	}
	for _, t := range d.targets {
		wait, ok := c.reserve(p.event, p.due)
		if !ok {
			p.Waited = rateReached
			return p.due.Add(wait), nil
		}
		if err := c.send(p, t, p.due.Add(wait)); err != nil {
			return again, err
		}
		h.delivered[t.id] = rev
	}
	return again, nil
}

// allRecipients returns the recipients of the channel. The subscriptions of a Web Push channel are in Redis, so
// a recipient without a filter stands for all browsers.
func (c *simulatedChannel) allRecipients(ctx context.Context) ([]recipient, error) {
	if c.subscribers != nil {
		return []recipient{{}}, nil
	}
	return c.recipients(ctx)
}

// reserve returns how long the channel waits at the time now before it sends. ok is false if the channel
// decides again after the wait.
func (c *simulatedChannel) reserve(e event.Event, now time.Time) (wait time.Duration, ok bool) {
	space := c.spaces[e.Subject]
	wait, verdict := space.Reserve(now, spacingRequest(c.spacing(e)))
	c.spaces[e.Subject] = space
	if verdict != ratelimit.Reserved {
		return wait, false
	}
	more, verdict := c.slots.Reserve(now.Add(wait), c.limiter.rateRequest())
	return wait + more, verdict == ratelimit.Reserved
}

// send completes the outcome of an event that is sent to a target at a time.
func (c *simulatedChannel) send(p *pending, t target, at time.Time) (err error) {
	note := c.compose(p.event, t)
	p.Sent, p.At = true, at
	p.Recipients++
	p.Title, p.Body, p.Text, p.Silent = note.Title, note.Body, note.Text, note.Silent
	if !t.asNews {
		p.Reason = followsUp
	}
	if f, ok := c.sender.(send.Formatter); ok {
		p.Request, err = f.Format(note)
	}
	return err
}

// explain adds to an outcome which rules do not match, if that is its reason.
func (c *simulatedChannel) explain(o *outcome, e event.Event) {
	if o.Reason != noRule {
		return
	}
	if len(c.rules) == 0 {
		o.Reason = "each rule of the channel has before"
		return
	}
	o.mismatches = mismatchesOf(c.rules, e)
	o.Reason = whyNoRule(c.rules, e)
}

// mismatchesOf returns why none of rules matches an event.
func mismatchesOf(rules []rule, e event.Event) mismatches {
	all := mismatches{}
	for i := range rules {
		all[rules[i].name()] = rules[i].mismatch(e)
	}
	return all
}

// whyNoRule returns [noRule] with the first member of each rule that does not match an event.
func whyNoRule(rules []rule, e event.Event) string {
	if len(rules) == 0 {
		return noRule
	}
	return fmt.Sprintf("%s (%v)", noRule, mismatchesOf(rules, e))
}
