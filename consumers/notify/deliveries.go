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
//	  seen         the highest revision that was handled
//	  held         if the incident is muted: why its first revision was withheld from everyone
//	  to:<id>      the revision that a recipient has received
//	  try:<id>     a revision that is being sent to a recipient, or that may have arrived
//	  lock, until  ID of the event that is being sent, and when the lock expires, Unix ms of Redis's clock
//
// The lock keeps a correction from overtaking the event that it corrects.
type deliveries struct {
	redis  redis.UniversalClient
	prefix string        // "mw:notify:<channel>:"
	most   time.Duration // that the lock is kept
	log    *slog.Logger
}

const rememberTold = 48 * time.Hour

var (
	errSuperseded = errors.New("a later revision was told")
	errTelling    = errors.New("another revision is being told")
)

var beginTelling = redis.NewScript(`
local rev = tonumber(ARGV[1])
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if tonumber(redis.call('hget', KEYS[1], 'seen') or '0') > rev then return {'superseded'} end
local lock = redis.call('hget', KEYS[1], 'lock')
if lock and lock ~= ARGV[2] and tonumber(redis.call('hget', KEYS[1], 'until')) > now then return {'busy'} end
local before = redis.call('hgetall', KEYS[1])
redis.call('hset', KEYS[1], 'seen', rev, 'lock', ARGV[2], 'until', string.format('%.0f', now + ARGV[3]))
redis.call('pexpire', KEYS[1], ARGV[4])
return before`)

var seeRevision = redis.NewScript(`
if tonumber(redis.call('hget', KEYS[1], 'seen') or '0') < tonumber(ARGV[1]) then redis.call('hset', KEYS[1], 'seen', ARGV[1]) end
redis.call('pexpire', KEYS[1], ARGV[2])
return 0`)

var endTelling = redis.NewScript(`
if redis.call('hget', KEYS[1], 'lock') == ARGV[1] then redis.call('hdel', KEYS[1], 'lock', 'until') end
return 0`)

// incidentOf returns the incident and the revision that an event reports. An event without an incident
// counts as an incident of its own.
func incidentOf(e event.Event) (id string, rev int) {
	if e.Data.Incident == "" {
		return e.ID, 1
	}
	return e.Data.Incident, max(e.Data.Rev, 1)
}

// An incidentState is what was stored of an incident when the handling of an event began.
type incidentState struct {
	deliveries
	key   string
	e     event.Event
	rev   int
	muted string         // the reason; "" if not muted
	to    map[string]int // revisions that have arrived, by recipient
	try   map[string]int // revisions that may have arrived, by recipient
}

func (d deliveries) key(incident string) string { return d.prefix + "{" + incident + "}" }

// see stores that a revision is known, before it is sent.
func (d deliveries) see(ctx context.Context, e event.Event) error {
	incident, rev := incidentOf(e)
	if err := seeRevision.Run(ctx, d.redis, []string{d.key(incident)}, rev, rememberTold.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("keeping what is known: %w", consumers.RedisError(err))
	}
	return nil
}

// begin locks the incident of an event and returns its state. If another event has the lock, the error is
// one of [broker.Postpone]. If a later revision is known, it is errSuperseded.
func (d deliveries) begin(ctx context.Context, e event.Event) (*incidentState, error) {
	incident, rev := incidentOf(e)
	s := &incidentState{deliveries: d, key: d.key(incident), e: e, rev: rev, to: map[string]int{}, try: map[string]int{}}
	pairs, err := beginTelling.Run(ctx, d.redis, []string{s.key}, rev, e.ID, d.most.Milliseconds(), rememberTold.Milliseconds()).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("reading what was told: %w", consumers.RedisError(err))
	}
	if len(pairs) == 1 {
		if pairs[0] == "busy" {
			return nil, broker.Postpone(time.Now().Add(time.Second), errTelling.Error())
		}
		return nil, errSuperseded
	}
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

// end unlocks the incident.
func (s *incidentState) end(ctx context.Context) {
	s.note("the end", endTelling.Run(context.WithoutCancel(ctx), s.redis, []string{s.key}, s.e.ID).Err())
}

// note logs an error of storing a delivery. The notification may then be sent again.
func (s *incidentState) note(what string, err error) {
	if err != nil {
		s.log.Warn("what was told is not kept", "what", what, "tid", s.e.TID, "id", s.e.ID, "error", err)
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

// mute stores that later revisions are not news: this one was withheld for a reason other than that no
// rule matches.
func (s *incidentState) mute(ctx context.Context, why string) error {
	if why == "" || why == noRule || s.e.Data.Action == event.Retracted {
		return nil
	}
	return consumers.RedisError(s.redis.HSet(ctx, s.key, "held", why).Err())
}

// expect stores that the revision is about to be sent to the targets.
func (s *incidentState) expect(ctx context.Context, to []target) error {
	fields := make([]any, 0, 2*len(to))
	for _, t := range to {
		fields = append(fields, "try:"+t.id, s.rev)
	}
	if err := s.redis.HSet(ctx, s.key, fields...).Err(); err != nil {
		return fmt.Errorf("keeping who is told: %w", consumers.RedisError(err))
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
