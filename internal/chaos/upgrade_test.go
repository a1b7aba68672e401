package chaos

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Processes of an earlier version are replaced by this version, one after the other and under load, and then
// the other way round. At the start of the upgrade, the config loses a source. No event is lost or doubled,
// the WebSocket client resumes, and no scheduler brings the source back. MATCHWIRE_EARLIER is the path
// of the earlier program.
func TestRollingUpgrade(t *testing.T) {
	earlier := os.Getenv("MATCHWIRE_EARLIER")
	if earlier == "" {
		t.Skip("needs an earlier version of the program: run make upgrade")
	}
	w := newWorld(t, 1, seed(t))
	w.size = wave{matches: 6, rows: 40, step: 2}
	later := w.parser.program
	second := &process{t: t, name: "parser-2", env: w.env, log: filepath.Join(filepath.Dir(w.config), "parser-2.log"),
		args: []string{"run", "--config", w.config, "scheduler", "parser", "--listen", freeAddress(t)}}
	t.Cleanup(second.stop)
	processes := []struct {
		*process
		ready string // text that the process logs when it is ready
	}{
		{w.parser, parserReady}, {second, parserReady}, {w.fanout, fanoutReady},
		{w.consumers[0], consumersReady}, {w.consumers[1], consumersReady},
	}
	for _, p := range processes {
		p.program = earlier
	}
	removed := w.addRemovedSource()

	w.watch()
	var results []result
	defer func() { w.table(results) }()
	begin := fault{name: "earlier version", late: afterStall, do: func(*world) { second.start(parserReady) }}
	results = append(results, w.test(begin))
	if removed.polls.Load() == 0 {
		t.Fatal("the source was never polled")
	}
	for _, target := range []struct{ name, program string }{{"to this version", later}, {"back", earlier}} {
		for _, i := range w.rand.Perm(len(processes)) {
			results = append(results, w.test(fault{
				name: processes[i].name + " " + target.name, late: afterDeath, do: func(w *world) {
					removed.remove()
					replace(processes[i].process, target.program, processes[i].ready)
				},
			}))
		}
	}
	// Each process has restarted with the new config.
	polls := removed.polls.Load()
	results = append(results, w.test(nothing))
	if n := removed.polls.Load(); n != polls {
		t.Errorf("the removed source was polled %d times after each process had restarted without it", n-polls)
	}
	if n := w.socketGaps.Load(); n > 0 {
		t.Errorf("the WebSocket client could not resume %d times, want 0", n)
	}
}

// replace stops a process and starts another program in its place. It waits until the program logs the text ready.
func replace(p *process, program, ready string) {
	p.stop()
	p.program = program
	p.start(ready)
}

// A removedSource is a source that leaves the config.
type removedSource struct {
	polls  atomic.Int64 // number of requests
	remove func()       // removes the source from the config file; further calls do nothing
}

// addRemovedSource adds a source to the config. Its page lists no match.
func (w *world) addRemovedSource() *removedSource {
	s := &removedSource{}
	l, err := net.Listen("tcp", "127.0.2.1:0") // a host of its own, because the rate of requests to a host is limited
	if err != nil {
		w.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		s.polls.Add(1)
		rw.Header().Set("Content-Type", "application/json")
		fmt.Fprint(rw, "[]")
	}))
	server.Listener.Close()
	server.Listener = l
	server.Start()
	w.Cleanup(server.Close)
	line := fmt.Sprintf("  - {url: '%s/removed', profile: chaos.yaml, every: 1s}\n", server.URL)
	before, err := os.ReadFile(w.config)
	if err != nil {
		w.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
			w.Fatal(err)
		}
	}
	with := string(before) + line
	write(with)
	s.remove = func() { write(strings.ReplaceAll(with, line, "")) }
	return s
}
