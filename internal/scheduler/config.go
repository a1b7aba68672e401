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

// During a deploy, schedulers with different configs run at the same time. One of the configs is in
// force. It is the one that began the latest generation, and only schedulers that have it activate
// and deactivate sources of the config:
//
//   - A scheduler that starts with an unknown config begins a generation.
//   - A scheduler with another config waits. It polls what is on the schedule.
//   - If no scheduler with the config in force is seen for a while, a waiting one begins a
//     generation. So a rollback takes effect when the last new scheduler has stopped, and an old
//     one that is restarted during a deploy changes nothing.
const (
	configEvery  = 5 * time.Second // between two checks of the config in force
	absentChecks = 4               // checks in a row without a beat, after which no scheduler has the config in force
	keepConfigs  = 100             // the most configs that are remembered
)

// ErrSuperseded reports that a config with a newer generation is in force.
var ErrSuperseded = errors.New("another config is in force")

// superseded is the beginning of scripts that act for a config. Their ARGV[2] is its generation, or
// 0 if they act for an API call.
const superseded = `
if ARGV[2] ~= '0' and tonumber(redis.call('zrange', KEYS[7], -1, -1, 'withscores')[2] or '0') > tonumber(ARGV[2]) then
  return redis.error_reply('SUPERSEDED by another config')
end`

// An ownConfig is what a scheduler remembers of its config between checks.
type ownConfig struct {
	joined     bool  // it has checked at least once
	inForce    bool  // as of the latest check
	applied    bool  // its sources were activated since it came into force, or since the scheduler started
	generation int64 // in which it was last in force; 0 if never
	beat       string
	absent     int // consecutive checks that saw the same beat
}

// If Redis has lost generations, the newest that a scheduler remembers comes into force.
var joinConfigs = redis.NewScript(`
local last = redis.call('zrange', KEYS[7], -1, -1, 'withscores')
local generation, remembered, beat = tonumber(last[2] or '0'), tonumber(ARGV[2]), redis.call('get', KEYS[8]) or '0'
local own = 0
if last[1] == ARGV[1] or remembered > generation then
  own = math.max(generation, remembered)
elseif ARGV[3] == beat or ARGV[4] == '1' and not redis.call('zscore', KEYS[7], ARGV[1]) then
  own = generation + 1
end
if own == 0 then return {generation, 0, beat} end
redis.call('zadd', KEYS[7], own, ARGV[1])
redis.call('zremrangebyrank', KEYS[7], 0, -1 - ARGV[5])
return {own, 1, tostring(redis.call('incr', KEYS[8]))}`)

// join checks which config is in force, and brings the scheduler's own into force by the rules
// above.
func (s *Schedule) join(ctx context.Context, fingerprint string, c *ownConfig) error {
	absent, first := "", 1
	if c.absent >= absentChecks {
		absent = c.beat
	}
	if c.joined {
		first = 0
	}
	found, err := joinConfigs.Run(ctx, s.redis, s.keys(), fingerprint, c.generation, absent, first, keepConfigs).Slice()
	if err != nil {
		c.absent = 0 // other schedulers may not reach Redis either
		return fmt.Errorf("checking which config is in force: %w", err)
	}
	beat := fmt.Sprint(found[2])
	c.joined, c.inForce = true, found[1] == int64(1)
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

// fingerprint is the same for configs that name the same sources with the same settings.
func fingerprint(config []Activation) string {
	type named struct {
		event.Source
		Sport  event.Sport
		League string
	}
	all := make([]named, len(config))
	for i, a := range config {
		all[i] = named{a.Source, a.Sport, a.League}
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Compare(a.ID, b.ID) })
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // it is made of strings and durations
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// ensure checks which config is in force. If it is this scheduler's, ensure activates the sources
// that the config names, and deactivates those that only an earlier config named. This also
// restores the sources after Redis has lost them. When the config comes into force, or the
// scheduler starts with it, ensure also activates stopped sources again, since the cause may be
// gone.
func (s *Scheduler) ensure(ctx context.Context, c *ownConfig) error {
	was := *c
	if err := s.Schedule.join(ctx, fingerprint(s.Config), c); err != nil {
		return err
	}
	switch {
	case c.inForce && !was.inForce:
		s.Log.Info("this scheduler's config is in force", "generation", c.generation, "sources", len(s.Config))
	case !c.inForce && (was.inForce || !was.joined):
		s.Log.Warn("another scheduler's newer config is in force: this config applies when no scheduler has the newer one")
	}
	if !c.inForce {
		return nil
	}
	switch err := s.apply(ctx, c.generation, !c.applied); {
	case errors.Is(err, ErrSuperseded): // the next check finds out
		return nil
	case err != nil:
		return err
	}
	c.applied = true
	return nil
}

// apply activates and deactivates sources so that the active ones are those of the config.
func (s *Scheduler) apply(ctx context.Context, generation int64, restart bool) error {
	all, err := s.Schedule.List(ctx)
	if err != nil {
		return err
	}
	others := map[string]Entry{}
	for _, e := range all {
		others[e.ID] = e
	}
	for _, want := range s.Config {
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
			err = s.Schedule.forget(ctx, id)
		case e.By == ByConfig:
			_, err = s.Schedule.deactivate(ctx, e, "the config does not name it any more", generation)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// applySource activates one source with the settings of the config. restart also activates a
// stopped one.
func (s *Scheduler) applySource(ctx context.Context, want Activation, e Entry, active, restart bool) error {
	differs := active &&
		(e.Profile != want.Profile || e.Every != want.Every || e.Sport != want.Sport || e.League != want.League)
	if active && !differs && (e.Latest.Stopped == "" || !restart) {
		return nil
	}
	if differs {
		reason := "the config has changed"
		if e.By != ByConfig {
			reason = "the config names it with other settings"
		}
		s.Log.Info("source activated again", "reason", reason, "source", e.ID, "url", e.URL, "by", e.By,
			"every", want.Every, "every_before", e.Every)
		if _, err := s.Schedule.deactivate(ctx, e, reason, want.Generation); err != nil {
			return err
		}
	}
	job, step := s.Trace.Start(event.WithTID(ctx, event.NewTID()), trace.Span{
		Op: trace.Start, Role: "scheduler", Name: "config names " + want.URL, Match: want.Match,
	})
	_, fresh, err := s.Schedule.Activate(job, want)
	if errors.Is(err, ErrOther) { // an API call came first: the next check replaces its activation
		return nil
	}
	if fresh || err != nil {
		step.End()
	}
	return err
}
