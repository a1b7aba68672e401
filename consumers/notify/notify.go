// Package notify tells people: a log line for every event it hears, and a POST
// to a webhook where one is configured. It stays silent about what is no news:
// events from before the match was first seen (backfill), from recordings
// (replay), from long before the page listed them, and those that have waited
// too long to be told.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/trace"
)

// Settings are notify's part of the config.
type Settings struct {
	// Keys are the topic patterns of what is told.
	Keys []string `yaml:"keys"`
	// MaxAge is how long after its page was read an event is still told. An
	// older one waited for a consumer that was away.
	MaxAge strictyaml.Duration `yaml:"max_age"`
	// Webhook is where each notification is POSTed as JSON; none without it.
	Webhook string `yaml:"webhook"`
}

var defaultKeys = []string{
	"*.*.goal", "*.*.goal_corrected", "*.*.goal_retracted", "*.*.red_card",
	"*.*.match_start", "*.*.match_end", "*.*.status_change",
}

const webhookTimeout = 10 * time.Second

type notifier struct {
	hook   *hook // nil without a webhook
	maxAge time.Duration
	log    *slog.Logger
}

// New makes the consumer.
func New(h consumers.Host) (consumers.Consumer, error) {
	set := Settings{Keys: defaultKeys, MaxAge: strictyaml.Duration(time.Hour)}
	if err := h.Settings(&set); err != nil {
		return consumers.Consumer{}, err
	}
	for _, k := range set.Keys {
		if err := event.CheckPattern(k); err != nil {
			return consumers.Consumer{}, fmt.Errorf("keys: %w", err)
		}
	}
	n := &notifier{maxAge: time.Duration(set.MaxAge), log: h.Log}
	if set.Webhook != "" {
		u, err := url.Parse(set.Webhook)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return consumers.Consumer{}, fmt.Errorf("webhook: want http://… or https://…") // the value may hold a secret
		}
		n.hook = &hook{url: set.Webhook, shown: u.Scheme + "://" + u.Host, client: &http.Client{
			Timeout: webhookTimeout,
			// A redirect would carry the notification elsewhere, and the URL with it.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
	}
	return consumers.Consumer{Keys: set.Keys, Limit: 8, Once: true, Handle: n.handle}, nil
}

func (n *notifier) handle(ctx context.Context, e event.Event) error {
	log := n.log.With("tid", e.TID, "id", e.ID, "match", e.Subject, "key", e.Type)
	if why := n.old(e); why != "" {
		log.Debug("notification withheld", "why", why)
		trace.From(ctx).Says("withheld: " + why)
		return nil
	}
	if n.hook != nil {
		if err := n.hook.send(ctx, Notification{Text: Text(e), Event: e}); err != nil {
			return err
		}
	}
	log.Info("notification", "text", Text(e))
	trace.From(ctx).Says("told: " + Text(e))
	return nil
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
		return "long past"
	}
	return ""
}

// longPast reports whether what is told for the first time happened more than
// a quarter of an hour of play ago: some pages list scorers hours later.
func longPast(d event.Data) bool {
	if d.Action != event.New || d.Clock == nil || d.Match == nil || d.Clock.Minute == 0 || d.Match.Clock.Minute == 0 {
		return false
	}
	return d.Match.Clock.Minute-d.Clock.Minute > 15
}
