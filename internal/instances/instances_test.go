package instances_test

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/testenv"
)

func list(t *testing.T, r *instances.Registry) []instances.Instance {
	t.Helper()
	all, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A scripts hook counts the scripts that Redis has run for a client.
type scripts chan struct{}

func (s scripts) DialHook(next redis.DialHook) redis.DialHook { return next }
func (s scripts) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (s scripts) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err == nil && strings.HasPrefix(cmd.Name(), "eval") {
			s <- struct{}{}
		}
		return err
	}
}

func TestInstancesComeAndGo(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		ran := make(scripts, 100)
		c.AddHook(ran)
		r := instances.New(c, "mw:")
		if all := list(t, r); len(all) != 0 {
			t.Errorf("at first %+v", all)
		}
		<-ran
		b := instances.Instance{Name: "b", Roles: []string{"fanout"}, Address: "b:8080", Version: "v1", Started: time.Now().UTC().Truncate(time.Second),
			Status: "warn", Issues: []string{"the broker blocks"}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		run := func(i instances.Instance) {
			r.Announce(ctx, slog.New(slog.DiscardHandler), func(context.Context) instances.Instance { return i })
			done <- struct{}{}
		}
		go run(b)
		go run(instances.Instance{Name: "a", Roles: []string{"parser", "consumers"}})
		<-ran
		<-ran
		all := list(t, r)
		got := all[1]
		if got.Silent() < 0 || got.Silent() > 10*time.Second || got.Gone() {
			t.Errorf("silent for %v", got.Silent())
		}
		got.SilentSeconds = 0
		if all[0].Name != "a" || !reflect.DeepEqual(got, b) {
			t.Errorf("got %+v", all)
		}
		cancel()
		<-done
		<-done
		if all := list(t, r); len(all) != 0 {
			t.Errorf("after the end %+v", all)
		}
	})
}

// One that was killed does not say goodbye: it is seen to be silent, and
// forgotten at last.
func TestKilledInstance(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		ran := make(scripts, 100)
		c.AddHook(ran)
		r := instances.New(c, "mw:")
		say := func(name string) {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-ran
				cancel()
			}()
			r.Announce(ctx, slog.New(slog.DiscardHandler), func(context.Context) instances.Instance { return instances.Instance{Name: name} })
		}
		old := func(name string, age time.Duration) {
			c.HSet(t.Context(), "mw:{instances}", name, `{"name":"`+name+`"}`)
			c.ZAdd(t.Context(), "mw:{instances}:seen", redis.Z{Score: float64(time.Now().Add(-age).UnixMilli()), Member: name})
		}
		old("killed", 20*time.Second)
		old("forgotten", 11*time.Minute)
		say("alive")
		all := list(t, r)
		if len(all) != 1 || all[0].Name != "killed" || !all[0].Gone() {
			t.Errorf("%+v", all)
		}
	})
}
