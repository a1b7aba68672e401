// Package notify sends notifications to people. Rules choose events, texts turn events into
// text, and channels send the text: Web Push, webhooks, chat and mail services. Package send has a
// sender for each kind of channel.
//
// Each channel has its own queue, so a slow channel does not delay the others. A channel sends each
// revision of an incident once, even if processes restart. If a process is killed, the few
// notifications that it was sending may be sent again, with the same webhook-id (webhooks) or Topic
// (Web Push).
//
// A recipient that was notified of an incident is also notified of its corrections and its
// retraction. Other recipients get a correction as news if a rule matches it, and get no retraction.
//
// Events that are not news are suppressed: backfill (incidents from before matchwire first read the
// match), replays of recordings, incidents that the page lists long after they happened, and events
// older than max_age.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
)

// New returns the consumer. It has a part for each channel.
func New(h consumers.Host) (consumers.Consumer, error) { return newConsumer(h, options) }

// With returns a function like [New], whose senders call services with options.
func With(o send.Options) consumers.Maker {
	return func(h consumers.Host) (consumers.Consumer, error) { return newConsumer(h, o) }
}

func newConsumer(h consumers.Host, o send.Options) (consumers.Consumer, error) {
	set, err := read(h)
	faults := []error{err}
	all := consumers.Consumer{Parts: map[string]consumers.Consumer{}}
	pushes := map[string]*subscribers{}
	for name, c := range set.Channels {
		n, err := set.notifier(name, c, h, o)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		part := consumers.Consumer{
			Keys: n.keys(), Limit: eventsAtOnce, Timeout: n.timeout(), Once: true, Ordered: true,
			Early: n.deliveries.markSeen, Handle: n.handle, Run: n.run, Test: n.samples.ask,
			Skipped: func(e event.Event) string { return "suppressed: " + whyNoRule(n.rules, e) },
		}
		if len(n.rules) == 0 { // only reminders: the exchange has no events of this kind
			part.Keys, part.Ordered, part.Early = []string{"*.*." + string(kickoffSoon)}, false, nil
		}
		if n.subscribers != nil {
			pushes[name] = n.subscribers
		}
		all.Parts[name] = part
	}
	if len(pushes) > 0 {
		all.Serve = serve(pushes)
	}
	return all, errors.Join(faults...)
}

const (
	eventsAtOnce   = 8                // maximum number of events that one process handles concurrently on a channel
	sendTimeout    = 30 * time.Second // time limit for an event on a channel with one recipient
	severalTimeout = 5 * time.Minute  // time limit for an event on a channel with several recipients
)

// A notifier sends the notifications of one channel.
type notifier struct {
	channel   string
	link      string // URL of a match page, with {match} for the match ID; "" for none
	rules     []rule // in order; the first rule that matches an event applies
	reminders []rule // the rules with before, in order
	maxAge    time.Duration
	upcoming  func(ctx context.Context, until time.Time) ([]event.Data, error)

	correctionSound send.CorrectionSound

	texts    texts
	language string // for corrections that match no rule
	// firstLanguage is the language of the first rule, which can be a reminder. It is for tests.
	firstLanguage string
	samples       sampleRequests

	sender      send.Sender
	subscribers *subscribers // nil unless this is a Web Push channel
	limiter     rateLimiter
	deliveries  deliveries
	log         *slog.Logger
}

// run sends the notifications before kick-off and the tests that operators ask for, until ctx ends.
func (n *notifier) run(ctx context.Context) error {
	var testing sync.WaitGroup
	defer testing.Wait()
	if n.samples.redis != nil {
		testing.Go(func() { n.serveSamples(ctx) })
	}
	if len(n.reminders) == 0 {
		return nil
	}
	return n.remind(ctx)
}

// timeout returns the time limit for one event.
func (n *notifier) timeout() time.Duration {
	if n.several() {
		return severalTimeout
	}
	return sendTimeout
}

// handle sends the notifications of an event, or suppresses or postpones the event.
func (n *notifier) handle(ctx context.Context, e event.Event) error {
	return n.handleWith(ctx, n.deliveries, e, firstMatch(n.rules, e))
}

