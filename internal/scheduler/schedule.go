package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/trace"
)

// A Schedule stores in Redis the active sources and the time at which the next poll of each source
// is due. No process keeps this state in memory, so any scheduler can publish the next task.
//
//	mw:{schedule}:sources   hash of activations (JSON), by source ID
//	mw:{schedule}:due       sorted set of source IDs by the time of the next poll, Unix milliseconds of Redis's clock
//	mw:{schedule}:interval  hash of the current interval between two polls in milliseconds, by source ID
//	mw:{schedule}:tick      hash of the tick of each source: the time at which its latest poll was due, Unix milliseconds
//	mw:{schedule}:polled    hash of the results of the latest polls, each a [LatestPoll] (JSON), by source ID
//	mw:{schedule}:order     sorted set of source IDs by the time of activation, Unix microseconds, each a different time
//	mw:{schedule}:matches   sorted set of "<match ID> <source ID>" for each match that a source shows; all scores are 0
//	mw:{schedule}:shown     hash of the matches in that set, by source ID: "<due_ms of the poll> <match ID> <match ID>…"
//	mw:{schedule}:configs   sorted set of the fingerprints of configs, by generation; the last is in force
//	mw:{schedule}:beat      counter that each scheduler whose config is in force increments when it checks that config
//	mw:{schedule}:changes   counter that each activation and each removal of a source increments
//	mw:{schedule}:outbox    list of match_activated and match_deactivated events that the broker has not confirmed
//	mw:{schedule}:reply:…   the reply of a script, for 30 seconds, in case the script is sent again
//	mw:{schedule}:deadline  sorted set of source IDs by the time by which the next poll must end, Unix milliseconds
//	mw:{schedule}:overdue:… mark that a process handles an overdue source, for 30 seconds
//	mw:{schedule}:paused    hash of the pauses of the paused sources, each a [Pause] (JSON), by source ID
//	mw:{schedule}:asked     hash of the TIDs of the jobs that ask for the next polls of sources, by source ID
//
// The keys order, matches and shown are an index. Earlier versions of matchwire do not update it, so
// [Schedule.List] adds what is missing.
//
// If a reply is lost, the Redis client sends the script again. The scripts that change sources or
// return due polls therefore return the same reply to a repeated call.
type Schedule struct {
	redis  redis.UniversalClient
	prefix string
	outbox *outbox.Store
	nudge  func(outbox string)
	index  indexChecks
}

// outboxName is the name of the schedule's outbox.
const outboxName = "schedule"

// NewSchedule returns the schedule in r whose keys begin with prefix. After each write to its
// outbox, the Schedule calls nudge with the name of the outbox; see [outbox.Relay.Nudge]. nudge can
// be nil.
func NewSchedule(r redis.UniversalClient, prefix string, nudge func(outbox string)) *Schedule {
	if nudge == nil {
		nudge = func(string) {}
	}
	return &Schedule{redis: r, prefix: prefix, outbox: outbox.NewStore(r, prefix), nudge: nudge}
}

func (s *Schedule) key(what string) string { return s.prefix + "{schedule}:" + what }

func (s *Schedule) keys() []string {
	return []string{s.key("sources"), s.key("due"), s.key("interval"), s.key("tick"), s.key("polled"),
		s.outbox.Key(outboxName), s.key("configs"), s.key("beat"), s.key("order"), s.key("matches"), s.key("shown"),
		s.key("paused"), s.key("asked"), s.key("deadline"), s.key("changes")}
}

// keepReply is how long the reply of a script is stored. It is longer than the time for which
// the client retries a script.
const keepReply = 30 * time.Second

// replyKey returns the key of the stored reply to one call of a script.
func (s *Schedule) replyKey(call string) string { return s.key("reply:" + call) }

// An Activation is a request to poll a source.
type Activation struct {
	event.Source
	Sport  event.Sport `json:"sport"`
	League string      `json:"league"` // name such as "Premier League"; "" if only the page names it
	// LeagueKey is the league's word in routing keys. "" means event.Slug of League.
	LeagueKey string    `json:"league_key,omitempty"`
	By        string    `json:"by"` // [ByConfig] or [ByAPI]
	Activated time.Time `json:"activated"`
	TID       event.TID `json:"tid"`   // TID of the job that activated the source
	Event     string    `json:"event"` // ID of the match_activated event
	// Generation is the generation of the config that activated the source. It is 0 if an API call
	// activated the source.
	Generation int64 `json:"generation,omitzero"`
}

