package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// deliveries stores the state of each incident on a channel:
//
//	mw:notify:<channel>:{<incident>}  hash, which expires two days after the latest event:
//	  seen              the highest revision that was received
//	  held              the reason why the incident is suppressed; absent if it is not
//	  held_at, held_by  the time (Unix microseconds) and the ID of the event that suppressed it
//	  to:<id>           the latest revision that was delivered to a recipient
//	  try:<id>          a revision that is being sent to a recipient, or that may have been delivered
//	  lock              the owner of the lock: the event that is being sent
//	  until             when the lock expires, in Unix milliseconds by Redis's clock
//
// The lock prevents a correction from overtaking the event that it corrects. It is a lease, which the
// process that sends the event renews.
//
// An incident is suppressed if one of its events was suppressed for a reason that also applies to
// later events, such as backfill. Later events of the incident are then not news. Events that were
// observed before the suppressed event are still news, and so is an event with the ID of the
// suppressed event.
//
// After Redis loses its data, the parser reports earlier events again, as backfill. Such a copy has
// the ID of its original. If the original waits for another attempt, the copy can be handled first.
type deliveries struct {
	redis  redis.UniversalClient
	prefix string        // "mw:notify:<channel>:"
	lease  time.Duration // duration of the lock
	owner  string        // suffix of the lock owner; "" if only one process handles an event at a time
	log    *slog.Logger
}

// keepDeliveries is how long the state of an incident is stored after its latest event.
const keepDeliveries = 48 * time.Hour

var (
	errSuperseded = errors.New("a later revision was received")
	errLocked     = errors.New("another revision is being sent")
)

// lockIncident locks the incident for an event, and returns the incident's state. ARGV[5] is the
// time of the event if it can be news, and otherwise empty. Running the script again for the same
// event only extends the lock.
var lockIncident = redis.NewScript(`
local rev = tonumber(ARGV[1])
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if tonumber(redis.call('hget', KEYS[1], 'seen') or '0') > rev then return {'superseded'} end
local lock = redis.call('hget', KEYS[1], 'lock')
if lock and lock ~= ARGV[2] and tonumber(redis.call('hget', KEYS[1], 'until')) > now then return {'locked'} end
local held = tonumber(redis.call('hget', KEYS[1], 'held_at') or '0')
if ARGV[5] ~= '' and (tonumber(ARGV[5]) < held or redis.call('hget', KEYS[1], 'held_by') == ARGV[6]) then
  redis.call('hdel', KEYS[1], 'held', 'held_at', 'held_by')
end
local state = redis.call('hgetall', KEYS[1])
redis.call('hset', KEYS[1], 'seen', rev, 'lock', ARGV[2], 'until', string.format('%.0f', now + ARGV[3]))
redis.call('pexpire', KEYS[1], ARGV[4])
return state`)

