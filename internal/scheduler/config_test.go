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

// configs are the configs of the tests. The name of a config lists its sources and their intervals.
var configs = map[string][]Activation{
	"a=15s gone=15s": {source(ByConfig, "a", 15*time.Second), source(ByConfig, "gone", 15*time.Second)},
	"a=30s new=15s":  {source(ByConfig, "a", 30*time.Second), source(ByConfig, "new", 15*time.Second)},
	"b=15s":          {source(ByConfig, "b", 15*time.Second)},
}

const (
	before = "a=15s gone=15s"
	after  = "a=30s new=15s"
)

// A deployment is schedulers that share a Redis and are started and stopped in any order.
type deployment struct {
	*testing.T
	redis    *redis.Client
	schedule *Schedule
	running  map[string]func(context.Context) error // a scheduler's check of the config, by its name
}

func newDeployment(t *testing.T, r *redis.Client) *deployment {
	return &deployment{t, r, NewSchedule(r, "mw:", nil), map[string]func(context.Context) error{}}
}

// start starts a scheduler. It replaces a running one with that name.
func (d *deployment) start(name, config string) {
	s := &Scheduler{Schedule: d.schedule, Config: configs[config], Log: slog.New(slog.DiscardHandler)}
	own := &ownConfig{}
	d.running[name] = func(ctx context.Context) error { return s.ensure(ctx, own) }
	d.check(name)
}

func (d *deployment) stop(name string) { delete(d.running, name) }

// check makes a scheduler check the config.
func (d *deployment) check(name string) {
	d.Helper()
	if err := d.running[name](d.Context()); err != nil {
		d.Errorf("%s: %v", name, err)
	}
}

// rounds makes all schedulers check the config n times.
func (d *deployment) rounds(n int) {
	d.Helper()
	for range n {
		for _, name := range slices.Sorted(maps.Keys(d.running)) {
			d.check(name)
		}
	}
}

// active returns the active sources, in the form of a config's name.
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

// want fails the test if other sources are active. what says when.
func (d *deployment) want(what, active string) {
	d.Helper()
	if got := d.active(); got != active {
		d.Errorf("%s: the active sources are %s, want %s", what, got, active)
	}
}

// The newest config decides what is polled, while a scheduler with it runs.
func TestConfigInForce(t *testing.T) {
	for name, test := range map[string]func(*deployment){
		"rolling deploy": func(d *deployment) {
			d.start("old 1", before)
			d.start("old 2", before)
			d.want("before", before)
			d.start("new 1", after)
			d.want("a new scheduler starts", after)
			d.rounds(10)
			d.want("the old ones continue", after)
			d.start("old 2", before)
			d.rounds(10)
			d.want("an old one is restarted", after)
			d.stop("old 1")
			d.start("new 2", after)
			d.stop("old 2")
			d.rounds(10)
			d.want("all are new", after)
		},
		"rolling back": func(d *deployment) {
			d.start("old 1", before)
			d.start("new 1", after)
			d.stop("old 1")
			d.start("old 1", before)
			d.rounds(10)
			d.want("the first of the old ones is back", after)
			d.stop("new 1")
			d.rounds(absentChecks + 1)
			d.want("the last new one has stopped", before)
		},
		"the first new scheduler crashes": func(d *deployment) {
			d.start("old 1", before)
			d.start("new 1", after)
			d.stop("new 1")
			d.rounds(absentChecks - 1)
			d.want("soon after the crash", after)
			d.rounds(2)
			d.want("later", before)
			d.start("new 1", after)
			d.rounds(10)
			d.want("the new one crashes again and again", before)
			d.stop("old 1")
			d.rounds(absentChecks + 1)
			d.want("the deploy goes on", after)
		},
		"a third config": func(d *deployment) {
			d.start("1", before)
			d.start("2", after)
			d.start("3", "b=15s")
			d.rounds(10)
			d.want("the third is the newest", "b=15s")
		},
		"Redis is lost, and an old scheduler checks first": func(d *deployment) {
			d.start("a old", before)
			d.start("b new", after)
			d.start("c old", before)
			d.redis.FlushDB(d.Context())
			d.rounds(2)
			d.want("afterwards", after)
		},
		"Redis is lost, and a new scheduler checks first": func(d *deployment) {
			d.start("c old", before)
			d.start("a new", after)
			d.start("b old", before)
			d.redis.FlushDB(d.Context())
			d.rounds(2)
			d.want("afterwards", after)
		},
		"API calls": func(d *deployment) {
			for _, a := range []Activation{source(ByAPI, "new", time.Minute), source(ByAPI, "called", time.Minute)} {
				if _, _, err := d.schedule.Activate(d.Context(), a); err != nil {
					d.Fatal(err)
				}
			}
			d.start("1", before)
			d.want("beside a config", "a=15s called=1m0s gone=15s new=1m0s")
			d.start("2", after)
			d.want("a config names one of them with another interval", "a=30s called=1m0s new=15s")
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
				d.Errorf("the scheduler activated a stopped source again without a start")
			}
			if d.start("1", before); state() != "" {
				d.Errorf("a stopped source is not active after a start: %s", state())
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) { test(newDeployment(t, r)) })
		})
	}
}

// A scheduler whose config was superseded since its check activates and deactivates nothing.
func TestSupersededConfig(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		d := newDeployment(t, r)
		d.start("old", before)
		d.start("new", after)
		old := &Scheduler{Schedule: d.schedule, Config: configs[before], Log: slog.New(slog.DiscardHandler)}
		if err := old.apply(t.Context(), 1, true); !errors.Is(err, ErrSuperseded) {
			t.Errorf("applying the config of generation 1: %v", err)
		}
		a := configs[before][1]
		a.Generation = 1
		if _, _, err := d.schedule.Activate(t.Context(), a); !errors.Is(err, ErrSuperseded) {
			t.Errorf("activating for generation 1: %v", err)
		}
		d.want("afterwards", after)
	})
}

// In whichever order schedulers start, stop and check: once all of them have the same config, its
// sources are active.
func TestConfigsConverge(t *testing.T) {
	for seed := range uint64(30) {
		m := miniredis.RunT(t)
		r := redis.NewClient(&redis.Options{Addr: m.Addr()})
		defer r.Close()
		d := newDeployment(t, r)
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it is repeatable
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

// The client sends a script again when its answer was lost. A config comes into force once, and
// stays there.
func TestConfigInForceWhenAnswersAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, r, lossy *redis.Client) {
		d := newDeployment(t, lossy)
		d.start("one", before)
		d.start("two", after)
		d.rounds(3)
		if got := d.active(); got != after {
			t.Errorf("active are %s, want %s", got, after)
		}
		if all := r.ZRangeWithScores(t.Context(), "mw:{schedule}:configs", 0, -1).Val(); len(all) != 2 || all[1].Score != 2 {
			t.Errorf("generations %v, want two", all)
		}
	})
}
