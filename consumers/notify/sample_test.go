package notify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// run runs a channel in n processes until the test ends.
func (w *world) run(channel string, n int) {
	ctx, cancel := context.WithCancel(w.Context())
	var running sync.WaitGroup
	for range n {
		running.Go(func() {
			if err := w.Parts[channel].Run(ctx); err != nil {
				w.Error(err)
			}
		})
	}
	w.Cleanup(func() { cancel(); running.Wait() })
}

// ask asks for a test of a channel from a process of the API, which has none of the channel's secrets.
func (w *world) ask(channel string, tid event.TID) (consumers.TestResult, error) {
	w.Helper()
	h := consumertest.Host(w.T, w.settings, w.dir, w.redis, slog.New(slog.DiscardHandler))
	h.Elsewhere = true
	c, err := notify.New(h)
	if err != nil {
		w.Fatal(err)
	}
	return c.Parts[channel].Test(event.WithTID(w.Context(), tid))
}

// Each kind of channel sends a test once, with its own sender, if a process of the API asks for it. If the service
// refuses it, the result has the reason, and no secret.
func TestSampleThroughEachChannel(t *testing.T) {
	notify.SetSampleInterval(t, 10*time.Millisecond)
	for kind, newChannel := range channels() {
		t.Run(kind, func(t *testing.T) {
			c := newChannel(t, answerTimeout)
			c.w.run(c.name, 3)
			tid := event.NewTID()
			got, err := c.w.ask(c.name, tid)
			shown := strings.ReplaceAll(strings.Join(c.all(), "\n"), "\u2060", "")
			if err != nil || got.Accepted != 1 || got.Recipients != 1 || got.Reason != "" ||
				!strings.HasPrefix(got.Text, "[Test] Goal for Toronto FC: Test Player") ||
				strings.Count(shown, "Test Player") != 1 || !strings.Contains(shown, "[Test]") {
				t.Errorf("result %+v, error %v, shown %s; want one test, accepted", got, err, shown)
			}
			if log := c.w.log.String(); !strings.Contains(log, tid.String()) {
				t.Errorf("the log lacks the TID %s: %s", tid, log)
			}
			var soon *consumers.TestTooSoonError
			if _, err := c.w.ask(c.name, tid); !errors.As(err, &soon) || soon.Wait <= 0 || soon.Wait > 20*time.Second {
				t.Errorf("a second test: error %v, want one to wait for at most 20 s", err)
			}
			c.w.redis.Del(t.Context(), "mw:notify-test:"+c.name)
			c.set(answer(401, `{"error":"bad token `+testenv.Secret+`","message":"`+testenv.Secret+`"}`))
			got, err = c.w.ask(c.name, event.NewTID())
			if err != nil || got.Accepted != 0 || got.Recipients != 1 || !strings.Contains(got.Reason, "401") {
				t.Errorf("result %+v, error %v; want the status in the reason", got, err)
			}
			testenv.NoSecret(t, fmt.Sprintf("%+v", got), c.w.log.String())
		})
	}
}

// If no process runs the channel, the caller gets an error in time. A channel with many recipients refuses a test.
func TestSampleIsRefused(t *testing.T) {
	notify.SetSampleInterval(t, 10*time.Millisecond)
	var fans []string
	for n := range 21 {
		fans = append(fans, fmt.Sprintf("fan%d@club.example", n))
	}
	server := newMailServer(t)
	w := newWorld(t, server.settings("to: ["+strings.Join(fans, ", ")+"]"))
	ctx, cancel := context.WithTimeout(event.WithTID(t.Context(), event.NewTID()), 100*time.Millisecond)
	defer cancel()
	if _, err := w.Parts["mail"].Test(ctx); !errors.Is(err, consumers.ErrNoTestResult) {
		t.Errorf("error %v, want %v", err, consumers.ErrNoTestResult)
	}
	w.redis.Del(t.Context(), "mw:notify-test:mail")
	w.run("mail", 1)
	got, err := w.ask("mail", event.NewTID())
	const want = "a test goes to at most 20"
	if err != nil || got.Accepted != 0 || got.Recipients != 21 || !strings.Contains(got.Reason, want) ||
		len(server.letters) != 0 {
		t.Errorf("result %+v, error %v, %d letters; want it refused", got, err, len(server.letters))
	}
}
