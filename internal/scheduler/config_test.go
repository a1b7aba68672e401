package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/poll"
)

func source(by, url string, every time.Duration) Activation {
	return Activation{Sport: event.Soccer, League: "MLS", By: by,
		Source: event.Source{ID: event.SourceID(url, ""), URL: url, Profile: "p", Every: event.Interval(every)}}
}

// configs holds the configs of the tests. The name of a config lists its sources and their
// intervals.
var configs = map[string][]Activation{
	"a=15s gone=15s": {source(ByConfig, "a", 15*time.Second), source(ByConfig, "gone", 15*time.Second)},
	"a=30s new=15s":  {source(ByConfig, "a", 30*time.Second), source(ByConfig, "new", 15*time.Second)},
	"b=15s":          {source(ByConfig, "b", 15*time.Second)},
}

const (
	before = "a=15s gone=15s"
	after  = "a=30s new=15s"
)

// A deployment is a set of schedulers that share a Redis server.
type deployment struct {
	*testing.T
	redis    *redis.Client
	schedule *Schedule
	running  map[string]func(context.Context) error // functions that call ensure, by the name of the scheduler
	reload   map[string]func(config string)         // functions that load another config, by the name of the scheduler
}

func newDeployment(t *testing.T, r *redis.Client) *deployment {
	return &deployment{t, r, NewSchedule(r, "mw:", nil), map[string]func(context.Context) error{},
		map[string]func(string){}}
}

// start starts a scheduler and calls ensure for it. It replaces a running scheduler of that name.
func (d *deployment) start(name, config string) {
	s := &Scheduler{Schedule: d.schedule, Config: configs[config], Log: slog.New(slog.DiscardHandler)}
	own := &ownConfig{}
	d.running[name] = func(ctx context.Context) error { return s.ensure(ctx, s.Config, own) }
	d.reload[name] = func(config string) {
		own.load(s.Config, configs[config])
		s.Config = configs[config]
	}
	d.check(name)
}

func (d *deployment) stop(name string) { delete(d.running, name) }

// check calls ensure for the named scheduler.
func (d *deployment) check(name string) {
	d.Helper()
	if err := d.running[name](d.Context()); err != nil {
		d.Errorf("%s: %v", name, err)
	}
}

// rounds calls ensure n times for all schedulers.
func (d *deployment) rounds(n int) {
	d.Helper()
	for range n {
		for _, name := range slices.Sorted(maps.Keys(d.running)) {
			d.check(name)
		}
	}
}

