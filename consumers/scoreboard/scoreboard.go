// Package scoreboard keeps the whole state of every match in Redis, for other
// programs to read:
//
//	mw:{<match>}:scoreboard   hash: score, clock, status and the rest, see fields
//	mw:{<match>}:incidents    hash: by incident its latest revision, the JSON of an [Incident]
//	mw:scoreboards            sorted set of match IDs by the time of their latest event, Unix milliseconds
//	mw:scoreboards:live       the same of the matches that are under way
//	mw:scoreboards:changes    channel (pub/sub): the JSON of a [Change] for every event that changed something
//
// No order in which events arrive, and no number of copies, makes a difference:
// what the match is like goes by (epoch, seq), each incident by epoch and
// revision, compared in the same step that writes. (An incident that happens
// again after it was taken back is another incident.) A later epoch leaves
// nothing of an earlier one. Events that come while others are being written
// are written together.
package scoreboard

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// Settings are the scoreboard's part of the config.
type Settings struct {
	// Keep is how long a match stays after its last event: "72h".
	Keep string `yaml:"keep"`
}

const (
	maxBatch = 256 // updates in a pipeline
	writers  = 2   // pipelines at a time: one is filled while Redis works on the other
)

type scoreboard struct {
	redis  redis.UniversalClient
	prefix string
	keep   time.Duration
	batch  consumers.Batcher[update]
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
	s.batch = consumers.Batcher[update]{Write: s.write, Most: maxBatch, Writes: writers}
	return consumers.Consumer{Keys: []string{"#"}, Limit: 128, Rebuilds: true, Handle: s.handle}, nil
}

// Key is the key of a match's scoreboard.
func Key(prefix, match string) string { return prefix + "{" + match + "}:scoreboard" }

// IncidentsKey is the key of a match's incidents.
func IncidentsKey(prefix, match string) string { return prefix + "{" + match + "}:incidents" }

// ListKey is the key of the list of all boards, LiveKey of those under way.
func ListKey(prefix string) string { return prefix + "scoreboards" }
func LiveKey(prefix string) string { return prefix + "scoreboards:live" }

// ChangesChannel is where changes are published.
func ChangesChannel(prefix string) string { return prefix + "scoreboards:changes" }

func (s *scoreboard) keys(match string) []string {
	return []string{Key(s.prefix, match), IncidentsKey(s.prefix, match), ListKey(s.prefix), LiveKey(s.prefix), ChangesChannel(s.prefix)}
}

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
	args, err := arguments(e, at, at.Add(s.keep))
	if err != nil {
		return broker.Permanent(err)
	}
	if err := s.batch.Do(ctx, update{keys: s.keys(e.Subject), args: args}); err != nil {
		return fmt.Errorf("writing scoreboard of %s: %w", e.Subject, consumers.RedisError(err))
	}
	return nil
}

// An update is one event on its way to its board.
type update struct {
	keys []string // of the script
	args []any
}

// write writes a batch in one pipeline, and once more what a server that was
// restarted could not: it has forgotten the script.
func (s *scoreboard) write(ctx context.Context, batch []update) []error {
	errs := s.pipeline(ctx, batch)
	var again []int
	for i, err := range errs {
		if redis.HasErrorPrefix(err, "NOSCRIPT") {
			again = append(again, i)
		}
	}
	if len(again) == 0 || script.Load(ctx, s.redis).Err() != nil { // then they are tried again, as with any error
		return errs
	}
	forgotten := make([]update, len(again))
	for n, i := range again {
		forgotten[n] = batch[i]
	}
	for n, err := range s.pipeline(ctx, forgotten) {
		errs[again[n]] = err
	}
	return errs
}

func (s *scoreboard) pipeline(ctx context.Context, batch []update) []error {
	written := make([]*redis.Cmd, len(batch))
	pipe := s.redis.Pipeline()
	for i, u := range batch {
		written[i] = script.EvalSha(ctx, pipe, u.keys, u.args...)
	}
	gone := strconv.FormatInt(time.Now().Add(-s.keep).UnixMilli(), 10)
	all := pipe.ZRemRangeByScore(ctx, ListKey(s.prefix), "-inf", gone)
	live := pipe.ZRemRangeByScore(ctx, LiveKey(s.prefix), "-inf", gone)
	_, _ = pipe.Exec(ctx) // each command has its own error
	errs := make([]error, len(batch))
	for i := range errs {
		errs[i] = cmp.Or(written[i].Err(), all.Err(), live.Err())
	}
	return errs
}
