package pipeline

import (
	"context"
	"log/slog"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// Tail reads new events until ctx ends or onEvent returns an error. It calls onReady when it starts to
// read new events. It calls onEvent for each event that matches a pattern, with the event and its encoded form.
func Tail(ctx context.Context, s Servers, namespace string, patterns []string, log *slog.Logger,
	onReady func(), onEvent func(event.Event, []byte) error) error {
	for _, p := range patterns {
		if err := event.CheckTopic(p); err != nil {
			return UsageError(err)
		}
	}
	b, err := s.ConnectBroker(ctx, namespace, log)
	if err != nil {
		return err
	}
	defer b.Close()
	caughtUp, done := make(chan struct{}), make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-caughtUp:
			onReady()
		case <-done:
		}
	}()
	return b.ReadLog(ctx, broker.End, caughtUp, func(_ broker.Cursor, m broker.Message) error {
		if !event.MatchAny(patterns, m.Key) {
			return nil
		}
		e, err := event.Decode(m.Body)
		if err != nil {
			log.Warn("cannot decode message as event", "key", m.Key, "error", err)
			return nil
		}
		return onEvent(e, m.Body)
	})
}