// active returns the active sources in the format of the keys of configs.
func (d *deployment) active() string {
	d.Helper()
	all, err := d.schedule.List(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, fmt.Sprintf("%s=%v", e.URL, e.Every))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// want fails the test unless exactly these sources are active. what describes the situation.
func (d *deployment) want(what, active string) {
	d.Helper()
	if got := d.active(); got != active {
		d.Errorf("%s: the active sources are %s, want %s", what, got, active)
	}
}

// The sources of the newest config are active while a scheduler with that config runs.
func TestConfigInForce(t *testing.T) {
	for name, test := range map[string]func(*deployment){
		"rolling deploy": func(d *deployment) {
			d.start("old 1", before)
			d.start("old 2", before)
			d.want("before", before)
			d.start("new 1", after)
			d.want("a new scheduler starts", after)
			d.rounds(10)
			d.want("the old schedulers still run", after)
			d.start("old 2", before)
			d.rounds(10)
			d.want("an old scheduler is restarted", after)
			d.stop("old 1")
			d.start("new 2", after)
			d.stop("old 2")
			d.rounds(10)
			d.want("all schedulers are new", after)
		},
		"rolling back": func(d *deployment) {
			d.start("old 1", before)
			d.start("new 1", after)
			d.stop("old 1")
			d.start("old 1", before)
			d.rounds(10)
			d.want("the first old scheduler is back", after)
			d.stop("new 1")
			d.rounds(absentChecks + 1)
			d.want("the last new scheduler has stopped", before)
		},
		"the first new scheduler crashes": func(d *deployment) {
			d.start("old 1", before)
			d.start("new 1", after)
			d.stop("new 1")
			d.rounds(absentChecks - 1)
			d.want("soon after the crash", after)
			d.rounds(2)
			d.want("when the config is absent", before)
			d.start("new 1", after)
			d.rounds(10)
			d.want("the new scheduler is restarted", before)
			d.stop("old 1")
			d.rounds(absentChecks + 1)
			d.want("the deploy continues", after)
		},
		"a third config": func(d *deployment) {
			d.start("1", before)
			d.start("2", after)
			d.start("3", "b=15s")
			d.rounds(10)
			d.want("the third is the newest", "b=15s")
		},
		"Redis loses its data, and an old scheduler checks first": func(d *deployment) {
			d.start("a old", before)
			d.start("b new", after)
			d.start("c old", before)
			d.redis.FlushDB(d.Context())
			d.rounds(2)
			d.want("afterwards", after)
		},
		"Redis loses its data, and a new scheduler checks first": func(d *deployment) {
			d.start("c old", before)
			d.start("a new", after)
			d.start("b old", before)
			d.redis.FlushDB(d.Context())
			d.rounds(2)
			d.want("afterwards", after)
		},
		"a config is edited, and the edit is undone": func(d *deployment) {
			d.start("1", before)
			d.reload["1"](after)
			d.check("1")
			d.want("the edit", after)
			d.reload["1"](before)
			d.check("1")
			d.want("the edit is undone", before)
			d.reload["1"](after)
			d.check("1")
			d.reload["1"]("b=15s")
			d.reload["1"](before)
			d.check("1")
			d.want("two edits between two checks", before)
			d.reload["1"](after)
			d.reload["1"](before)
			d.check("1")
			d.want("an edit and its undoing between two checks", before)
		},
		"two schedulers load a config that was in force before": func(d *deployment) {
			d.start("1", after)
			d.start("1", before)
			d.rounds(absentChecks + 1)
			d.start("2", before)
			d.want("before", before)
			d.reload["1"](after)
			d.check("1")
			d.want("the first has loaded it", after)
			d.rounds(10)
			d.want("the second has not", after)
			d.reload["2"](after)
			d.rounds(10)
			d.want("both have loaded it", after)
			d.stop("1")
			d.rounds(10)
			d.want("the second remains", after)
		},
		"a scheduler that waits loads a known config": func(d *deployment) {
			d.start("1", before)
			d.start("2", "b=15s")
			d.start("3", after)
			d.check("1")
			d.reload["1"]("b=15s")
			d.rounds(10)
			d.want("afterwards", after)
		},
		"API calls": func(d *deployment) {
			for _, a := range []Activation{source(ByAPI, "new", time.Minute), source(ByAPI, "called", time.Minute)} {
				if _, _, err := d.schedule.Activate(d.Context(), a); err != nil {
					d.Fatal(err)
				}
			}
			d.start("1", before)
			d.want("API calls and a config", "a=15s called=1m0s gone=15s new=1m0s")
			d.start("2", after)
			d.want("a config names an activated source with another interval", "a=30s called=1m0s new=15s")
		},
		"stopped sources": func(d *deployment) {
			d.start("1", before)
			stopped := poll.Result{Due: time.Now().Add(time.Hour), At: time.Now(), Stop: "forbidden"}
			id := configs[before][0].ID
			if err := d.schedule.Polled(d.Context(), id, stopped); err != nil {
				d.Fatal(err)
			}
			state := func() string {
				e, _, err := d.schedule.Get(d.Context(), id)
				if err != nil {
					d.Fatal(err)
				}
				return e.Latest.Stopped
			}
			if d.rounds(3); state() != "forbidden" {
				d.Errorf("the scheduler reactivated a stopped source without a restart: state %q, want forbidden", state())
			}
			d.reload["1"]("b=15s")
			d.reload["1"](before)
			if d.rounds(3); state() != "forbidden" {
				d.Errorf("the scheduler reactivated a stopped source after a reload: state %q, want forbidden", state())
			}
			if d.start("1", before); state() != "" {
				d.Errorf("after a restart, the source is still stopped: state %q, want none", state())
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) { test(newDeployment(t, r)) })
		})
	}
}

