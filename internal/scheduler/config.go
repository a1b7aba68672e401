package scheduler

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
)

// During a deploy, schedulers with different configs run at the same time. The config with the
// latest generation is in force. Only schedulers with that config activate and deactivate sources of
// the config. The rules are:
//
//   - A scheduler that starts with an unknown config begins a generation.
//   - A scheduler with a different config waits. It still publishes tasks for the sources on the schedule.
//   - At each check, a scheduler whose config is in force increments a counter, the beat. If the
//     beat does not change for a while, a waiting scheduler begins a generation. So a rollback
//     takes effect when the last scheduler with the new config has stopped. If a scheduler with the
//     old config restarts during a deploy, the new config stays in force.
//   - A running scheduler that loads another config begins a generation, even if the config is known, unless a
//     config that it has not had is in force. So an edit that undoes the previous edit takes effect at once.
const (
	configEvery  = 5 * time.Second // interval between two checks of the config in force
	listEvery    = time.Minute     // longest time between two reads of all sources: earlier versions count no changes
	absentChecks = 4               // number of checks without a new beat before a waiting scheduler begins a generation
	keepConfigs  = 100             // maximum number of configs whose generation is stored
)

// ErrSuperseded reports that a config with a newer generation is in force.
var ErrSuperseded = errors.New("a config with a newer generation is in force")

// superseded is the beginning of the scripts that change sources. ARGV[2] is the generation of the
// config, or 0 for an API call.
const superseded = `
if ARGV[2] ~= '0' and tonumber(redis.call('zrange', KEYS[7], -1, -1, 'withscores')[2] or '0') > tonumber(ARGV[2]) then
  return redis.error_reply('SUPERSEDED by another config')
end`

// An ownConfig is the state of a scheduler's config between checks.
type ownConfig struct {
	joined     bool      // the scheduler has checked the config in force at least once
	inForce    bool      // the config was in force at the latest check
	applied    bool      // ensure has applied the config since the scheduler started and since the config came into force
	generation int64     // latest generation in which the config was in force; 0 if there is none
	replaces   string    // fingerprint of the config that was in force until this scheduler loaded another one
	beat       string    // beat of the config in force at the latest check
	changes    string    // number of changes of sources before the latest check
	seen       string    // changes when ensure last applied the config
	listed     time.Time // when ensure last applied the config
	absent     int       // number of consecutive checks with the same beat
}

// joinConfigs returns four values: the generation in force, 1 if the scheduler's config has this
// generation and otherwise 0, the beat, and the number of changes of sources. If Redis has lost its
// data, the config with the latest generation that a scheduler remembers comes into force.
var joinConfigs = redis.NewScript(`
local last = redis.call('zrange', KEYS[7], -1, -1, 'withscores')
local generation, remembered, beat = tonumber(last[2] or '0'), tonumber(ARGV[2]), redis.call('get', KEYS[8]) or '0'
local own = 0
if last[1] == ARGV[1] or remembered > generation then
  own = math.max(generation, remembered)
elseif ARGV[3] == beat or ARGV[6] ~= '' and last[1] == ARGV[6] or
  ARGV[4] == '1' and not redis.call('zscore', KEYS[7], ARGV[1]) then
  own = generation + 1
end
local changes = redis.call('get', KEYS[15]) or '0'
if own == 0 then return {generation, 0, beat, changes} end
redis.call('zadd', KEYS[7], own, ARGV[1])
redis.call('zremrangebyrank', KEYS[7], 0, -1 - ARGV[5])
return {own, 1, tostring(redis.call('incr', KEYS[8])), changes}`)

// join checks which config is in force and updates c. fingerprint identifies the scheduler's
// config. join brings this config into force if the rules above require it.
func (s *Schedule) join(ctx context.Context, fingerprint string, c *ownConfig) error {
	absentBeat, isFirst := "", 1
	if c.absent >= absentChecks {
		absentBeat = c.beat
	}
	if c.joined {
		isFirst = 0
	}
	found, err := joinConfigs.Run(
		ctx, s.redis, s.keys(), fingerprint, c.generation, absentBeat, isFirst, keepConfigs, c.replaces).Slice()
	if err != nil {
		c.absent = 0 // other schedulers may also be unable to reach Redis
		return fmt.Errorf("checking which config is in force: %w", err)
	}
	beat := fmt.Sprint(found[2])
	c.changes = fmt.Sprint(found[3])
	c.joined, c.inForce, c.replaces = true, found[1] == int64(1), ""
	switch {
	case c.inForce:
		c.generation, c.absent = found[0].(int64), 0
	case beat == c.beat:
		c.absent++
	default:
		c.absent = 1
	}
	c.beat = beat
	c.applied = c.applied && c.inForce
	return nil
}

