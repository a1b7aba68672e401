// Package scoreboard keeps the state of every match in Redis, for other
// programs to read:
//
//	mw:{<match>}:scoreboard  hash, see fields
//	mw:scoreboards           sorted set of match IDs by the time of their latest event, Unix milliseconds
//
// A late event never undoes a newer one: (epoch, seq) is compared in the same
// step that writes. Handling an event twice changes nothing. Events that come
// while others are being written are written together.
package scoreboard

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// Settings are the scoreboard's part of the config.
type Settings struct {
	// Keep is how long a match stays after its last event: "72h".
	Keep string `yaml:"keep"`
}

type scoreboard struct {
	redis  redis.UniversalClient
	prefix string
	keep   time.Duration
	batch  batcher
}

// New makes the consumer.
func New(h consumers.Host) (consumers.Consumer, error) {
	set := Settings{Keep: "72h"}
	if err := h.Settings(&set); err != nil {
		return consumers.Consumer{}, err
	}
	keep, err := time.ParseDuration(set.Keep)
	if err != nil || keep < time.Minute {
		return consumers.Consumer{}, fmt.Errorf("keep %q: want a duration of a minute or more, like 72h", set.Keep)
	}
	s := &scoreboard{redis: h.Redis, prefix: h.Prefix, keep: keep}
	s.batch.write = s.write
	return consumers.Consumer{Keys: []string{"#"}, Limit: 128, Rebuilds: true, Handle: s.handle}, nil
}

// Key is the key of a match's scoreboard.
func Key(prefix, match string) string { return prefix + "{" + match + "}:scoreboard" }

// The seq of an event without an epoch is its time, so both stay below 2^53
// and compare exactly as Lua's numbers.
var compareAndSet = redis.NewScript(`
local epoch = redis.call('hget', KEYS[1], 'epoch') or ''
local seq = tonumber(redis.call('hget', KEYS[1], 'seq') or '-1')
if ARGV[1] < epoch or (ARGV[1] == epoch and tonumber(ARGV[2]) < seq) then return 0 end
redis.call('hset', KEYS[1], 'epoch', ARGV[1], 'seq', ARGV[2], unpack(ARGV, 4))
redis.call('pexpireat', KEYS[1], ARGV[3])
return 1`)

func (s *scoreboard) handle(ctx context.Context, e event.Event) error {
	if e.Data.Match == nil || e.Subject == "" {
		return nil // about no match
	}
	at := time.Now()
	if e.Time.Before(at) && !e.Data.Replay { // that of a replay may be years ago
		at = e.Time
	}
	if time.Since(at) > s.keep {
		return nil // its board would be gone by now
	}
	u := &update{key: Key(s.prefix, e.Subject), member: e.Subject, at: at, args: arguments(e, at.Add(s.keep))}
	if err := s.batch.do(ctx, u); err != nil {
		return fmt.Errorf("writing scoreboard of %s: %w", e.Subject, consumers.RedisError(err))
	}
	return nil
}

// write writes a batch in one pipeline, and once more where the server has
// forgotten the script: it was restarted.
func (s *scoreboard) write(ctx context.Context, batch []*update) {
	var forgotten []*update
	s.pipeline(ctx, batch)
	for _, u := range batch {
		if redis.HasErrorPrefix(u.err, "NOSCRIPT") {
			forgotten = append(forgotten, u)
		}
	}
	if len(forgotten) == 0 {
		return
	}
	if err := compareAndSet.Load(ctx, s.redis).Err(); err != nil {
		return // they are tried again, as with any error
	}
	s.pipeline(ctx, forgotten)
}

func (s *scoreboard) pipeline(ctx context.Context, batch []*update) {
	list := s.prefix + "scoreboards"
	members := make([]redis.Z, len(batch))
	written := make([]*redis.Cmd, len(batch))
	pipe := s.redis.Pipeline()
	for i, u := range batch {
		written[i] = compareAndSet.EvalSha(ctx, pipe, []string{u.key}, u.args...)
		members[i] = redis.Z{Score: float64(u.at.UnixMilli()), Member: u.member}
	}
	listed := pipe.ZAddArgs(ctx, list, redis.ZAddArgs{GT: true, Members: members})
	trimmed := pipe.ZRemRangeByScore(ctx, list, "-inf", strconv.FormatInt(time.Now().Add(-s.keep).UnixMilli(), 10))
	_, _ = pipe.Exec(ctx) // each command has its own error
	for i, u := range batch {
		u.err = cmp.Or(written[i].Err(), listed.Err(), trimmed.Err())
	}
}

// arguments are those of the script.
func arguments(e event.Event, until time.Time) []any {
	epoch, seq := e.Position()
	return append([]any{epoch, seq, until.UnixMilli()}, fields(e)...)
}

// fields are names and values of the hash. What an event does not say keeps
// its last value.
func fields(e event.Event) []any {
	d, m := e.Data, e.Data.Match
	f := []any{
		"match", m.ID, "sport", string(d.Sport), "league", d.League, "updated", e.Time.Format(time.RFC3339Nano),
		"event", e.Type, "id", e.ID, "tid", e.TID.String(),
		"period", string(m.Period), "time", m.Clock.String(), "stale", "", "stale_since", "",
	}
	if m.Stale != nil {
		f = append(f, "stale", m.Stale.Reason, "stale_since", m.Stale.Since.Format(time.RFC3339))
	}
	for name, value := range map[string]string{"home": m.Home, "away": m.Away, "status": string(m.Status)} {
		if value != "" {
			f = append(f, name, value)
		}
	}
	if !m.Start.IsZero() {
		f = append(f, "start", m.Start.Format(time.RFC3339))
	}
	if d.Score != nil {
		f = append(f, "home_score", d.Score.Home, "away_score", d.Score.Away)
	}
	if d.Shootout != nil {
		f = append(f, "home_shootout", d.Shootout.Home, "away_shootout", d.Shootout.Away)
	}
	return f
}
