package broker

import (
	"context"
	"time"

	"github.com/matchwire/matchwire/event"
)

// Emit publishes one event from its routing key and its facts, and returns it
// once the broker has confirmed it. TID (that of ctx, or a new one), ID, time,
// envelope and resending are looked after. To go on without waiting, call it in
// a goroutine; to wait no longer than so long, give ctx a deadline.
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
