package pipeline

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
)

// Tail calls each for every event that is published from now on and matches
// one of the patterns, until ctx ends. listening is called when it begins.
func Tail(ctx context.Context, s Servers, namespace string, patterns []string, log *slog.Logger,
	listening func(), each func(event.Event, []byte) error) error {
	for _, p := range patterns {
		if err := event.CheckPattern(p); err != nil {
			return Misuse(err)
		}
	}
	b, err := s.Broker(namespace, log)
	if err != nil {
		return err
	}
	defer b.Close()
	caughtUp, done := make(chan struct{}), make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-caughtUp:
			listening()
		case <-done:
		}
	}()
	return b.ReadLog(ctx, broker.End, caughtUp, func(_ broker.Cursor, m broker.Message) error {
		if !event.MatchAny(patterns, m.Key) {
			return nil
		}
		e, err := event.Decode(m.Body)
		if err != nil {
			log.Warn("not an event", "key", m.Key, "error", err)
			return nil
		}
		return each(e, m.Body)
	})
}

// Line says an event for a terminal: what happened, and under it its routing
// key and transaction ID.
func Line(e event.Event) string {
	note := ""
	switch {
	case e.Data.Replay:
		note = " [replay]"
	case e.Data.Backfill:
		note = " [backfill]"
	}
	return fmt.Sprintf("%s  %s%s\n          %s  tid %s", e.Time.Local().Format("15:04:05"), notify.Line(e), note, e.Type, e.TID)
}