// handleWith handles an event. r is the rule that matches the event, or nil.
func (n *notifier) handleWith(ctx context.Context, stored deliveries, e event.Event, r *rule) error {
	// begin stores the revision, so that a postponed event supersedes earlier revisions.
	state, err := stored.begin(ctx, e)
	switch {
	case errors.Is(err, errSuperseded):
		n.logSuppressed(ctx, e, superseded)
		return nil
	case err != nil:
		return err
	}
	defer state.end(ctx)
	d, err := n.decide(e, r, &state.history, time.Now(), func() ([]recipient, error) { return n.recipients(ctx) })
	switch {
	case err != nil:
		return err
	case !d.until.IsZero():
		return broker.Postpone(d.until, d.reason)
	case len(d.targets) == 0:
		reason := d.reason
		if reason == noRule {
			reason = whyNoRule(n.rules, e)
		}
		n.logSuppressed(ctx, e, reason)
		return state.suppress(ctx, d.reason)
	}
	return n.sendTo(ctx, e, d, state)
}

// sendTo sends an event to the targets of a decision.
func (n *notifier) sendTo(ctx context.Context, e event.Event, d decision, state *incidentState) error {
	if n.several() {
		due := e.Time
		if d.rule != nil {
			due = due.Add(d.rule.delay)
		}
		return n.sendToAll(ctx, e, due, d.targets, state)
	}
	if gap := n.spacing(e); gap > 0 {
		if err := n.limiter.space(ctx, e.Subject, gap); err != nil {
			return err
		}
	}
	if err := n.limiter.wait(ctx, ""); err != nil {
		return err
	}
	if err := state.recordAttempt(ctx, d.targets); err != nil {
		return err
	}
	return n.sendOne(ctx, e, d.targets[0], state)
}

// spacing returns the shortest time between two notifications of the match of an event, or 0.
func (n *notifier) spacing(e event.Event) time.Duration {
	if s, ok := n.sender.(send.Spaced); ok && e.Subject != "" {
		return s.Spacing()
	}
	return 0
}

// compose returns the notification of an event for a target.
func (n *notifier) compose(e event.Event, t target) Notification {
	note := notification(e, n.texts.render(e, t.asNews, t.language), !t.asNews, n.link)
	note.Silent = silent(e, note.Replaces, n.correctionSound)
	return note
}

// sendOne sends an event to one recipient and stores the result. If the recipient no longer exists,
// it stores nothing and returns [send.ErrGone]. The caller must have waited for a slot of the limiter.
func (n *notifier) sendOne(ctx context.Context, e event.Event, t target, state *incidentState) error {
	note := n.compose(e, t)
	err := n.sender.Send(ctx, t.address, note)
	switch {
	case err == nil:
		state.markDelivered(ctx, t)
		if t.unproven {
			n.subscribers.proved(ctx, t.id)
		}
		level := slog.LevelInfo
		if n.subscribers != nil { // a Web Push channel can have thousands of recipients
			level = slog.LevelDebug
		}
		n.log.Log(ctx, level, "notification", "tid", e.TID, "id", e.ID, "match", e.Subject, "key", e.Type, "text", note.Text)
		trace.From(ctx).SetOutcome("sent: " + note.Text)
		return nil
	case errors.Is(err, send.ErrGone):
		return err
	}
	var refused *send.RefusedError
	if errors.As(err, &refused) {
		state.markRefused(ctx, t)
		if !refused.Until.IsZero() {
			n.limiter.pause(ctx, t.service(), refused.Until)
		}
	}
	return fmt.Errorf("channel %s: %w", n.channel, err)
}

// logSuppressed logs why an event was suppressed, and sets the reason as the outcome in its trace.
func (n *notifier) logSuppressed(ctx context.Context, e event.Event, reason string) {
	n.log.Debug("notification suppressed", "reason", reason, "tid", e.TID, "id", e.ID, "match", e.Subject, "key", e.Type)
	trace.From(ctx).SetOutcome("suppressed: " + reason)
}
