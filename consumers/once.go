package consumers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
)

// remember is how long it is known that an event was handled. A publisher
// sends again within seconds, or when a broker comes back.
const remember = 24 * time.Hour

var errUnderWay = errors.New("the same event is under way in another delivery")

// Marks in Redis say which events a consumer has handled, or is handling:
//
//	mw:handled:<consumer>:<event ID>  "done" for a day, the handler's own token for as long as it may take
//
// An event that comes as backfill has a mark of its own, with :backfill behind
// it: where Redis was lost, it can overtake its first copy that is news and
// waits to be tried again.
type marks struct {
	redis   redis.UniversalClient
	prefix  string
	timeout time.Duration // of a handler; 30 s if 0
	log     *slog.Logger
}

// A delivery that was under way with somebody who died takes over his mark.
var begin = redis.NewScript(`
local mark = redis.call('get', KEYS[1])
if mark == 'done' or mark and ARGV[1] == '0' then return mark end
redis.call('set', KEYS[1], ARGV[3], 'px', ARGV[2])
return ''`)

// Who was given up, or lost the broker, may end after somebody who took over:
// the mark is not his any more.
var reopen = redis.NewScript(`
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0`)

// once has h handle an event, unless it was handled before.
func (m marks) once(ctx context.Context, e event.Event, redelivered bool, h func(context.Context, event.Event) error) error {
	key, takesOver := m.prefix+e.ID, 0
	if e.Data.Backfill {
		key += ":backfill"
	}
	if redelivered {
		takesOver = 1
	}
	busy, token := 2*max(m.timeout, 30*time.Second), uuid.NewString()
	switch mark, err := begin.Run(ctx, m.redis, []string{key}, takesOver, busy.Milliseconds(), token).Text(); {
	case err != nil:
		return fmt.Errorf("looking whether the event was handled before: %w", RedisError(err))
	case mark == "done":
		m.log.Debug("event came again, not handled twice", "tid", e.TID, "id", e.ID)
		trace.From(ctx).Says("was handled before")
		return nil
	case mark != "":
		return errUnderWay
	}
	after := context.WithoutCancel(ctx)
	open := true // unless h returns without an error
	defer func() {
		if !open {
			return
		}
		if derr := reopen.Run(after, m.redis, []string{key}, token).Err(); derr != nil { // then it goes by itself
			m.log.Warn("event not marked as open again", "tid", e.TID, "id", e.ID, "error", derr)
		}
	}()
	if err := h(ctx, e); err != nil {
		return err
	}
	open = false
	if serr := m.redis.Set(after, key, "done", remember).Err(); serr != nil {
		// What was done is done; an error would do it again.
		m.log.Warn("event not marked as handled", "tid", e.TID, "id", e.ID, "error", serr)
	}
	return nil
}
