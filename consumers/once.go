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

// remember is how long the mark of a handled event is kept. A publisher sends an event again within
// seconds, or when the broker is back after an outage.
const remember = 24 * time.Hour

var errUnderWay = errors.New("the same event is under way in another delivery")

// marks record in Redis which events a consumer has handled or is handling:
//
//	mw:handled:<consumer>:<event ID>  "done" for a day, or the token of the handler while it runs
//
// A backfill event has a mark of its own, whose key ends with :backfill. After a loss of Redis, the
// backfill copy of an event can arrive before the original, which waits for another attempt.
type marks struct {
	redis   redis.UniversalClient
	prefix  string
	timeout time.Duration // of a handler; 30 s if 0
	log     *slog.Logger
}

// A redelivered event takes over the mark of the process that died.
var begin = redis.NewScript(`
local mark = redis.call('get', KEYS[1])
if mark == 'done' or mark and ARGV[1] == '0' then return mark end
redis.call('set', KEYS[1], ARGV[3], 'px', ARGV[2])
return ''`)

// A handler that was abandoned, or whose process lost the broker, may end after another handler has
// taken over the mark. Then the mark stays.
var reopen = redis.NewScript(`
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0`)

// once calls h for an event that was not handled before.
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
		trace.From(ctx).SetOutcome("was handled before")
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
		if derr := reopen.Run(after, m.redis, []string{key}, token).Err(); derr != nil { // then it expires
			m.log.Warn("event not marked as open again", "tid", e.TID, "id", e.ID, "error", derr)
		}
	}()
	if err := h(ctx, e); err != nil {
		return err
	}
	open = false
	if serr := m.redis.Set(after, key, "done", remember).Err(); serr != nil {
		// An error would have the event handled again.
		m.log.Warn("event not marked as handled", "tid", e.TID, "id", e.ID, "error", serr)
	}
	return nil
}