// renewLock extends the lock, or acquires it if it is free. It returns 0 if another event holds the
// lock, and otherwise 1.
var renewLock = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local lock = redis.call('hget', KEYS[1], 'lock')
if lock and lock ~= ARGV[1] then return 0 end
redis.call('hset', KEYS[1], 'lock', ARGV[1], 'until', string.format('%.0f', now + ARGV[2]))
redis.call('pexpire', KEYS[1], ARGV[3])
return 1`)

// unlockIncident releases the lock if the event holds it.
var unlockIncident = redis.NewScript(`
if redis.call('hget', KEYS[1], 'lock') == ARGV[1] then redis.call('hdel', KEYS[1], 'lock', 'until') end
return 0`)

// storeSeen raises seen to a revision.
var storeSeen = redis.NewScript(`
local seen = tonumber(redis.call('hget', KEYS[1], 'seen') or '0')
if seen < tonumber(ARGV[1]) then redis.call('hset', KEYS[1], 'seen', ARGV[1]) end
redis.call('pexpire', KEYS[1], ARGV[2])
return 0`)

// incidentOf returns the incident ID and the revision of an event. If the event has no incident ID,
// incidentOf returns the event's ID and 1.
func incidentOf(e event.Event) (id string, rev int) {
	if e.Data.Incident == "" {
		return e.ID, 1
	}
	return e.Data.Incident, max(e.Data.Rev, 1)
}

// An incidentState is the stored state of an incident, as [deliveries.begin] read it for an event.
type incidentState struct {
	deliveries
	history
	key         string
	stopRenewal func() // ends the renewal of the lock
}

func (d deliveries) key(incident string) string { return d.prefix + "{" + incident + "}" }

// markSeen stores the revision of an event that is handled later, so that it supersedes earlier revisions.
func (d deliveries) markSeen(ctx context.Context, e event.Event) error {
	incident, rev := incidentOf(e)
	err := storeSeen.Run(ctx, d.redis, []string{d.key(incident)}, rev, keepDeliveries.Milliseconds()).Err()
	if err != nil {
		return fmt.Errorf("storing the revision: %w", consumers.RedisError(err))
	}
	return nil
}

// begin locks the incident of an event and returns its state. The caller must call end on the state. If another
// event holds the lock, begin returns an error from [broker.Postpone]. If a later revision was received,
// it returns errSuperseded.
func (d deliveries) begin(ctx context.Context, e event.Event) (*incidentState, error) {
	incident, rev := incidentOf(e)
	s := &incidentState{deliveries: d, key: d.key(incident), history: newHistory(e, rev)}
	observed := ""
	if !e.Data.Backfill && !e.Data.Replay && e.Data.Action != event.Retracted {
		observed = strconv.FormatInt(e.Time.UnixMicro(), 10)
	}
	began := time.Now()
	keys, lease, keep := []string{s.key}, d.lease.Milliseconds(), keepDeliveries.Milliseconds()
	pairs, err := lockIncident.Run(ctx, d.redis, keys, rev, s.lockOwner(), lease, keep, observed, e.ID).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("locking incident %q: %w", incident, consumers.RedisError(err))
	}
	if len(pairs) == 1 {
		if pairs[0] == "locked" {
			return nil, broker.Postpone(time.Now().Add(time.Second), errLocked.Error())
		}
		return nil, errSuperseded
	}
	s.stopRenewal = consumers.RenewLease(ctx, d.lease, began, func(ctx context.Context) (bool, error) {
		return renewLock.Run(ctx, d.redis, keys, s.lockOwner(), lease, keep).Bool()
	})
	for i := 0; i+1 < len(pairs); i += 2 {
		number, _ := strconv.Atoi(pairs[i+1])
		if id, ok := strings.CutPrefix(pairs[i], "to:"); ok {
			s.delivered[id] = number
		} else if id, ok := strings.CutPrefix(pairs[i], "try:"); ok {
			s.attempted[id] = number
		} else if pairs[i] == "held" {
			s.suppressed = pairs[i+1]
		}
	}
	return s, nil
}

// lockOwner returns the value that identifies the event as the owner of the lock. The backfill copy
// of an event is a different owner: it has the same ID as the original, and both can be handled at
// the same time.
func (s *incidentState) lockOwner() string {
	if s.e.Data.Backfill {
		return s.e.ID + ":backfill"
	}
	return s.e.ID + s.owner
}

// end releases the lock. If Redis returns an error, end logs it, and the lock expires later.
func (s *incidentState) end(ctx context.Context) {
	s.stopRenewal()
	s.logError("unlock", unlockIncident.Run(context.WithoutCancel(ctx), s.redis, []string{s.key}, s.lockOwner()).Err())
}

// logError logs an error from updating the state after an attempt to send. The state is then
// outdated: the notification may be sent again, or a retraction may be sent although the
// notification was not delivered.
func (s *incidentState) logError(op string, err error) {
	if err != nil {
		s.log.Warn("delivery state not stored", "op", op, "tid", s.e.TID, "id", s.e.ID, "error", err)
	}
}

// suppress stores that the event suppresses the incident, if [history.suppressedBy] says so.
func (s *incidentState) suppress(ctx context.Context, reason string) error {
	if !s.suppressedBy(reason) {
		return nil
	}
	err := s.redis.HSet(ctx, s.key, "held", reason, "held_at", s.e.Time.UnixMicro(), "held_by", s.e.ID).Err()
	return consumers.RedisError(err)
}

// recordAttempt stores that the revision may have been delivered to the targets. Call it before sending.
func (s *incidentState) recordAttempt(ctx context.Context, targets []target) error {
	fields := make([]any, 0, 2*len(targets))
	for _, t := range targets {
		fields = append(fields, "try:"+t.id, s.rev)
	}
	if err := s.redis.HSet(ctx, s.key, fields...).Err(); err != nil {
		return fmt.Errorf("storing the attempt: %w", consumers.RedisError(err))
	}
	return nil
}

// markDelivered stores that the revision was delivered to a target. It logs an error from Redis.
func (s *incidentState) markDelivered(ctx context.Context, t target) {
	ctx = context.WithoutCancel(ctx)
	_, err := s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, s.key, "to:"+t.id, s.rev)
		p.HDel(ctx, s.key, "try:"+t.id)
		return nil
	})
	s.logError("mark delivered", err)
}

// markRefused stores that the revision was not delivered to a target, and restores the record of an
// earlier attempt, if any. It logs an error from Redis.
func (s *incidentState) markRefused(ctx context.Context, t target) {
	ctx = context.WithoutCancel(ctx)
	if before := s.attempted[t.id]; before > 0 {
		s.logError("mark refused", s.redis.HSet(ctx, s.key, "try:"+t.id, before).Err())
		return
	}
	s.logError("mark refused", s.redis.HDel(ctx, s.key, "try:"+t.id).Err())
}