// The values of Activation.By.
const (
	ByConfig = "config"
	ByAPI    = "api"
)

// ErrActiveWithOtherSettings reports that the source is already active with other settings.
var ErrActiveWithOtherSettings = errors.New("the source is active with other settings: deactivate it first")

// activate adds a source, unless it is already active. It returns the activation that is in effect
// afterwards. If the config changes a paused source, the source stays paused, so no poll is due.
var activate = redis.NewScript(superseded + indexing + `
local had = redis.call('hget', KEYS[1], ARGV[1])
local polled = redis.call('hget', KEYS[5], ARGV[1])
if had and not (polled and cjson.decode(polled).stopped) then return had end
redis.call('hset', KEYS[1], ARGV[1], ARGV[3])
redis.call('incr', KEYS[15])
for i = 3, 5 do redis.call('hdel', KEYS[i], ARGV[1]) end
if not had and ARGV[2] == '0' then redis.call('hdel', KEYS[12], ARGV[1]) end
if redis.call('hexists', KEYS[12], ARGV[1]) == 0 then
  local t = redis.call('time')
  redis.call('zadd', KEYS[2], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[4], ARGV[1])
end
place(ARGV[1], ARGV[5])
show(ARGV[1], ARGV[6])
redis.call('rpush', KEYS[6], ARGV[7])
return ARGV[3]`)

// activationTimeout is the time from an activation to the first poll if no scheduler receives the
// match_activated event, for example because the broker lost it.
const activationTimeout = time.Minute

// Activate adds a source and emits match_activated under the TID of ctx, in one step. The scheduler
// that receives the event begins the polls. If the source is already active, it stays unchanged and
// fresh is false. If the active source has a different profile, interval or league, the error is
// ErrActiveWithOtherSettings. A stopped source is reactivated. current is the activation that is in
// effect afterwards. If a has a generation and a newer generation is in force, the error wraps
// ErrSuperseded.
func (s *Schedule) Activate(ctx context.Context, a Activation) (current Activation, fresh bool, err error) {
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
	_, err = s.writeEvent(ctx, activate, e, func(reply string) bool {
		fresh = json.Unmarshal([]byte(reply), &current) == nil && current.Event == a.Event
		return fresh
	}, a.ID, a.Generation, text, activationTimeout.Milliseconds(), a.Activated.UnixMicro(), shown(a, nil))
	if err != nil {
		return a, false, fmt.Errorf("activating source %s: %w", a.ID, err)
	}
	if current.Profile != a.Profile || current.Every != a.Every || current.League != a.League {
		return current, false, ErrActiveWithOtherSettings
	}
	return current, fresh, nil
}

// deactivate removes a source and returns its ID. It returns "" if it removed nothing. If ARGV[5] is "1", a pause
// of the source stays for its next activation. The script stores a marker that makes a repeated call return the
// ID, although the source is already gone.
var deactivate = redis.NewScript(`
if redis.call('exists', KEYS[16]) == 1 then return ARGV[1] end` + superseded + indexing + `
local had = redis.call('hget', KEYS[1], ARGV[1])
if not had or ARGV[3] ~= '' and cjson.decode(had).event ~= ARGV[3] then return '' end
redis.call('hdel', KEYS[1], ARGV[1])
redis.call('incr', KEYS[15])
redis.call('zrem', KEYS[2], ARGV[1])
for i = 3, 5 do redis.call('hdel', KEYS[i], ARGV[1]) end
redis.call('hdel', KEYS[13], ARGV[1])
if ARGV[5] ~= '1' then redis.call('hdel', KEYS[12], ARGV[1]) end
unlist(ARGV[1])
redis.call('rpush', KEYS[6], ARGV[6])
redis.call('set', KEYS[16], '1', 'px', ARGV[4])
return ARGV[1]`)

