package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// An onlyPop is a hook that replaces Redis. For Pop, it returns no due polls. It makes all other
// commands and pipelines fail, and counts them.
type onlyPop struct{ failed atomic.Int64 }

func (o *onlyPop) DialHook(redis.DialHook) redis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") }
}

func (o *onlyPop) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		if c, ok := cmd.(*redis.Cmd); ok && len(c.Args()) > 1 && c.Args()[1] == popDue.Hash() {
			c.SetVal([]any{""})
			return nil
		}
		return o.fail(cmd)
	}
}

func (o *onlyPop) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error { return o.fail(cmds...) }
}

func (o *onlyPop) fail(cmds ...redis.Cmder) error {
	o.failed.Add(1)
	err := errors.New("out of order")
	for _, c := range cmds {
		c.SetErr(err)
	}
	return err
}

// If a scheduler cannot activate the sources of the config, it tries again after growing pauses and
// logs at most one failure a minute.
func TestEnsureBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hook := &onlyPop{}
		r := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		defer r.Close()
		r.AddHook(hook)
		var log strings.Builder
		s := &Scheduler{
			Schedule: NewSchedule(r, "mw:", nil), Config: configs[before],
			Log: slog.New(slog.NewTextHandler(&log, nil)),
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		attempts, lines := hook.failed.Load(), strings.Count(log.String(), "\n")
		if attempts < 60 || attempts > 120 {
			t.Errorf("%d attempts in ten minutes, want 60 to 120, one every 5 to 10 seconds", attempts)
		}
		if lines < 1 || lines > 11 || !strings.Contains(log.String(), "out of order") {
			t.Errorf("%d lines in the log, want 1 to 11 (one a minute) with the error:\n%.1000s", lines, log.String())
		}
	})
}

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		log := slog.New(slog.NewTextHandler(&text, nil))
		r := retry{fails: "it fails", again: "it works again", least: time.Second, most: 10 * time.Second}
		r.succeeded(log)
		for i, most := range []time.Duration{1, 2, 4, 8, 10, 10} {
			most *= time.Second
			if pause := r.failed(log, errors.New("broken")); pause < most/2 || pause > most {
				t.Errorf("failure %d: pause %v, want between half and all of %v", i+1, pause, most)
			}
		}
		time.Sleep(logFailureEvery)
		r.failed(log, errors.New("broken"))
		r.succeeded(log)
		r.succeeded(log)
		r.failed(log, errors.New("broken"))
		var lines []string
		for l := range strings.Lines(text.String()) {
			_, message, _ := strings.Cut(l, "msg=")
			lines = append(lines, message)
		}
		want := []string{
			`"it fails" error=broken attempts=1`, `"it fails" error=broken attempts=7`,
			`"it works again" attempts=7`, `"it fails" error=broken attempts=1`,
		}
		for i := range max(len(lines), len(want)) {
			if i >= len(lines) || i >= len(want) || !strings.HasPrefix(lines[i], want[i]) {
				t.Fatalf("logged %q, want %q", lines, want)
			}
		}
	})
}
