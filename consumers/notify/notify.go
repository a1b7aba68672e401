// Package notify sends notifications to people. Rules choose events, templates turn them into text,
// and channels send the text: Web Push, webhooks, chat and mail services. Package send has a sender
// for each kind of channel.
//
// Each channel has a queue of its own, so that a slow channel does not delay the others. A channel
// sends each revision of an incident once, also across restarts. If a process is killed, the few
// notifications that it was sending may be sent again, with the same webhook-id or Topic.
//
// Recipients who have been notified of an incident are notified when it is corrected or retracted;
// others get the latest version as news.
//
// Events that are not news are not sent: backfill (what happened before the match was first seen),
// replays of recordings, incidents that the page lists long after they happened, and events that have
// waited too long.
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

// New returns the consumer, with a part for each channel.
func New(h consumers.Host) (consumers.Consumer, error) {
	set, err := read(h)
	if err != nil {
		return consumers.Consumer{}, err
	}
	all := consumers.Consumer{Parts: map[string]consumers.Consumer{}}
	pushes := map[string]*subscribers{}
	for name, c := range set.Channels {
		n, err := set.notifier(name, c, h)
		if err != nil {
			return consumers.Consumer{}, err
		}
		part := consumers.Consumer{Keys: n.keys(), Limit: eventsAtOnce, Timeout: n.timeout(), Once: true, Handle: n.handle}
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
	eventsAtOnce   = 8                // of a channel, in one process
	sendTimeout    = 30 * time.Second // of an event on a channel with one recipient
	severalTimeout = 5 * time.Minute  // of an event on a channel with several recipients
)

// A notifier sends the notifications of one channel.
type notifier struct {
	channel     string
	link        string // of a match, with {match} for its ID; "" for none
	rules       []rule // in order: the first that matches decides
	maxAge      time.Duration
	texts       texts
	language    string // of rules that set none
	sender      send.Sender
	subscribers *subscribers // of a Web Push channel; nil for other channels
	limiter     rateLimiter
	deliveries  deliveries
	log         *slog.Logger
}

// timeout returns how long the channel may take for one event.
func (n *notifier) timeout() time.Duration {
	if n.several() {
		return severalTimeout
	}
	return sendTimeout
}

func (n *notifier) handle(ctx context.Context, e event.Event) error {
	r := firstMatch(n.rules, e)
	if r != nil && r.delay > 0 && n.staleReason(e) == "" {
		if until := e.Time.Add(r.delay); time.Until(until) > 0 {
			// Note the revision, so that an earlier revision still waiting is dropped.
			if err := n.deliveries.see(ctx, e); err != nil {
				return err
			}
			return broker.Postpone(until, "a spoiler delay")
		}
	}
	state, err := n.deliveries.begin(ctx, e)
	switch {
	case errors.Is(err, errSuperseded):
		n.suppressed(ctx, e, "a later revision is known")
		return nil
	case err != nil:
		return err
	}
	defer state.end(ctx)
	reason := n.suppressReason(e, r)
	if r == nil && state.unknown() {
		n.suppressed(ctx, e, reason)
		return state.mute(ctx, reason)
	}
	recipients, err := n.recipients(ctx)
	if err != nil {
		return err
	}
	return n.sendTo(ctx, e, r, reason, recipients, state)
}

// sendTo sends an event to the recipients that it concerns. reason is why recipients who do not know
// its incident do not get it, or "".
func (n *notifier) sendTo(
	ctx context.Context, e event.Event, r *rule, reason string, recipients []recipient, state *incidentState,
) error {
	var to []target
	for _, rec := range recipients {
		if t, ok := state.decideTarget(rec, r != nil && rec.filter.matches(e), reason); ok {
			t.language = cmp.Or(rec.language, n.languageOf(r))
			to = append(to, t)
		}
	}
	if len(to) == 0 {
		n.suppressed(ctx, e, cmp.Or(reason, "no recipient to notify"))
		return state.mute(ctx, reason)
	}
	if n.several() {
		return n.sendToAll(ctx, e, to, state)
	}
	if err := n.limiter.wait(ctx, ""); err != nil {
		return err
	}
	if err := state.expect(ctx, to); err != nil {
		return err
	}
	return n.sendOne(ctx, e, to[0], state)
}

// sendOne sends to one recipient. The caller has a slot of the limiter.
func (n *notifier) sendOne(ctx context.Context, e event.Event, t target, state *incidentState) error {
	text := n.texts.render(e, t.asNews, t.language)
	err := n.sender.Send(ctx, t.address, notification(e, text, !t.asNews, n.link))
	switch {
	case err == nil:
		state.arrived(ctx, t)
		level := slog.LevelInfo
		if n.subscribers != nil { // one of many
			level = slog.LevelDebug
		}
		line := text.Line()
		n.log.Log(ctx, level, "notification", "tid", e.TID, "id", e.ID, "match", e.Subject, "key", e.Type, "text", line)
		trace.From(ctx).Says("sent: " + line)
		return nil
	case errors.Is(err, send.ErrGone):
		return err
	}
	var refused *send.RefusedError
	if errors.As(err, &refused) {
		state.refused(ctx, t)
		if !refused.Until.IsZero() {
			n.limiter.pause(ctx, t.service(), refused.Until)
		}
	}
	return fmt.Errorf("channel %s: %w", n.channel, err)
}

// suppressed logs and traces that an event was not sent.
func (n *notifier) suppressed(ctx context.Context, e event.Event, reason string) {
	n.log.Debug("notification suppressed", "reason", reason, "tid", e.TID, "id", e.ID, "match", e.Subject, "key", e.Type)
	trace.From(ctx).Says("suppressed: " + reason)
}

// languageOf returns the language of a rule, or the default.
func (n *notifier) languageOf(r *rule) string {
	if r == nil { // the notification to correct was sent by a rule that no longer matches
		return n.language
	}
	return r.language
}

// Reasons to suppress an event for recipients who do not know its incident. Recipients who know it
// still get it, which is not so with the other reasons.
const (
	noRule     = "no rule matches"
	quietHours = "quiet hours"
	late       = "listed too late"
)

// suppressReason returns the reason to suppress an event for recipients who do not know its incident,
// or "".
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
	case longPast(e.Data):
		return late
	}
	return ""
}

// longPast reports whether the incident happened more than 15 minutes of play before the event: some
// pages list scorers hours later.
func longPast(d event.Data) bool {
	if d.Clock == nil || d.Match == nil || d.Clock.Minute == 0 || d.Match.Clock.Minute == 0 {
		return false
	}
	return d.Match.Clock.Minute-d.Clock.Minute > 15
}
