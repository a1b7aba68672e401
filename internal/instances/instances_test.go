package instances_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync"
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

// A scriptHook receives a value for each script that the client has run without an error.
type scriptHook chan struct{}

func (s scriptHook) DialHook(next redis.DialHook) redis.DialHook { return next }
func (s scriptHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (s scriptHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err == nil && strings.HasPrefix(cmd.Name(), "eval") {
			s <- struct{}{}
		}
		return err
	}
}

// An instance with an issue announces itself more often than every five seconds, so that a recovery is visible soon.
func TestIssuesAreAnnouncedOften(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		ran := make(scriptHook, 100)
		c.AddHook(ran)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		began := time.Now()
		running.Go(func() {
			instances.New(c, "mw:", "").Announce(ctx, nil, slog.New(slog.DiscardHandler),
				func(context.Context) instances.Instance { return instances.Instance{Name: "a", Status: "warn"} })
		})
		for range 3 {
			<-ran
		}
		if took := time.Since(began); took >= 10*time.Second {
			t.Errorf("three announcements with an issue took %v, want less than two normal intervals of 5 s", took)
		}
	})
}

func TestInstanceIsListedWhileAnnounced(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		ran := make(scriptHook, 100)
		c.AddHook(ran)
		r := instances.New(c, "mw:", "")
		if all := list(t, r); len(all) != 0 {
			t.Errorf("before any announcement: %+v, want no instances", all)
		}
		<-ran
		b := instances.Instance{
			Name: "b", Roles: []string{"fanout"}, Address: "b:8080", Version: "v1",
			Started: time.Now().UTC().Truncate(time.Second), Status: "warn", Issues: []string{"the broker blocks publishers"},
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		run := func(i instances.Instance) {
			r.Announce(ctx, nil, slog.New(slog.DiscardHandler), func(context.Context) instances.Instance { return i })
			done <- struct{}{}
		}
		go run(b)
		go run(instances.Instance{Name: "a", Roles: []string{"parser", "consumers"}})
		<-ran
		<-ran
		all := list(t, r)
		got := all[1]
		if got.SilentFor() < 0 || got.SilentFor() > 10*time.Second || got.Gone() {
			t.Errorf("silent for %v and gone %v, want at most 10 s and false", got.SilentFor(), got.Gone())
		}
		if !errors.Is(got.Untrusted, instances.ErrNoKey) {
			t.Errorf("without a key, the instance is untrusted because of %v, want ErrNoKey", got.Untrusted)
		}
		got.SilentSeconds, got.Untrusted = 0, nil
		if all[0].Name != "a" || !reflect.DeepEqual(got, b) {
			t.Errorf("listed %+v, want a and %+v", all, b)
		}
		cancel()
		<-done
		<-done
		if all := list(t, r); len(all) != 0 {
			t.Errorf("after the end of Announce: %+v, want no instances", all)
		}
	})
}

// A killed instance does not remove itself. It is listed as gone, and removed
// after ten minutes.
func TestKilledInstanceIsGoneThenRemoved(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, c *redis.Client) {
		ran := make(scriptHook, 100)
		c.AddHook(ran)
		r := instances.New(c, "mw:", "")
		announce := func(name string) {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-ran
				cancel()
			}()
			self := func(context.Context) instances.Instance { return instances.Instance{Name: name} }
			r.Announce(ctx, nil, slog.New(slog.DiscardHandler), self)
		}
		addOld := func(name string, age time.Duration) {
			c.HSet(t.Context(), "mw:{instances}", name, `{"name":"`+name+`"}`)
			c.ZAdd(t.Context(), "mw:{instances}:seen", redis.Z{Score: float64(time.Now().Add(-age).UnixMilli()), Member: name})
		}
		addOld("killed", 20*time.Second)
		addOld("removed", 11*time.Minute)
		announce("alive")
		all := list(t, r)
		if len(all) != 1 || all[0].Name != "killed" || !all[0].Gone() {
			t.Errorf("listed %+v, want only the killed instance, as gone", all)
		}
	})
}
