package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/trace"
)

// A Schedule says in Redis which sources there are and when each is to be
// polled next. Nothing of it is held in a process, so that any scheduler can do
// the next step.
//
//	mw:{schedule}:sources   hash of activations (JSON), by source ID
//	mw:{schedule}:due       sorted set of source IDs by when the next poll is due, Unix milliseconds of Redis' clock
//	mw:{schedule}:interval  hash: milliseconds between the polls of a source, for now
//	mw:{schedule}:tick      hash: when the latest poll of a source was due
//	mw:{schedule}:polled    hash: what came of the latest poll (JSON)
//	mw:{schedule}:configs   sorted set of the fingerprints of configs, by generation; the last is in force
//	mw:{schedule}:beat      counts the looks of schedulers that have the config in force
//	mw:{schedule}:outbox    events that activate and deactivate, on their way to the broker
type Schedule struct {
	redis  redis.UniversalClient
	prefix string
	outbox *outbox.Store
	saved  func(outbox string)
}

// outboxName is under which name the schedule's events wait.
const outboxName = "schedule"

// NewSchedule keeps a schedule in r, under keys that begin with prefix. saved,
// if not nil, is told of each outbox that was written to.
func NewSchedule(r redis.UniversalClient, prefix string, saved func(outbox string)) *Schedule {
	if saved == nil {
		saved = func(string) {}
	}
	return &Schedule{redis: r, prefix: prefix, outbox: outbox.NewStore(r, prefix), saved: saved}
}

func (s *Schedule) key(what string) string { return s.prefix + "{schedule}:" + what }

func (s *Schedule) keys() []string {
	return []string{s.key("sources"), s.key("due"), s.key("interval"), s.key("tick"), s.key("polled"), s.outbox.Key(outboxName), s.key("configs"), s.key("beat")}
}

// An Activation is a source with who wants it polled.
type Activation struct {
	event.Source
	Sport     event.Sport `json:"sport"`
	League    string      `json:"league"` // as people write it; "" where only the page knows
	By        string      `json:"by"`     // [ByConfig], or who asked for it
	Activated time.Time   `json:"activated"`
	TID       event.TID   `json:"tid"`   // of the job that activated it
	Event     string      `json:"event"` // ID of the match_activated event
	// Generation is that of the config that activated it; 0 if a call did.
	Generation int64 `json:"generation,omitzero"`
}

// Who activates.
const (
	ByConfig = "config"
	ByAPI    = "api"
)

// ErrOther says that the source is active already, with other settings.
var ErrOther = errors.New("the source is active with other settings: deactivate it first")

var activate = redis.NewScript(superseded + `
local had = redis.call('hget', KEYS[1], ARGV[1])
local polled = redis.call('hget', KEYS[5], ARGV[1])
if had and not (polled and cjson.decode(polled).stopped) then return had end
redis.call('hset', KEYS[1], ARGV[1], ARGV[3])
for i = 3, 5 do redis.call('hdel', KEYS[i], ARGV[1]) end
local t = redis.call('time')
redis.call('zadd', KEYS[2], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[4], ARGV[1])
redis.call('rpush', KEYS[6], ARGV[5])
return ARGV[3]`)

// unheard is how long after an activation the source is polled even if no
// scheduler has heard of it: the broker may have lost the event.
const unheard = time.Minute

// Activate enters a source and emits match_activated under the TID of ctx, in
// one step; a scheduler that receives it does the rest. One that is active
// already stays as it is: then fresh is false, or, if it differs, the error
// wraps ErrOther. One that was stopped begins anew. The activation that holds
// is returned in all cases. If a has a generation and a newer one is in force,
// the error wraps ErrSuperseded.
func (s *Schedule) Activate(ctx context.Context, a Activation) (held Activation, fresh bool, err error) {
	a.TID, a.Activated = event.TIDFrom(ctx), time.Now().UTC()
	e, err := a.event(event.MatchActivated, "", a.TID)
	if err != nil {
		return a, false, err
	}
	a.Event = e.ID
	text, err := json.Marshal(a)
	if err != nil {
		return a, false, err
	}
	_, err = s.emit(ctx, activate, e, func(holds string) bool {
		fresh = json.Unmarshal([]byte(holds), &held) == nil && held.Event == a.Event
		return fresh
	}, a.ID, a.Generation, text, unheard.Milliseconds())
	if err != nil {
		return a, false, fmt.Errorf("activating %s: %w", a.ID, err)
	}
	if held.Profile != a.Profile || held.Every != a.Every {
		return held, false, ErrOther
	}
	return held, fresh, nil
}

var deactivate = redis.NewScript(superseded + `
local had = redis.call('hget', KEYS[1], ARGV[1])
if not had or ARGV[3] ~= '' and cjson.decode(had).event ~= ARGV[3] then return '' end
redis.call('hdel', KEYS[1], ARGV[1])
redis.call('zrem', KEYS[2], ARGV[1])
for i = 3, 5 do redis.call('hdel', KEYS[i], ARGV[1]) end
redis.call('rpush', KEYS[6], ARGV[4])
return ARGV[1]`)

// Deactivate removes a source and emits match_deactivated under the TID of ctx.
// It reports false if there is none of that ID.
func (s *Schedule) Deactivate(ctx context.Context, id, reason string) (bool, error) {
	entry, ok, err := s.Get(ctx, id)
	if err != nil || !ok {
		return false, err
	}
	return s.deactivate(ctx, entry, reason, 0)
}

