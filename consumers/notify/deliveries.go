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

// deliveries stores what a channel has sent about each incident:
//
//	mw:notify:<channel>:{<incident>}  hash, kept for two days:
//	  seen              the highest revision that was handled
//	  held              if the incident is muted: why an event was withheld from everyone
//	  held_at, held_by  that event's time, Unix microseconds, and its ID
//	  to:<id>           the revision that a recipient has received
//	  try:<id>          a revision that is being sent to a recipient, or that may have arrived
//	  lock, until       the event that is being sent, and when the lock expires, Redis's Unix ms
//
// The lock keeps a correction from overtaking the event that it corrects. It is a lease, which the
// process that sends the event renews.
//
// A muted incident is not news: its first event was withheld for a reason that also holds for its
// corrections, such as backfill. Only events that were observed after the one that muted it are
// muted. An event that was observed before is news of its own, and so is an event with the same ID.
// This happens after a loss of Redis: the parser reports as backfill what it reported before, and
// the backfill copy can overtake the original, which waits for another attempt.
type deliveries struct {
	redis  redis.UniversalClient
	prefix string        // "mw:notify:<channel>:"
	lease  time.Duration // of the lock
	log    *slog.Logger
}

// keepDeliveries is how long the state of an incident is kept after its latest event.
const keepDeliveries = 48 * time.Hour

var (
	errSuperseded = errors.New("a later revision was handled")
	errLocked     = errors.New("another revision is being sent")
)

// lockIncident locks the incident for an event, and returns its state. ARGV[5] is the event's time
// if it can be news, or ”. Repeated for the same event, it gives the same answer.
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