// fingerprint returns a hash that is equal for configs with the same sources and settings.
func fingerprint(config []Activation) string {
	type named struct {
		event.Source
		Sport     event.Sport
		League    string
		LeagueKey string `json:",omitempty"`
	}
	all := make([]named, len(config))
	for i, a := range config {
		all[i] = named{a.Source, a.Sport, a.League, a.LeagueKey}
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Compare(a.ID, b.ID) })
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // strings and durations always have a JSON encoding
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// load records that the scheduler has another config. If the old config was in force, the next check brings the
// current one into force.
func (c *ownConfig) load(old, current []Activation) {
	before := fingerprint(old)
	switch {
	case before == fingerprint(current):
	case c.inForce:
		*c = ownConfig{applied: c.applied, replaces: before}
	default:
		*c = ownConfig{applied: c.applied, replaces: c.replaces}
	}
}

// ensure checks whether this scheduler's config is in force. If it is, ensure activates the sources
// of the config and deactivates the sources that only an earlier config named, unless no source has
// changed since it last did so. It also restores the sources after Redis has lost its data. When the
// config comes into force, or the scheduler starts with it, ensure reactivates stopped sources too,
// because the reason for the stop may no longer apply.
func (s *Scheduler) ensure(ctx context.Context, config []Activation, c *ownConfig) error {
	was := *c
	if err := s.Schedule.join(ctx, fingerprint(config), c); err != nil {
		return err
	}
	switch {
	case c.inForce && !was.inForce:
		s.Log.Info("this scheduler's config is in force", "generation", c.generation, "sources", len(config))
	case !c.inForce && (was.inForce || !was.joined):
		s.Log.Warn("another scheduler's newer config is in force: this config applies when no scheduler has the newer config")
	}
	if !c.inForce || c.applied && c.changes == c.seen && time.Since(c.listed) < listEvery {
		return nil
	}
	switch err := s.apply(ctx, config, c.generation, !c.applied); {
	case errors.Is(err, ErrSuperseded): // the next check updates c.inForce
		return nil
	case err != nil:
		return err
	}
	c.applied, c.seen, c.listed = true, c.changes, time.Now()
	return nil
}

// apply activates the sources of the config, deactivates other sources that a config activated, and
// removes sources that stopped long ago. It does not change other sources that API calls activated.
// If restart is set, apply also reactivates stopped sources of the config.
func (s *Scheduler) apply(ctx context.Context, config []Activation, generation int64, restart bool) error {
	all, err := s.Schedule.List(ctx)
	if err != nil {
		return err
	}
	others := map[string]Entry{}
	for _, e := range all {
		others[e.ID] = e
	}
	for _, want := range config {
		e, active := others[want.ID]
		delete(others, want.ID)
		want.Generation = generation
		if err := s.applySource(ctx, want, e, active, restart); err != nil {
			return err
		}
	}
	for id, e := range others {
		switch {
		case e.Latest.Stopped != "" && time.Since(e.Latest.At) > stoppedFor:
			err = s.Schedule.removeStopped(ctx, id)
		case e.By == ByConfig:
			_, err = s.Schedule.deactivate(ctx, e, "the config no longer names the source", generation, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// applySource activates one source with the settings of the config. A paused source stays paused. If restart is
// set, applySource also reactivates a stopped source. If active is set, e is the entry of the source.
func (s *Scheduler) applySource(ctx context.Context, want Activation, e Entry, active, restart bool) error {
	differs := active &&
		(e.Profile != want.Profile || e.Every != want.Every || e.Sport != want.Sport || e.League != want.League ||
			e.LeagueKey != want.LeagueKey)
	if active && !differs && (e.Latest.Stopped == "" || !restart) {
		return nil
	}
	if differs {
		reason := "the config has changed"
		if e.By != ByConfig {
			reason = "the config names the source with other settings"
		}
		s.Log.Info("source reactivated", "reason", reason, "source", e.ID, "url", e.URL, "by", e.By,
			"every", want.Every, "every_before", e.Every)
		if _, err := s.Schedule.deactivate(ctx, e, reason, want.Generation, true); err != nil {
			return err
		}
	}
	job, step := s.Trace.Start(event.WithTID(ctx, event.NewTID()), trace.Span{
		Op: trace.Start, Role: "scheduler", Name: "config names " + want.URL, Match: want.Match,
	})
	_, fresh, err := s.Schedule.Activate(job, want)
	// An API call activated the source first. The next check replaces that activation.
	if errors.Is(err, ErrActiveWithOtherSettings) {
		return nil
	}
	if fresh || err != nil {
		step.End()
	}
	return err
}
