// Package scoreboard is a consumer that stores the state of every match in Redis. Other programs
// can read these keys:
//
//	mw:{<match>}:scoreboard   hash: score, clock, status and more; docs/consumers.md lists the fields
//	mw:{<match>}:incidents    hash: the latest revision of each incident, the JSON of an [Incident]
//	mw:{scoreboards}          sorted set: match IDs by the time of the latest event, in Unix milliseconds
//	mw:{scoreboards}:live     the same for the matches in play
//	mw:scoreboards:changes    pub/sub channel: the JSON of a [Change] for every change to a board
//
// Neither duplicates nor the order of arrival changes the result. A script compares an event with
// the stored state and writes the event in one step. The state of a match comes from the event with
// the highest (epoch, seq), and each incident from its highest revision in the latest epoch. If an
// incident is retracted and then reported again, it counts as a new incident. A later epoch removes
// all data of an earlier epoch.
//
// In a Redis cluster, the lists can be on another server than a board. So the same event is also
// compared with the latest position that the lists have of its match:
//
//	mw:{scoreboards}:positions  hash: the epoch and the seq of the latest event of each listed match
//
// Events that arrive during a write are written together in the next pipeline.
package scoreboard

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/redisclient"
)

// Settings holds the scoreboard's section of the config.
type Settings struct {
	// Keep is how long a board is kept after its latest event, as a Go duration of a minute or more.
	// The default is "72h".
	Keep string `yaml:"keep"`
}

const (
	maxBatch  = 256 // maximum number of updates in a pipeline
	maxWrites = 2   // maximum number of pipelines: one is filled while Redis executes the other
)

// A scoreboard writes events to their boards.
type scoreboard struct {
	redis  redis.UniversalClient
	prefix string
	keep   time.Duration
	batch  consumers.Batcher[update]
}

// New returns the consumer.
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
	s.batch = consumers.Batcher[update]{Write: s.write, MaxItems: maxBatch, MaxWrites: maxWrites}
	return consumers.Consumer{Keys: []string{"#"}, Limit: 128, Rebuilds: true, Handle: s.handle}, nil
}

// Key returns the key of a match's scoreboard.
func Key(prefix, match string) string { return prefix + "{" + match + "}:scoreboard" }

// IncidentsKey returns the key of a match's incidents.
func IncidentsKey(prefix, match string) string { return prefix + "{" + match + "}:incidents" }

// ListKey returns the key of the list of all matches.
func ListKey(prefix string) string { return prefix + "{scoreboards}" }

// LiveKey returns the key of the list of the matches in play.
func LiveKey(prefix string) string { return ListKey(prefix) + ":live" }

// positionsKey returns the key of the positions of the latest events in the lists.
func positionsKey(prefix string) string { return ListKey(prefix) + ":positions" }

// ChangesChannel returns the name of the channel to which changes are published.
func ChangesChannel(prefix string) string { return prefix + "scoreboards:changes" }

// handle writes an event to its board. It ignores an event without a match, and an event whose board
// would already have expired.
func (s *scoreboard) handle(ctx context.Context, e event.Event) error {
	if e.Data.Match == nil || e.Subject == "" {
		return nil
	}
	at := time.Now()
	if e.Time.Before(at) && !e.Data.Replay { // the time of a replayed event may be years ago
		at = e.Time
	}
	if time.Since(at) > s.keep {
		return nil
	}
	args, err := boardArguments(e, ChangesChannel(s.prefix), at.Add(s.keep))
	if err != nil {
		return broker.Permanent(err)
	}
	u := update{
		keys:  []string{Key(s.prefix, e.Subject), IncidentsKey(s.prefix, e.Subject)},
		board: args, list: listArguments(e, at),
	}
	if err := s.batch.Do(ctx, u); err != nil {
		return fmt.Errorf("writing scoreboard of match %s: %w", e.Subject, consumers.RedisError(err))
	}
	return nil
}

// An update is the change of a board and of the lists by one event.
type update struct {
	keys        []string // of the board
	board, list []any    // arguments of updateBoard and updateLists
}

// write writes a batch, and waits until a replica has it, if replicas can replace the server.
func (s *scoreboard) write(ctx context.Context, batch []update) []error {
	errs := s.runScripts(ctx, batch)
	keys := []string{ListKey(s.prefix)}
	for _, u := range batch {
		keys = append(keys, u.keys[0])
	}
	if err := redisclient.Confirm(ctx, s.redis, keys...); err != nil {
		for i := range errs {
			errs[i] = cmp.Or(errs[i], err)
		}
	}
	return errs
}

// runScripts writes a batch in one pipeline. Redis loses the scripts when it restarts. If a script is
// missing, runScripts loads the scripts and repeats the updates that failed for this reason.
func (s *scoreboard) runScripts(ctx context.Context, batch []update) []error {
	errs := s.pipeline(ctx, batch)
	var missing []int // indexes of the updates that found no script
	for i, err := range errs {
		if redis.HasErrorPrefix(err, "NOSCRIPT") {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 || updateBoard.Load(ctx, s.redis).Err() != nil || updateLists.Load(ctx, s.redis).Err() != nil {
		return errs
	}
	retried := make([]update, len(missing))
	for n, i := range missing {
		retried[n] = batch[i]
	}
	for n, err := range s.pipeline(ctx, retried) {
		errs[missing[n]] = err
	}
	return errs
}

// pipeline writes a batch in one pipeline, which also removes expired boards from the lists. It returns
// the error of each update.
func (s *scoreboard) pipeline(ctx context.Context, batch []update) []error {
	written := make([]*redis.Cmd, len(batch))
	lists := []any{time.Now().Add(-s.keep).UnixMilli()}
	pipe := s.redis.Pipeline()
	for i, u := range batch {
		written[i] = updateBoard.EvalSha(ctx, pipe, u.keys, u.board...)
		lists = append(lists, u.list...)
	}
	keys := []string{ListKey(s.prefix), LiveKey(s.prefix), positionsKey(s.prefix)}
	listed := updateLists.EvalSha(ctx, pipe, keys, lists...)
	_, _ = pipe.Exec(ctx) // each command has its own error
	errs := make([]error, len(batch))
	for i := range errs {
		errs[i] = cmp.Or(written[i].Err(), listed.Err())
	}
	return errs
}