// renewLock returns 0 if another event has the lock.
var renewLock = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local lock = redis.call('hget', KEYS[1], 'lock')
if lock and lock ~= ARGV[1] then return 0 end
redis.call('hset', KEYS[1], 'lock', ARGV[1], 'until', string.format('%.0f', now + ARGV[2]))
redis.call('pexpire', KEYS[1], ARGV[3])
return 1`)

var unlockIncident = redis.NewScript(`
if redis.call('hget', KEYS[1], 'lock') == ARGV[1] then redis.call('hdel', KEYS[1], 'lock', 'until') end
return 0`)

var seeRevision = redis.NewScript(`
local seen = tonumber(redis.call('hget', KEYS[1], 'seen') or '0')
if seen < tonumber(ARGV[1]) then redis.call('hset', KEYS[1], 'seen', ARGV[1]) end
redis.call('pexpire', KEYS[1], ARGV[2])
return 0`)

// incidentOf returns the incident and the revision that an event reports. An event without an
// incident counts as an incident of its own.
func incidentOf(e event.Event) (id string, rev int) {
	if e.Data.Incident == "" {
		return e.ID, 1
	}
	return e.Data.Incident, max(e.Data.Rev, 1)
}

// An incidentState is what was stored of an incident when the handling of an event began.
type incidentState struct {
	deliveries
	key      string
	e        event.Event
	rev      int
	stopLock func()         // ends the renewal of the lock
	muted    string         // the reason; "" if not muted
	to       map[string]int // revisions that have arrived, by recipient
	try      map[string]int // revisions that may have arrived, by recipient
}

func (d deliveries) key(incident string) string { return d.prefix + "{" + incident + "}" }

// see stores that a revision is known, before it is sent.
func (d deliveries) see(ctx context.Context, e event.Event) error {
	incident, rev := incidentOf(e)
	err := seeRevision.Run(ctx, d.redis, []string{d.key(incident)}, rev, keepDeliveries.Milliseconds()).Err()
	if err != nil {
		return fmt.Errorf("storing the revision: %w", consumers.RedisError(err))
	}
	return nil
}

// begin locks the incident of an event and returns its state. If another event has the lock, the error is
// one of [broker.Postpone]. If a later revision is known, it is errSuperseded.
func (d deliveries) begin(ctx context.Context, e event.Event) (*incidentState, error) {
	incident, rev := incidentOf(e)
	s := &incidentState{deliveries: d, key: d.key(incident), e: e, rev: rev, to: map[string]int{}, try: map[string]int{}}
	observed := ""
	if !e.Data.Backfill && !e.Data.Replay && e.Data.Action != event.Retracted {
		observed = strconv.FormatInt(e.Time.UnixMicro(), 10)
	}
	began := time.Now()
	keys, lease, keep := []string{s.key}, d.lease.Milliseconds(), keepDeliveries.Milliseconds()
	pairs, err := lockIncident.Run(ctx, d.redis, keys, rev, s.lock(), lease, keep, observed, e.ID).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("reading what was sent: %w", consumers.RedisError(err))
	}
	if len(pairs) == 1 {
		if pairs[0] == "locked" {
			return nil, broker.Postpone(time.Now().Add(time.Second), errLocked.Error())
		}
		return nil, errSuperseded
	}
	s.stopLock = consumers.RenewLease(ctx, d.lease, began, func(ctx context.Context) (bool, error) {
		return renewLock.Run(ctx, d.redis, keys, s.lock(), lease, keep).Bool()
	})
	for i := 0; i+1 < len(pairs); i += 2 {
		number, _ := strconv.Atoi(pairs[i+1])
		if id, ok := strings.CutPrefix(pairs[i], "to:"); ok {
			s.to[id] = number
		} else if id, ok := strings.CutPrefix(pairs[i], "try:"); ok {
			s.try[id] = number
		} else if pairs[i] == "held" {
			s.muted = pairs[i+1]
		}
	}
	return s, nil
}

// lock returns what tells the event from others that lock the incident. The backfill copy of an
// event has the same ID, and can be handled at the same time.
func (s *incidentState) lock() string {
	if s.e.Data.Backfill {
		return s.e.ID + ":backfill"
	}
	return s.e.ID
}

// end unlocks the incident.
func (s *incidentState) end(ctx context.Context) {
	s.stopLock()
	s.note("the end", unlockIncident.Run(context.WithoutCancel(ctx), s.redis, []string{s.key}, s.lock()).Err())
}

// note logs an error of storing a delivery. The notification may then be sent again.
func (s *incidentState) note(what string, err error) {
	if err != nil {
		s.log.Warn("delivery not stored", "what", what, "tid", s.e.TID, "id", s.e.ID, "error", err)
	}
}

// A target is a recipient to send to.
type target struct {
	recipient
	asNews bool // the recipient does not know the incident
}

// decideTarget reports whether to send to a recipient. why is the reason to withhold the event from
// recipients who do not know its incident, or "".
func (s *incidentState) decideTarget(r recipient, wanted bool, why string) (target, bool) {
	known, tried := s.to[r.id], s.try[r.id]
	retracted := s.e.Data.Action == event.Retracted
	switch {
	case known == s.rev: // it arrived in an earlier attempt
		return target{}, false
	case known > 0 || tried > 0 && (tried < s.rev || retracted):
		// What the recipient knows, or may know, is no longer true. So quiet hours, or a rule that no
		// longer matches, do not suppress the correction.
		return target{recipient: r}, why == "" || why == quietHours || why == noRule || why == late
	case retracted: // the recipient never knew of it
		return target{}, false
	}
	return target{recipient: r, asNews: true}, wanted && why == "" && s.muted == ""
}

// unknown reports whether no recipient knows of the incident, or may know.
func (s *incidentState) unknown() bool { return len(s.to)+len(s.try) == 0 }

// mute stores that events observed later are not news: this one was withheld for a reason other
// than that no rule matches. An incident that is muted already stays so by its earlier event.
func (s *incidentState) mute(ctx context.Context, why string) error {
	if why == "" || why == noRule || s.muted != "" || s.e.Data.Action == event.Retracted {
		return nil
	}
	err := s.redis.HSet(ctx, s.key, "held", why, "held_at", s.e.Time.UnixMicro(), "held_by", s.e.ID).Err()
	return consumers.RedisError(err)
}

// expect stores that the revision is about to be sent to the targets.
func (s *incidentState) expect(ctx context.Context, to []target) error {
	fields := make([]any, 0, 2*len(to))
	for _, t := range to {
		fields = append(fields, "try:"+t.id, s.rev)
	}
	if err := s.redis.HSet(ctx, s.key, fields...).Err(); err != nil {
		return fmt.Errorf("storing who is notified: %w", consumers.RedisError(err))
	}
	return nil
}

// arrived stores that the revision has arrived at a target.
func (s *incidentState) arrived(ctx context.Context, t target) {
	ctx = context.WithoutCancel(ctx)
	_, err := s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, s.key, "to:"+t.id, s.rev)
		p.HDel(ctx, s.key, "try:"+t.id)
		return nil
	})
	s.note("that it arrived", err)
}

// refused stores that the revision has not arrived: the recipient knows what it knew before.
func (s *incidentState) refused(ctx context.Context, t target) {
	ctx = context.WithoutCancel(ctx)
	if before := s.try[t.id]; before > 0 {
		s.note("that it did not arrive", s.redis.HSet(ctx, s.key, "try:"+t.id, before).Err())
		return
	}
	s.note("that it did not arrive", s.redis.HDel(ctx, s.key, "try:"+t.id).Err())
}
