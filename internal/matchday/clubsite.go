package matchday

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// clubSite is the name of the consumer of the day whose first event becomes a dead letter.
const clubSite = "club-site"

// newClubSite returns a consumer that stands for the site of a club. The site does not know the scorer of the first
// goal, so the event becomes a dead letter. When the dead letter is replayed, the site accepts it. onRefuse is called
// before the event is refused.
func newClubSite(onRefuse func(event.Event)) (consumers.Consumer, error) {
	var mu sync.Mutex
	failed := false
	return consumers.Consumer{Keys: []string{"soccer.mls.goal"}, Handle: func(_ context.Context, e event.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if failed {
			return nil
		}
		failed = true
		onRefuse(e)
		return broker.Permanent(fmt.Errorf("the site of the club answered 422: unknown player %q", e.Data.Player))
	}}, nil
}

// A clubSiteLog is a handler of log records without the errors about the dead letter of the club's site, which is there
// on purpose.
type clubSiteLog struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h clubSiteLog) Handle(ctx context.Context, r slog.Record) error {
	expected := false
	r.Attrs(func(a slog.Attr) bool {
		expected = r.Level == slog.LevelError && a.Key == "queue" && a.Value.String() == consumers.QueueName(clubSite)
		return !expected
	})
	if expected {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h clubSiteLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return clubSiteLog{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h clubSiteLog) WithGroup(name string) slog.Handler {
	return clubSiteLog{h.Handler.WithGroup(name)}
}
