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

// told knows what a channel has been told of an incident:
//
//	mw:notify:<channel>:{<incident>}  hash, kept for two days:
//	  seen         the highest revision that was handled
//	  held         why its first revision was told nobody
//	  to:<id>      the revision that a recipient was told
//	  try:<id>     one that he is being told, or was told without it being certain that it arrived
//	  lock, until  the event that is being told, and the end of its time, Unix ms of Redis's clock
//
// The lock keeps a correction from overtaking what it corrects.
type told struct {
	redis  redis.UniversalClient
	prefix string // "mw:notify:<channel>:"
	most   time.Duration
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

// incidentOf is what an event tells of: an incident, or itself.
func incidentOf(e event.Event) (id string, rev int) {
	if e.Data.Incident == "" {
		return e.ID, 1
	}
	return e.Data.Incident, max(e.Data.Rev, 1)
}

// A toldState is what was known when an event began to be told.
type toldState struct {
	told
	key  string
	e    event.Event
	rev  int
	held string
	to   map[string]int // by recipient
	try  map[string]int
}

func (t told) key(incident string) string { return t.prefix + "{" + incident + "}" }

// see keeps that a revision is known, before its time to be told has come.
func (t told) see(ctx context.Context, e event.Event) error {
	incident, rev := incidentOf(e)
	if err := seeRevision.Run(ctx, t.redis, []string{t.key(incident)}, rev, rememberTold.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("keeping what is known: %w", consumers.RedisError(err))
	}
	return nil
}

func (t told) begin(ctx context.Context, e event.Event) (*toldState, error) {
	incident, rev := incidentOf(e)
	s := &toldState{told: t, key: t.key(incident), e: e, rev: rev, to: map[string]int{}, try: map[string]int{}}
	pairs, err := beginTelling.Run(ctx, t.redis, []string{s.key}, rev, e.ID, t.most.Milliseconds(), rememberTold.Milliseconds()).StringSlice()
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
			s.held = pairs[i+1]
		}
	}
	return s, nil
}

// end lets the next revision be told.
func (s *toldState) end(ctx context.Context) {
	s.note("the end", endTelling.Run(context.WithoutCancel(ctx), s.redis, []string{s.key}, s.e.ID).Err())
}

// note says what could not be kept; then something may be told once more.
func (s *toldState) note(what string, err error) {
	if err != nil {
		s.log.Warn("what was told is not kept", "what", what, "tid", s.e.TID, "id", s.e.ID, "error", err)
	}
}

// A target is somebody who is to be told.
type target struct {
	recipient
	asNews bool // he has not been told of the incident
}

// target says whether a recipient is to be told. why says why it is no news,
// or "".
func (s *toldState) target(r recipient, wanted bool, why string) (target, bool) {
	known, tried := s.to[r.id], s.try[r.id]
	retracted := s.e.Data.Action == event.Retracted
	switch {
	case known == s.rev: // in an earlier attempt
		return target{}, false
	case known > 0 || tried > 0 && (tried < s.rev || retracted):
		// What he knows, or may know, is no longer true. Quiet hours or a rule that
		// no longer wants it do not make it so.
		return target{recipient: r}, why == "" || why == quietHours || why == noRule || why == late
	case retracted: // he never knew
		return target{}, false
	}
	return target{recipient: r, asNews: true}, wanted && why == "" && s.held == ""
}

// nobody reports whether nobody knows of the incident, or may know.
func (s *toldState) nobody() bool { return len(s.to)+len(s.try) == 0 }

// hold keeps later revisions from becoming news: this one was told nobody,
// though somebody asked for it.
func (s *toldState) hold(ctx context.Context, why string) error {
	if why == "" || why == noRule || s.e.Data.Action == event.Retracted {
		return nil
	}
	return consumers.RedisError(s.redis.HSet(ctx, s.key, "held", why).Err())
}

// expect keeps that these are about to be told, before they are.
func (s *toldState) expect(ctx context.Context, to []target) error {
	fields := make([]any, 0, 2*len(to))
	for _, t := range to {
		fields = append(fields, "try:"+t.id, s.rev)
	}
	if err := s.redis.HSet(ctx, s.key, fields...).Err(); err != nil {
		return fmt.Errorf("keeping who is told: %w", consumers.RedisError(err))
	}
	return nil
}

// arrived keeps that one was told.
func (s *toldState) arrived(ctx context.Context, t target) {
	ctx = context.WithoutCancel(ctx)
	_, err := s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, s.key, "to:"+t.id, s.rev)
		p.HDel(ctx, s.key, "try:"+t.id)
		return nil
	})
	s.note("that it arrived", err)
}

// refused keeps that one was not told after all: he knows what he knew.
func (s *toldState) refused(ctx context.Context, t target) {
	ctx = context.WithoutCancel(ctx)
	if before := s.try[t.id]; before > 0 {
		s.note("that it did not arrive", s.redis.HSet(ctx, s.key, "try:"+t.id, before).Err())
		return
	}
	s.note("that it did not arrive", s.redis.HDel(ctx, s.key, "try:"+t.id).Err())
}
