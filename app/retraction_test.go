package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// A goal appears on a page and disappears again. Each receiver then shows the retraction in place
// of the notification of the goal. The process that sent the first notification is killed before
// the retraction. Even so, no notification is sent twice.
func TestRetractedGoal(t *testing.T) {
	w := newWorld(t)
	var retracted atomic.Bool
	var seconds atomic.Int64
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		score, goal := 1, `<li class="event--goal away">
			<span class="minute">6'</span><span class="who">Sebastian Giovinco</span></li>`
		n := seconds.Add(7) // the match clock advances with each page, so no page is stale
		if n < 25 || retracted.Load() {
			score, goal = 0, ""
		}
		fmt.Fprintf(rw, `
			<header class="match-head">
				<p class="competition"><abbr>MLS</abbr></p>
				<div class="team--home"><h2>New York City FC</h2></div>
				<div class="team--away"><h2>Toronto FC</h2></div>
				<div class="scoreline"><b class="home">0</b><b class="away">%d</b></div>
				<span class="phase">First half</span><span class="clock">%02d:%02d</span>
			</header>
			<ol class="timeline">%s</ol>`, score, 6+n/60, n%60, goal)
	}))
	defer site.Close()

	hook, ntfy := newReceiver(t, "thread", "title"), newReceiver(t, "sequence_id", "title")
	config := writeConfig(t, `
sources:
  - {url: "`+site.URL+`/match", profile: mls-matchcentre, match: taken-back, every: 1s}
consumers:
  notify:
    channels:
      hook: {webhook: {url: `+hook.URL+`}}
      log: {ntfy: {url: `+ntfy.URL+`/goals}}
    rules: [{kinds: [goal]}]
fetch: {private_addresses: true, ignore_robots: true}
`)
	consumers := []string{"run", "consumers", "--config", config, "--log-level", "debug"}
	killed := start(t, "consumer=notify.hook keys", w.env, consumers...)
	killed.eventually("the other channel", func() bool {
		return strings.Contains(killed.output(), "consumer=notify.log keys")
	})
	pars := start(t, "parser ready", w.env, "run", "scheduler", "parser", "--config", config)
	pars.eventually("the goal at both channels", func() bool { return len(hook.titles()) == 1 && len(ntfy.titles()) == 1 })
	killed.eventually("the end of both handlers", func() bool { // the call of a handler that is killed may be repeated
		handled := 0
		for line := range strings.Lines(killed.output()) {
			if strings.Contains(line, `msg="event handled"`) && strings.Contains(line, " key=soccer.mls.goal ") {
				handled++
			}
		}
		return handled == 2
	})
	killed.stop(syscall.SIGKILL)
	next := start(t, "consumer=notify.hook keys", w.env, consumers...)
	retracted.Store(true)
	next.eventually("the retraction at both channels", func() bool {
		return strings.HasPrefix(hook.titles()[0], "Taken back") && strings.HasPrefix(ntfy.titles()[0], "Taken back")
	})
	w.emit("soccer.mls.goal") // published last, so it arrives after all other events
	next.eventually("another goal at both channels", func() bool {
		return len(hook.titles()) == 2 && len(ntfy.titles()) == 2
	})
	const want = "Taken back: goal for Toronto FC: Sebastian Giovinco"
	for name, r := range map[string]*receiver{"webhook": hook, "ntfy": ntfy} {
		if got := r.titles(); !slices.Contains(got, want) || r.calls() != 3 {
			t.Errorf("%s shows %q after %d calls, want %q and the other goal after 3", name, got, r.calls(), want)
		}
	}
}

// A receiver is a test server for notifications. It shows the title of the latest
// notification of each thread.
type receiver struct {
	*httptest.Server

	mu    sync.Mutex
	shows map[string]string // key: thread; value: title
	n     int               // number of calls
}

// newReceiver starts a receiver. thread and title are the names of the JSON members that contain the
// thread and the title of a notification.
func newReceiver(t *testing.T, thread, title string) *receiver {
	r := &receiver{shows: map[string]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var m map[string]any
		if err := json.NewDecoder(req.Body).Decode(&m); err != nil {
			t.Error(err)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.n++
		r.shows[fmt.Sprint(m[thread])] = fmt.Sprint(m[title])
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) titles() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Values(r.shows))
}

func (r *receiver) calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}
