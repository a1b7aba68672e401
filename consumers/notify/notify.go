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
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	if err != nil {
		return consumers.Consumer{}, err
	}
	all := consumers.Consumer{Parts: map[string]consumers.Consumer{}}
	pushes := map[string]*subscribers{}
	for name, c := range set.Channels {
		n, err := set.notifier(name, c, h, o)
		if err != nil {
			return consumers.Consumer{}, err
		}
		part := consumers.Consumer{
			Keys: n.keys(), Limit: eventsAtOnce, Timeout: n.timeout(), Once: true, Ordered: true,
			Early: n.deliveries.markSeen, Handle: n.handle,
		}
		if len(n.reminders) > 0 {
			part.Run = n.remind
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
	return all, nil
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
	reminders []rule // the rules for notifications before kick-off, in order
	maxAge    time.Duration
	upcoming  func(ctx context.Context, until time.Time) ([]event.Data, error)

	correctionSound send.CorrectionSound

	texts       texts
	language    string // for corrections that match no rule
	sender      send.Sender
	subscribers *subscribers // nil unless this is a Web Push channel
	limiter     rateLimiter
	deliveries  deliveries
	log         *slog.Logger
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
	r := firstMatch(n.rules, e)
	if r != nil && r.delay > 0 && n.staleReason(e) == "" {
		if until := e.Time.Add(r.delay); time.Until(until) > 0 {
			// Store the revision, so that it supersedes a postponed earlier revision.
			if err := n.deliveries.markSeen(ctx, e); err != nil {
				return err
			}
			return broker.Postpone(until, "a spoiler delay")
		}
	}
	state, err := n.deliveries.begin(ctx, e)
	switch {
	case errors.Is(err, errSuperseded):
		n.logSuppressed(ctx, e, "superseded by a later revision")
		return nil
	case err != nil:
		return err
	}
	defer state.end(ctx)
	reason := n.suppressReason(e, r)
	if r == nil && state.unsent() {
		n.logSuppressed(ctx, e, reason)
		return state.suppress(ctx, reason)
	}
	recipients, err := n.recipients(ctx)
	if err != nil {
		return err
	}
	return n.sendTo(ctx, e, r, reason, recipients, state)
}

// sendTo sends an event to the recipients that [incidentState.decideTarget] chooses. r is the rule
// that matches the event, or nil. reason is the reason to suppress the event, or "".
func (n *notifier) sendTo(
	ctx context.Context, e event.Event, r *rule, reason string, recipients []recipient, state *incidentState,
) error {
	var targets []target
	for _, rec := range recipients {
		if t, ok := state.decideTarget(rec, r != nil && rec.filter.matches(e), reason); ok {
			t.language = cmp.Or(rec.language, n.languageOf(r))
			targets = append(targets, t)
		}
	}
	if len(targets) == 0 {
		n.logSuppressed(ctx, e, cmp.Or(reason, "no recipient to notify"))
		return state.suppress(ctx, reason)
	}
	if n.several() {
		due := e.Time
		if r != nil {
			due = due.Add(r.delay)
		}
		return n.sendToAll(ctx, e, due, targets, state)
	}
	if s, ok := n.sender.(send.Spaced); ok && e.Subject != "" {
		if err := n.limiter.space(ctx, e.Subject, s.Spacing()); err != nil {
			return err
		}
	}
	if err := n.limiter.wait(ctx, ""); err != nil {
		return err
	}
	if err := state.recordAttempt(ctx, targets); err != nil {
		return err
	}
	return n.sendOne(ctx, e, targets[0], state)
}

// sendOne sends an event to one recipient and stores the result. If the recipient no longer exists,
// it stores nothing and returns [send.ErrGone]. The caller must have waited for a slot of the limiter.
func (n *notifier) sendOne(ctx context.Context, e event.Event, t target, state *incidentState) error {
	text := n.texts.render(e, t.asNews, t.language)
	note := notification(e, text, !t.asNews, n.link)
	note.Silent = silent(e, note.Replaces, n.correctionSound)
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
		line := text.Line()
		n.log.Log(ctx, level, "notification", "tid", e.TID, "id", e.ID, "match", e.Subject, "key", e.Type, "text", line)
		trace.From(ctx).SetOutcome("sent: " + line)
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

// languageOf returns the language of a rule. If r is nil, it returns the default language.
func (n *notifier) languageOf(r *rule) string {
	if r == nil { // no rule matches the correction, but one matched the original event
		return n.language
	}
	return r.language
}

// These reasons suppress an event only for recipients that were not notified of its incident. All
// other reasons suppress an event for every recipient.
const (
	noRule     = "no rule matches"
	quietHours = "quiet hours"
	late       = "the page listed the incident more than 15 minutes of play after it happened"
)

// suppressReason returns the reason to suppress an event, or "". r is the rule that matches the event,
// or nil.
func (n *notifier) suppressReason(e event.Event, r *rule) string {
	switch {
	case n.staleReason(e) != "":
		return n.staleReason(e)
	case r == nil:
		return noRule
	case r.quiet.at(time.Now()):
		return quietHours
	}
	return ""
}

// staleReason returns the reason why an event is not news, or "".
func (n *notifier) staleReason(e event.Event) string {
	switch {
	case e.Data.Backfill:
		return "backfill"
	case e.Data.Replay:
		return "replay"
	case time.Since(e.Time) > n.maxAge:
		return "old"
	case longPast(e):
		return late
	}
	return ""
}
