package notify_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
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

// A fixtureList is a list of matches that have not begun. A test changes it.
type fixtureList struct {
	mu     sync.Mutex
	starts map[string]time.Time // by match
	reads  int
	err    error
}

// upcoming returns the matches that begin between now and until.
func (l *fixtureList) upcoming(_ context.Context, until time.Time) (all []event.Data, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	for match, start := range l.starts {
		if start.After(time.Now()) && start.Before(until) {
			all = append(all, event.Data{Sport: event.Soccer, League: "mls", Match: &event.Match{
				ID: match, Home: "Home of " + match, Away: "Away", Start: start, Status: event.Scheduled}})
		}
	}
	return all, l.err
}

// set sets the kick-off time of a match to in from now. If in is 0, set removes the match.
func (l *fixtureList) set(match string, in time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.starts[match] = time.Now().Add(in); in == 0 {
		delete(l.starts, match) // the match has begun, or is postponed or cancelled
	}
}

// rounds waits until every process has read the list again.
func (l *fixtureList) rounds(t *testing.T, processes int) {
	t.Helper()
	l.mu.Lock()
	want := l.reads + 2*processes + 1
	l.mu.Unlock()
	testenv.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.reads >= want
	}, "every process to read the matches")
}

// remind runs the reminders of the channel site in n simulated processes, until stop is called.
func (w *world) remind(n int, l *fixtureList) (stop func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for range n {
		h := consumertest.Host(w.T, w.settings, w.dir, w.redis, slog.New(slog.NewTextHandler(w.log, nil)))
		h.Upcoming = l.upcoming
		c, err := notify.New(h)
		if err != nil {
			w.Fatal(err)
		}
		running.Go(func() {
			if err := c.Parts["site"].Run(ctx); err != nil {
				w.Error(err)
			}
		})
	}
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	w.Cleanup(stop)
	return stop
}

// A rule with the setting "before" sends one notification for each match, even after a restart. If the
// kick-off time changes, the time of the notification changes too.
func TestReminders(t *testing.T) {
	notify.SetRemindEvery(t, 20*time.Millisecond)
	var mu sync.Mutex
	refuse := false
	r := newTitleRecorder(t, func(int) int {
		mu.Lock()
		defer mu.Unlock()
		if refuse {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	refusing := func(on bool) {
		mu.Lock()
		defer mu.Unlock()
		refuse = on
	}
	w := newWorld(t, "channels:\n  site: {webhook: {url: '"+r.URL+"', body: '{title: .text}'}}\nrules:\n"+
		"  - {before: 15m, teams: [Home of a, Home of moved, Home of late, Home of begun]}\n"+
		"  - {before: 90m, topics: ['soccer.mls.*'], teams: [Home of early]}\n")
	l := &fixtureList{starts: map[string]time.Time{}}
	want := func(all ...string) {
		t.Helper()
		l.rounds(t, 3)
		if got := r.wait(t, len(all)); !slices.Equal(got, all) {
			t.Errorf("notifications %q, want %q", got, all)
		}
	}
	l.set("other team", 10*time.Minute)
	l.set("moved", 20*time.Minute)
	l.set("begun", 20*time.Minute)
	stop := w.remind(3, l)
	want()
	l.set("a", 15*time.Minute-time.Second)
	sent := []string{"Starts in 15 min (Home of a v Away)"}
	want(sent...)
	l.set("moved", 25*time.Minute) // later
	l.set("begun", 0)
	want(sent...)
	l.set("moved", 5*time.Minute) // then earlier
	sent = append(sent, "Starts in 5 min (Home of moved v Away)")
	want(sent...)
	l.set("a", 10*time.Minute) // the kick-off moves after the notification
	stop()
	stop = w.remind(3, l) // a restart
	want(sent...)
	l.set("early", 90*time.Minute-time.Second)
	sent = append(sent, "Starts in 1 h 30 min (Home of early v Away)")
	want(sent...)

	refusing(true)
	l.set("late", 12*time.Minute)
	l.rounds(t, 3)
	refusing(false)
	sent = append(sent, "Starts in 12 min (Home of late v Away)")
	want(sent...)
	stop()

	l.err = errors.New("no Redis")
	stop = w.remind(1, l)
	l.rounds(t, 1)
	stop()
	if got := w.log.String(); strings.Count(got, "no Redis") != 1 {
		t.Errorf("log:\n%s\nwant the error once", got)
	}
}

// If the only rule of a channel sets "before", the consumer of the channel receives no match events.
func TestOnlyReminders(t *testing.T) {
	w := newWorld(t, "channels:\n  site: {log: {}}\nrules:\n  - {before: 15m}\n")
	part := w.Parts["site"]
	s := part.Subscription("notify.site")
	if err := part.Check(); err != nil || event.MatchAny(s.Patterns, "soccer.mls.goal") || part.Run == nil {
		t.Errorf("Check: error %v; patterns %v; Run is set: %v; want no error, no pattern that matches a goal, and true",
			err, s.Patterns, part.Run != nil)
	}
	if err := (consumers.Consumer{Parts: w.Parts}).Check(); err != nil {
		t.Error(err)
	}
}

// notify try uses the language of the first rule of the channel, even if this rule sends reminders.
func TestCaseTryWithOnlyReminders(t *testing.T) {
	h := consumertest.Host(t, "channels:\n  site: {log: {}}\nrules:\n  - {before: 15m, language: de}\n",
		t.TempDir(), nil, slog.New(slog.DiscardHandler))
	var out strings.Builder
	err := (&notify.Try{Channel: "site"}).Run(t.Context(), h, &out)
	const first, last = "[Test] Tor für Toronto FC: Test Player", "sent to 1 of 1 recipients\n"
	if err != nil || !strings.HasPrefix(out.String(), first) || !strings.HasSuffix(out.String(), last) {
		t.Errorf("notify try: error %v, output %q, want %q at the start and %q at the end", err, out.String(), first, last)
	}
}