// Deactivate removes a source and emits match_deactivated under the TID of ctx. If no source has
// that ID, it returns false.
func (s *Schedule) Deactivate(ctx context.Context, id, reason string) (bool, error) {
	entry, ok, err := s.Get(ctx, id)
	if err != nil || !ok {
		return false, err
	}
	return s.deactivate(ctx, entry, reason, 0, false)
}

// deactivate removes a source at the request of the config with the given generation, if entry
// contains the current activation. With generation 0, it removes the source even if entry is
// outdated. If keepPause is set, the source stays paused when it is activated again. If a newer generation
// is in force, the error wraps ErrSuperseded. If it removes no source, it returns false.
func (s *Schedule) deactivate(
	ctx context.Context, entry Entry, reason string, generation int64, keepPause bool,
) (bool, error) {
	e, err := entry.event(event.MatchDeactivated, reason, event.TIDFrom(ctx))
	if err != nil {
		return false, err
	}
	expected := ""
	if generation > 0 {
		expected = entry.Event
	}
	wrote := func(was string) bool { return was != "" }
	was, err := s.writeEvent(
		ctx, deactivate, e, wrote, entry.ID, generation, expected, keepReply.Milliseconds(), keepPause)
	if err != nil {
		return false, fmt.Errorf("deactivating source %s: %w", entry.ID, err)
	}
	return was != "", nil
}

// event returns the event that reports the activation or deactivation of a source.
func (a Activation) event(k event.Kind, reason string, tid event.TID) (event.Event, error) {
	source := a.Source
	data := event.Data{
		Sport: a.Sport, League: a.League, LeagueKey: a.LeagueKey, Kind: k, Action: event.New, Reason: reason, Source: &source,
	}
	e, err := event.Of(data.Key(), data, time.Now())
	e.Source, e.Subject, e.TID = "/"+a.By, a.Match, tid
	if k == event.MatchDeactivated {
		e.CausationID = a.Event
	}
	return e, err
}

// writeEvent runs a script that may append e to the outbox, and returns the script's reply. The
// message of e becomes the last argument of the script. wrote reports, from the reply, whether the
// script appended e.
func (s *Schedule) writeEvent(
	ctx context.Context, script *redis.Script, e event.Event, wrote func(reply string) bool, args ...any,
) (string, error) {
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
	reply, err := script.Run(ctx, s.redis, append(s.keys(), s.replyKey(e.ID)), append(args, msg...)...).Text()
	if redis.HasErrorPrefix(err, "SUPERSEDED") {
		return "", ErrSuperseded
	}
	if err == nil && wrote(reply) {
		trace.From(ctx).Created(m, nil, e.Data.Reason)
		s.nudge(outboxName)
	}
	return reply, err
}

// begin returns the latest tick of a source, or -1 if the activation is not current or the source is
// stopped or paused.
var begin = redis.NewScript(`
local had, polled = redis.call('hget', KEYS[1], ARGV[1]), redis.call('hget', KEYS[5], ARGV[1])
if not had or cjson.decode(had).event ~= ARGV[2] or polled and cjson.decode(polled).stopped then return -1 end
if redis.call('hexists', KEYS[12], ARGV[1]) == 1 then return -1 end
local tick = redis.call('hget', KEYS[4], ARGV[1])
if tick then return tonumber(tick) end
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('hset', KEYS[4], ARGV[1], string.format('%.0f', now))
redis.call('zadd', KEYS[2], now + ARGV[3], ARGV[1])
return now`)

// Begin sets the first tick of a source to the current time, and schedules the second tick after
// the duration next. A tick is the time at which a poll is due. If the source already has a tick,
// Begin does not change when polls are due, and returns the latest tick.
//
// activation is the ID of a match_activated event. If this event does not belong to the current
// activation, or if the source is stopped or paused, current is false.
func (s *Schedule) Begin(
	ctx context.Context, source, activation string, next time.Duration,
) (tick time.Time, current bool, err error) {
	n, err := begin.Run(ctx, s.redis, s.keys(), source, activation, next.Milliseconds()).Int64()
	if err != nil {
		return tick, false, fmt.Errorf("scheduling source %s: %w", source, err)
	}
	if n >= 0 {
		if err := s.expect(ctx, source, next); err != nil {
			return tick, false, err
		}
	}
	return time.UnixMilli(n).UTC(), n >= 0, nil
}