// deactivate removes a source for the config of a generation, if the activation of entry still
// holds. Generation 0 removes it whatever holds. If a newer generation is in force, the error wraps
// ErrSuperseded.
func (s *Schedule) deactivate(ctx context.Context, entry Entry, reason string, generation int64) (bool, error) {
	e, err := entry.event(event.MatchDeactivated, reason, event.TIDFrom(ctx))
	if err != nil {
		return false, err
	}
	expected := ""
	if generation > 0 {
		expected = entry.Event
	}
	was, err := s.emit(ctx, deactivate, e, func(was string) bool { return was != "" }, entry.ID, generation, expected)
	if err != nil {
		return false, fmt.Errorf("deactivating %s: %w", entry.ID, err)
	}
	return was != "", nil
}

// event is what tells of a source that is activated or deactivated.
func (a Activation) event(k event.Kind, reason string, tid event.TID) (event.Event, error) {
	source := a.Source
	e, err := event.Of(event.Key(a.Sport, a.League, string(k)), event.Data{Sport: a.Sport, League: a.League, Kind: k, Action: event.New, Reason: reason, Source: &source}, time.Now())
	e.Source, e.Subject, e.TID = "/"+a.By, a.Match, tid
	if k == event.MatchDeactivated {
		e.CausationID = a.Event
	}
	return e, err
}

// emit runs a script whose last argument is the event that tells of what it
// does. wrote says by the script's answer whether it was.
func (s *Schedule) emit(ctx context.Context, script *redis.Script, e event.Event, wrote func(said string) bool, args ...any) (string, error) {
	m, err := broker.NewMessage(e)
	if err != nil {
		return "", err
	}
	msg, err := outbox.Arguments([]broker.Message{m})
	if err != nil {
		return "", err
	}
	if err := s.outbox.Mark(ctx, outboxName); err != nil {
		return "", err
	}
	said, err := script.Run(ctx, s.redis, s.keys(), append(args, msg...)...).Text()
	if redis.HasErrorPrefix(err, "SUPERSEDED") {
		return "", ErrSuperseded
	}
	if err == nil && wrote(said) {
		trace.From(ctx).Created(m, nil, e.Data.Reason)
		s.saved(outboxName)
	}
	return said, err
}

var begin = redis.NewScript(`
local had, polled = redis.call('hget', KEYS[1], ARGV[1]), redis.call('hget', KEYS[5], ARGV[1])
if not had or cjson.decode(had).event ~= ARGV[2] or polled and cjson.decode(polled).stopped then return -1 end
local tick = redis.call('hget', KEYS[4], ARGV[1])
if tick then return tonumber(tick) end
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('hset', KEYS[4], ARGV[1], string.format('%.0f', now))
redis.call('zadd', KEYS[2], now + ARGV[3], ARGV[1])
return now`)

// Begin makes now the first tick of a source, and the next one due after a
// while; what was begun before stays as it is, and its latest tick is returned.
// It reports false if the activation, by the ID of its event, does not hold any
// more.
func (s *Schedule) Begin(ctx context.Context, source, activation string, next time.Duration) (tick time.Time, holds bool, err error) {
	n, err := begin.Run(ctx, s.redis, s.keys(), source, activation, next.Milliseconds()).Int64()
	if err != nil {
		return tick, false, fmt.Errorf("scheduling %s: %w", source, err)
	}
	return time.UnixMilli(n).UTC(), n >= 0, nil
}

// A Tick is a poll whose time has come.
type Tick struct {
	Activation Activation
	Due        time.Time     // by Redis' clock, as all on the schedule
	Left       time.Duration // until the next takes its place
}

// What a source is behind by more than an interval is left out: nobody wants
// ten polls at once after an hour's outage.
var popDue = redis.NewScript(`
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ids = redis.call('zrangebyscore', KEYS[2], '-inf', now, 'withscores', 'limit', 0, ARGV[1])
local out = {''}
for i = 1, #ids, 2 do
  local id, due = ids[i], tonumber(ids[i+1])
  local source = redis.call('hget', KEYS[1], id)
  if source then
    local every = tonumber(redis.call('hget', KEYS[3], id) or ARGV[2])
    if due + every <= now then due = now end
    redis.call('zadd', KEYS[2], due + every, id)
    redis.call('hset', KEYS[4], id, string.format('%.0f', due))
    out[#out+1] = source
    out[#out+1] = string.format('%.0f', due)
    out[#out+1] = string.format('%.0f', due + every - now)
  else
    redis.call('zrem', KEYS[2], id)
  end
end
local first = redis.call('zrange', KEYS[2], 0, 0, 'withscores')
if first[2] then out[1] = string.format('%.0f', first[2] - now) end
return out`)

// Pop takes the polls that are due off the schedule, at most n, each for its
// next time; nobody else gets them. wait is how long nothing more is due.
func (s *Schedule) Pop(ctx context.Context, n int) (ticks []Tick, wait time.Duration, err error) {
	found, err := popDue.Run(ctx, s.redis, s.keys(), n, time.Minute.Milliseconds()).StringSlice()
	if err != nil {
		return nil, 0, fmt.Errorf("reading the schedule: %w", err)
	}
	wait = time.Hour
	if found[0] != "" {
		wait = milliseconds(found[0])
	}
	for rest := found[1:]; len(rest) >= 3; rest = rest[3:] {
		var t Tick
		if err := json.Unmarshal([]byte(rest[0]), &t.Activation); err != nil {
			return ticks, wait, fmt.Errorf("reading the schedule: %w", err)
		}
		t.Due, t.Left = time.UnixMilli(milliseconds(rest[1]).Milliseconds()).UTC(), milliseconds(rest[2])
		ticks = append(ticks, t)
	}
	return ticks, wait, nil
}

func milliseconds(s string) time.Duration {
	n, _ := strconv.ParseInt(s, 10, 64)
	return time.Duration(n) * time.Millisecond
}
