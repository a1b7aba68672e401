package broker

import (
	"context"
	"time"

	"github.com/matchwire/matchwire/event"
)

// Emit creates an event with the given routing key and facts, publishes the event, and returns it
// when the broker has confirmed it. The event has a new ID, the current time, and the TID of ctx,
// or a new TID if ctx has none. Emit sends the event again if the connection is lost. To bound the
// wait, pass a ctx with a deadline.
func Emit(ctx context.Context, p Publisher, key string, facts event.Data) (event.Event, error) {
	e, err := event.Of(key, facts, time.Now())
	if err != nil {
		return e, err
	}
	e.TID = event.TIDFrom(ctx)
	m, err := NewMessage(e)
	if err != nil {
		return e, err
	}
	_, err = p.Publish(ctx, m)
	return e, err
}
