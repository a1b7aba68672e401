// Package notify sends notifications to people. Rules choose events, templates turn them into text,
// and channels send the text: Web Push, webhooks, ntfy, chat and mail services.
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
	"net/url"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
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
		part := consumers.Consumer{Keys: n.keys(), Limit: n.atOnce(), Timeout: sendTimeout, Once: true, Handle: n.handle}
		if n.push != nil {
			pushes[name] = n.push.subscribers
			part.Timeout = pushTimeout
		}
		all.Parts[name] = part
	}
	if len(pushes) > 0 {
		all.Serve = serve(pushes)
	}
	return all, nil
}

const (
	sendTimeout = 30 * time.Second // of an event on a channel, and of a call
	pushTimeout = 5 * time.Minute  // of an event on a channel with many recipients
)

// atOnce returns how many events the channel handles at a time.
func (n *notifier) atOnce() int {
	if _, ok := n.sender.(*shoutrrr); ok {
		return 1 // its services support one call at a time
	}
	return 8
}

// A notifier sends the notifications of one channel.
type notifier struct {
	channel    string
	link       string // of a match, with {match} for its ID; "" for none
	rules      []rule // in order: the first that matches decides
	maxAge     time.Duration
	texts      texts
	speaks     string // the language if no rule sets one
	sender     sender
	push       *push // the sender, if it is one
	limiter    rateLimiter
	deliveries deliveries
	log        *slog.Logger
}

// A sender sends a notification to one recipient. If trying again cannot help, or has to wait, the
// error wraps one of package broker. A [refusedError] means that the notification has not arrived.
type sender interface {
	send(ctx context.Context, to recipient, n Notification) error
}

// A recipient is one of the recipients of a channel. A channel that does not distinguish recipients
// has a single one, without an ID.
type recipient struct {
	id       string
	filter   filter // in addition to the rule's
	language string // "" means the rule's
	push     subscription
}

// service returns the host of the recipient's push service, or "".
func (r recipient) service() string {
	u, err := url.Parse(r.push.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

// errGone reports that a recipient no longer exists.
var errGone = errors.New("the recipient no longer exists")

func (n *notifier) handle(ctx context.Context, e event.Event) error {
	r := firstMatch(n.rules, e)
	if r != nil && r.delay > 0 && n.whyOld(e) == "" {
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
		n.withheld(ctx, e, "a later revision is known")
		return nil
	case err != nil:
		return err
	}
	defer state.end(ctx)
	why := n.whyWithheld(e, r)
	if r == nil && state.unknown() {
		n.withheld(ctx, e, why)
		return state.mute(ctx, why)
	}
	recipients := []recipient{{}}
	if n.push != nil {
		if recipients, err = n.push.subscribers.list(ctx); err != nil {
			return err
		}
	}
	return n.sendTo(ctx, e, r, why, recipients, state)
}

// sendTo sends to those of the recipients that the event concerns. why is the reason to withhold it from
// recipients who do not know its incident, or "".
func (n *notifier) sendTo(ctx context.Context, e event.Event, r *rule, why string, recipients []recipient, state *incidentState) error {
	var to []target
	for _, rec := range recipients {
		if t, ok := state.decideTarget(rec, r != nil && rec.filter.matches(e), why); ok {
			t.language = cmp.Or(rec.language, n.language(r))
			to = append(to, t)
		}
	}
	if len(to) == 0 {
		n.withheld(ctx, e, cmp.Or(why, "nobody is concerned"))
		return state.mute(ctx, why)
	}
	if n.push != nil {
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
	text := n.texts.say(e, t.asNews, t.language)
	err := n.sender.send(ctx, t.recipient, notification(e, text, !t.asNews, n.link))
	switch {
	case err == nil:
		state.arrived(ctx, t)
		level := slog.LevelInfo
		if n.push != nil { // one of many
			level = slog.LevelDebug
		}
		n.log.Log(ctx, level, "notification", "tid", e.TID, "id", e.ID, "match", e.Subject, "key", e.Type, "text", text.Line())
		trace.From(ctx).SetOutcome("told: " + text.Line())
		return nil
	case errors.Is(err, errGone):
		return err
	}
	var refused *refusedError
	if errors.As(err, &refused) {
		state.refused(ctx, t)
		if !refused.until.IsZero() {
			n.limiter.pause(ctx, t.service(), refused.until)
		}
	}
	return fmt.Errorf("channel %s: %w", n.channel, err)
}

// withheld logs and traces that an event was not sent.
func (n *notifier) withheld(ctx context.Context, e event.Event, why string) {
	n.log.Debug("notification withheld", "why", why, "tid", e.TID, "id", e.ID, "match", e.Subject, "key", e.Type)
	trace.From(ctx).SetOutcome("withheld: " + why)
}

// language returns the language of a rule, or the default.
func (n *notifier) language(r *rule) string {
	if r == nil { // the notification to correct was sent by a rule that no longer matches
		return n.speaks
	}
	return r.language
}

// Reasons to withhold an event from recipients who do not know its incident. Those who know it are
// still notified, unlike with the other reasons.
const (
	noRule     = "no rule wants it"
	quietHours = "quiet hours"
	late       = "long past"
)

// whyWithheld returns the reason to withhold an event from recipients who do not know its incident, or
// "".
func (n *notifier) whyWithheld(e event.Event, r *rule) string {
	switch {
	case n.whyOld(e) != "":
		return n.whyOld(e)
	case r == nil:
		return noRule
	case r.quiet.at(time.Now()):
		return quietHours
	}
	return ""
}

// whyOld returns the reason why an event is not news, or "".
func (n *notifier) whyOld(e event.Event) string {
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