// A DuePoll is a poll that is due.
type DuePoll struct {
	Activation Activation
	Due        time.Time     // time at which the poll is due, by Redis's clock
	Left       time.Duration // time until the next poll of the source is due
	Asked      event.TID     // TID of the job that asked for the poll; zero if the interval has passed
}

// popDue returns the time until the next poll, "" if there is none, and four strings for each due
// poll: the activation, the time at which the poll is due, the time until the next poll of the
// source, and the TID of the job that asked for the poll, or "". Times are in milliseconds.
// popDue skips missed polls: if a source is behind by an interval
// or more, only one poll is due. So polls do not accumulate during an outage. The script stores its
// reply, because a repeated call does not find the polls again.
var popDue = redis.NewScript(`
local reply = redis.call('get', KEYS[16])
if reply then return cjson.decode(reply) end
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ids = redis.call('zrangebyscore', KEYS[2], '-inf', now, 'withscores', 'limit', 0, ARGV[1])
local out = {''}
for i = 1, #ids, 2 do
  local id, due = ids[i], tonumber(ids[i+1])
  local source = redis.call('hget', KEYS[1], id)
  if source and redis.call('hexists', KEYS[12], id) == 0 then
    local every = tonumber(redis.call('hget', KEYS[3], id) or ARGV[2])
    if due + every <= now then due = now end
    redis.call('zadd', KEYS[2], due + every, id)
    redis.call('hset', KEYS[4], id, string.format('%.0f', due))
    out[#out+1] = source
    out[#out+1] = string.format('%.0f', due)
    out[#out+1] = string.format('%.0f', due + every - now)
    out[#out+1] = redis.call('hget', KEYS[13], id) or ''
    redis.call('hdel', KEYS[13], id)
  else
    redis.call('zrem', KEYS[2], id)
  end
end
local first = redis.call('zrange', KEYS[2], 0, 0, 'withscores')
if first[2] then out[1] = string.format('%.0f', first[2] - now) end
if #out > 1 then redis.call('set', KEYS[16], cjson.encode(out), 'px', ARGV[3]) end
return out`)

// A PopID identifies one [Schedule.Pop], so that a Pop without a reply can be repeated. Each
// goroutine needs its own PopID. The zero PopID is ready for use.
type PopID struct{ id string }

// Pop returns the polls that are due, at most n, and schedules the next poll of each source. No
// other caller gets the same polls. wait is the time until the next poll of any source is due, or an
// hour if no poll is scheduled. If the reply of Redis is lost, the next Pop with the same PopID
// returns the same polls.
func (s *Schedule) Pop(ctx context.Context, n int, pop *PopID) (polls []DuePoll, wait time.Duration, err error) {
	if pop.id == "" {
		pop.id = uuid.NewString()
	}
	keys := append(s.keys(), s.replyKey(pop.id))
	found, err := popDue.Run(ctx, s.redis, keys, n, time.Minute.Milliseconds(), keepReply.Milliseconds()).StringSlice()
	if err != nil {
		return nil, 0, fmt.Errorf("reading the schedule: %w", err)
	}
	pop.id = ""
	wait = time.Hour
	if found[0] != "" {
		wait = milliseconds(found[0])
	}
	for rest := found[1:]; len(rest) >= 4; rest = rest[4:] {
		var p DuePoll
		if err := json.Unmarshal([]byte(rest[0]), &p.Activation); err != nil {
			return polls, wait, fmt.Errorf("reading the schedule: %w", err)
		}
		p.Due, p.Left = time.UnixMilli(milliseconds(rest[1]).Milliseconds()).UTC(), milliseconds(rest[2])
		if rest[3] != "" {
			if p.Asked, err = event.ParseTID(rest[3]); err != nil {
				return polls, wait, fmt.Errorf("reading the schedule: %w", err)
			}
		}
		polls = append(polls, p)
	}
	return polls, wait, nil
}

func milliseconds(s string) time.Duration {
	n, _ := strconv.ParseInt(s, 10, 64)
	return time.Duration(n) * time.Millisecond
}