// If a scheduler's config has been superseded since the latest check, the scheduler activates and
// deactivates nothing.
func TestSupersededConfig(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		d := newDeployment(t, r)
		d.start("old", before)
		d.start("new", after)
		old := &Scheduler{Schedule: d.schedule, Config: configs[before], Log: slog.New(slog.DiscardHandler)}
		if err := old.apply(t.Context(), old.Config, 1, true); !errors.Is(err, ErrSuperseded) {
			t.Errorf("applying the config of generation 1: error %v, want ErrSuperseded", err)
		}
		a := configs[before][1]
		a.Generation = 1
		if _, _, err := d.schedule.Activate(t.Context(), a); !errors.Is(err, ErrSuperseded) {
			t.Errorf("activating for generation 1: error %v, want ErrSuperseded", err)
		}
		d.want("afterwards", after)
	})
}

// Schedulers start, stop and check in random order. When all of them have the same config, its
// sources become active.
func TestConfigsConverge(t *testing.T) {
	for seed := range uint64(30) {
		m := miniredis.RunT(t)
		r := redis.NewClient(&redis.Options{Addr: m.Addr()})
		defer r.Close()
		d := newDeployment(t, r)
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // the order must be repeatable
		names, all := []string{"1", "2", "3", "4"}, slices.Sorted(maps.Keys(configs))
		for range 60 {
			name := names[random.IntN(len(names))]
			switch random.IntN(8) {
			case 0:
				d.start(name, all[random.IntN(len(all))])
			case 1:
				d.stop(name)
			case 2:
				if random.IntN(10) == 0 {
					m.FlushAll()
				}
			default:
				if d.running[name] != nil {
					d.check(name)
				}
			}
		}
		last := all[random.IntN(len(all))]
		for _, name := range names {
			d.stop(name)
		}
		d.start("1", last)
		d.start("2", last)
		d.rounds(absentChecks + 1)
		d.want(fmt.Sprintf("seed %d", seed), last)
	}
}

// If the reply to a script is lost, the client sends the script again. A config still comes into
// force once and stays in force.
func TestConfigInForceWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		d := newDeployment(t, lossy)
		d.start("one", before)
		d.start("two", after)
		d.rounds(3)
		if got := d.active(); got != after {
			t.Errorf("the active sources are %s, want %s", got, after)
		}
		if all := r.ZRangeWithScores(t.Context(), "mw:{schedule}:configs", 0, -1).Val(); len(all) != 2 || all[1].Score != 2 {
			t.Errorf("configs by generation are %v, want two, the last with generation 2", all)
		}
	})
}

// A source of the config stays paused if the config changes it, or if all schedulers restart. If the config no longer
// names the source, the pause ends.
func TestPausedSourceOfConfig(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		d := newDeployment(t, r)
		paused := func(what, want string) {
			t.Helper()
			all, err := d.schedule.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range all {
				if e.Paused != nil {
					got = append(got, e.URL)
				}
			}
			if slices.Sort(got); strings.Join(got, " ") != want {
				t.Errorf("%s: the paused sources are %v, want %s", what, got, want)
			}
		}
		d.start("one", before)
		for _, url := range []string{"a", "gone"} {
			if err := d.schedule.Pause(event.WithTID(t.Context(), event.NewTID()), event.SourceID(url, "")); err != nil {
				t.Fatal(err)
			}
		}
		d.rounds(2)
		paused("the config stays", "a gone")
		d.stop("one")
		d.start("two", before)
		paused("another scheduler", "a gone")
		d.reload["two"](after)
		d.rounds(1)
		d.want("the config changes", after)
		paused("the config changes", "a")
		polls, _, err := d.schedule.Pop(t.Context(), 8, new(PopID))
		for _, p := range polls {
			if p.Activation.URL == "a" {
				t.Errorf("poll of the paused source %+v, error %v", p, err)
			}
		}
		if next, err := r.ZScore(t.Context(), "mw:{schedule}:due", event.SourceID("a", "")).Result(); err == nil {
			t.Errorf("the config changes: a poll of the paused source is due at %v, want none", next)
		}
		d.reload["two"](before)
		d.rounds(1)
		paused("the config names the source again", "a")
	})
}
