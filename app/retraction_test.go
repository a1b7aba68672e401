package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// A goal appears on a page, is told, and disappears from it again: whoever was
// told has one notification before him in the end, and it says so. The process
// that told him is killed in between; nothing is told twice.
func TestGoalTakenBack(t *testing.T) {
	w := newWorld(t)
	var taken atomic.Bool
	var second atomic.Int64
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		score, goal := 1, `<li class="event--goal away"><span class="minute">6'</span><span class="who">Sebastian Giovinco</span></li>`
		n := second.Add(7) // each page is fresh: its clock goes on
		if n < 25 || taken.Load() {
			score, goal = 0, ""
		}
		fmt.Fprintf(rw, `<header class="match-head"><p class="competition"><abbr>MLS</abbr></p><div class="team--home"><h2>New York City FC</h2></div><div class="team--away"><h2>Toronto FC</h2></div>
			<div class="scoreline"><b class="home">0</b><b class="away">%d</b></div><span class="phase">First half</span><span class="clock">%02d:%02d</span></header><ol class="timeline">%s</ol>`, score, 6+n/60, n%60, goal)
	}))
	defer site.Close()

	hook, ntfy := newReceiver(t, "thread", "title"), newReceiver(t, "sequence_id", "title")
	config := filepath.Join(t.TempDir(), "matchwire.yaml")
	err := os.WriteFile(config, []byte(`
sources:
  - {url: "`+site.URL+`/match", profile: mls-matchcentre, match: taken-back, every: 1s}
consumers:
  notify:
    channels:
      hook: {webhook: {url: `+hook.URL+`}}
      log: {ntfy: {url: `+ntfy.URL+`/goals}}
    rules: [{kinds: [goal]}]
fetch: {private_addresses: true, ignore_robots: true}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	first := start(t, "consumer=notify.hook keys", w.env, "run", "consumers", "--config", config, "--log-level", "debug")
	first.eventually("the other channel to listen", func() bool { return strings.Contains(first.output(), "consumer=notify.log keys") })
	pars := start(t, "parser takes tasks", w.env, "run", "scheduler", "parser", "--config", config)
	pars.eventually("the goal to be told", func() bool { return len(hook.titles()) == 1 && len(ntfy.titles()) == 1 })
	first.eventually("both to be done", func() bool { return strings.Count(first.output(), `msg="event handled"`) == 2 }) // what is under way at a kill may repeat
	first.stop(syscall.SIGKILL)
	next := start(t, "consumer=notify.hook keys", w.env, "run", "consumers", "--config", config)
	taken.Store(true)
	next.eventually("both to be told that it was taken back", func() bool {
		return strings.HasPrefix(hook.titles()[0], "Taken back") && strings.HasPrefix(ntfy.titles()[0], "Taken back")
	})
	w.emit("soccer.mls.goal") // behind all others, and behind what should not come
	next.eventually("both to be told of one more goal", func() bool { return len(hook.titles()) == 2 && len(ntfy.titles()) == 2 })
	for name, r := range map[string]*receiver{"webhook": hook, "ntfy": ntfy} {
		if got := r.titles(); !slices.Contains(got, "Taken back: goal for Toronto FC: Sebastian Giovinco") || r.calls() != 3 {
			t.Errorf("%s shows %q after %d calls, want that the goal was taken back, and the other goal, after three", name, got, r.calls())
		}
	}
}

// A receiver shows one notification for each thread.
type receiver struct {
	*httptest.Server

	mu    sync.Mutex
	shows map[string]string
	n     int
}

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
