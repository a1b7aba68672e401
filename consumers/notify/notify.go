// Package notify tells people. Rules choose events, templates put them into
// words, and channels take them to where people are: Web Push, webhooks, ntfy,
// chat and mail services.
//
// Each channel has a queue of its own, so that a slow one holds up no other. A
// channel is told of an incident once for each revision, also over restarts: the
// few alerts under way when a process is killed may be sent once more, under the
// same webhook-id or Topic. Only who was told of something is told that it was
// corrected or taken back, and who was not yet, is told at once how it stands.
//
// Nobody is told what is no news: what happened before the match was first seen
// (backfill), recordings (replay), what the page lists long after it happened,
// and what has waited too long to be told.
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

// New makes the consumer: a part for each channel.
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
	pushTimeout = 5 * time.Minute  // where many are to be told
)

// atOnce is how many events are told at the same time.
func (n *notifier) atOnce() int {
	if _, ok := n.send.(*shoutrrr); ok {
		return 1 // its services are made for one call at a time
	}
	return 8
}

// A notifier tells one channel.
type notifier struct {
	channel string
	link    string // of a match, with {match} for its ID; "" for none
	rules   []rule // in order: the first that matches speaks
	maxAge  time.Duration
	texts   texts
	speaks  string // the language where no rule says otherwise
	send    sender
	push    *push // send, where it is one
	limiter rateLimiter
	told    told
	log     *slog.Logger
}

// A sender takes a notification to one recipient. An error says by its marks
// whether trying again can help, and by [refusedError] that it has not arrived.
type sender interface {
	send(ctx context.Context, to recipient, n Notification) error
}

// A recipient is whoever is told apart from others on the same channel. One
// without an ID is all there is on a channel.
type recipient struct {
	id       string
	filter   filter // besides the rule's
	language string // "" is the rule's
	push     subscription
}

// service is the host that is called for a recipient, where there are several.
func (r recipient) service() string {
	u, err := url.Parse(r.push.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

// errGone says that a recipient is there no more.
var errGone = errors.New("the recipient is there no more")

func (n *notifier) handle(ctx context.Context, e event.Event) error {
	r := firstMatch(n.rules, e)
	if r != nil && r.delay > 0 && n.old(e) == "" {
		if until := e.Time.Add(r.delay); time.Until(until) > 0 {
			if err := n.told.see(ctx, e); err != nil { // what waits as well and is superseded by it is told nobody
				return err
			}
			return broker.Postpone(until, "a spoiler delay")
		}
	}
	state, err := n.told.begin(ctx, e)
	switch {
	case errors.Is(err, errSuperseded):
		n.withheld(ctx, e, "a later revision is known")
		return nil
	case err != nil:
		return err
	}
	defer state.end(ctx)
	if why := n.why(e, r); r == nil && state.nobody() {
		n.withheld(ctx, e, why)
		return state.hold(ctx, why)
	}
	recipients := []recipient{{}}
	if n.push != nil {
		if recipients, err = n.push.subscribers.list(ctx); err != nil {
			return err
		}
	}
	return n.tell(ctx, e, r, recipients, state)
}

// tell tells those whom it concerns.
func (n *notifier) tell(ctx context.Context, e event.Event, r *rule, recipients []recipient, state *toldState) error {
	why := n.why(e, r)
	var to []target
	for _, rec := range recipients {
		if t, ok := state.target(rec, r != nil && rec.filter.matches(e), why); ok {
			t.language = cmp.Or(rec.language, n.language(r))
			to = append(to, t)
		}
	}
	if len(to) == 0 {
		n.withheld(ctx, e, cmp.Or(why, "nobody is concerned"))
		return state.hold(ctx, why)
	}
	if n.push != nil {
		return n.many(ctx, e, to, state)
	}
	if err := n.limiter.wait(ctx, ""); err != nil {
		return err
	}
	if err := state.expect(ctx, to); err != nil {
		return err
	}
	return n.one(ctx, e, to[0], state)
}

// one sends to one recipient. The caller holds a slot of the limiter.
func (n *notifier) one(ctx context.Context, e event.Event, t target, state *toldState) error {
	text := n.texts.say(e, t.asNews, t.language)
	err := n.send.send(ctx, t.recipient, notification(e, text, !t.asNews, n.link))
	switch {
	case err == nil:
		state.arrived(ctx, t)
		level := slog.LevelInfo
		if n.push != nil { // one of many
			level = slog.LevelDebug
		}
		n.log.Log(ctx, level, "notification", "tid", e.TID, "id", e.ID, "match", e.Subject, "key", e.Type, "text", text.Line())
		trace.From(ctx).Says("told: " + text.Line())
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

func (n *notifier) withheld(ctx context.Context, e event.Event, why string) {
	n.log.Debug("notification withheld", "why", why, "tid", e.TID, "id", e.ID, "match", e.Subject, "key", e.Type)
	trace.From(ctx).Says("withheld: " + why)
}

func (n *notifier) language(r *rule) string {
	if r == nil { // what was told by a rule that no longer wants it
		return n.speaks
	}
	return r.language
}

// Why an event is told nobody who has not been told of its incident, where that
// does not make it old.
const (
	noRule     = "no rule wants it"
	quietHours = "quiet hours"
	late       = "long past"
)

// why says why an event is told nobody who has not been told of its incident.
func (n *notifier) why(e event.Event, r *rule) string {
	switch {
	case n.old(e) != "":
		return n.old(e)
	case r == nil:
		return noRule
	case r.quiet.at(time.Now()):
		return quietHours
	}
	return ""
}

// old says why an event is no news, or "".
func (n *notifier) old(e event.Event) string {
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

// longPast reports whether what is told for the first time happened more than
// a quarter of an hour of play ago: some pages list scorers hours later.
func longPast(d event.Data) bool {
	if d.Clock == nil || d.Match == nil || d.Clock.Minute == 0 || d.Match.Clock.Minute == 0 {
		return false
	}
	return d.Match.Clock.Minute-d.Clock.Minute > 15
}
