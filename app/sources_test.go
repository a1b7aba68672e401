package app

import (
	"strings"
	"syscall"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv"
)

// Commands ask a running process to pause, resume and poll a configured source, and to send a test message through a
// channel. The source is still paused after a restart. Each change has a trace.
func TestOperateAProcess(t *testing.T) {
	site := newSite(t, "../fixtures/soccer/one-goal")
	config := writeConfig(t, `
listen: 127.0.0.1:0
fetch: {private_addresses: true, ignore_robots: true}
sources: [{url: "`+site.URL+`/m", profile: mls-matchcentre, match: m1, every: 1s}]
consumers: {notify: {channels: {phone: {log: {}}}}}
`)
	data := t.TempDir()
	var p *process
	env := map[string]string{"MATCHWIRE_API_TOKEN": testenv.Secret}
	begin := func() {
		p = start(t, "msg=serving", append([]string{"MATCHWIRE_API_TOKEN=" + testenv.Secret}, noServers...),
			"run", "--config", config, "--data", data)
		env["MATCHWIRE_SERVER"] = "http://" + p.address()
	}
	run := func(wantCode int, args ...string) string {
		t.Helper()
		code, out, errs := call(t, "", env, args...)
		if code != wantCode {
			t.Errorf("%v: exit %d, want %d\n%s%s", args, code, wantCode, out, errs)
		}
		testenv.NoSecret(t, out, errs)
		return out + errs
	}
	id := ""
	shows := func(state string) {
		t.Helper()
		p.eventually("the state "+state, func() bool {
			lines := strings.Split(run(exitOK, "sources", "list"), "\n")
			if len(lines) < 2 || len(strings.Fields(lines[1])) < 5 {
				return false
			}
			fields := strings.Fields(lines[1])
			id = fields[0]
			return fields[1] == state && strings.HasSuffix(lines[1], site.URL+"/m")
		})
	}
	begin()
	shows("polled")
	if out := run(exitOK, "sources", "pause", id); !strings.Contains(out, id+"  paused, TID ") {
		t.Errorf("pause: %s", out)
	}
	shows("paused")
	p.stop(syscall.SIGTERM)
	begin()
	shows("paused")
	if out := run(exitFailure, "sources", "poll", id); !strings.Contains(out, "the match is paused") {
		t.Errorf("poll of a paused source: %s", out)
	}
	_, tid, _ := strings.Cut(strings.TrimSpace(run(exitOK, "sources", "resume", id)), "TID ")
	shows("polled")
	p.eventually("the trace of the poll", func() bool {
		_, out, _ := call(t, "", env, "trace", tid)
		return strings.Contains(out, "/resume") && strings.Contains(out, "task parser.page.poll") &&
			strings.Contains(out, "read "+site.URL)
	})
	if out := run(exitFailure, "sources", "pause", "none"); !strings.Contains(out, "no active match has the ID none") {
		t.Errorf("pause of an unknown source: %s", out)
	}

	out := run(exitOK, "test", "notify.phone")
	if !strings.Contains(out, "[Test] Goal for Toronto FC: Test Player") ||
		!strings.Contains(out, "accepted for 1 of 1 recipient, TID ") {
		t.Errorf("test: %s", out)
	}
	if out := run(exitFailure, "test", "notify.phone"); !strings.Contains(out, "another test recently") {
		t.Errorf("a second test: %s", out)
	}
	if out := run(exitFailure, "test", "scoreboard"); !strings.Contains(out, "want one of notify.phone") {
		t.Errorf("a consumer without a test: %s", out)
	}
}
