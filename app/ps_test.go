package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/instances"
)

// ps lists the running instances.
func TestPS(t *testing.T) {
	w := newWorld(t)
	env := map[string]string{"AMQP_URL": w.amqp, "REDIS_URL": w.redisURL}
	ps := func(args ...string) (out, errs string) {
		t.Helper()
		code, out, errs := call(t, "", env, append([]string{"ps", "--namespace", w.namespace}, args...)...)
		if code != exitOK {
			t.Fatalf("ps: exit %d, want 0: %s", code, errs)
		}
		return out, errs
	}
	if out, errs := ps(); out != "" || !strings.Contains(errs, "no instances are running") {
		t.Errorf("ps before an instance runs:\n%s%s\nwant no instances", out, errs)
	}
	first := start(t, "consumer=scoreboard keys", append(slices.Clone(w.env), "MATCHWIRE_NAME=first"), "run", "consumers")
	second := start(t, "msg=serving", w.env,
		"run", "fanout", "--listen", "127.0.0.1:0", "--name", "second", "--advertise", "live.example:443")
	running := func() (all []instances.Instance) {
		out, _ := ps("--json")
		for l := range strings.Lines(out) {
			var i instances.Instance
			if err := json.Unmarshal([]byte(l), &i); err != nil {
				t.Fatalf("%v: %s", err, l)
			}
			all = append(all, i)
		}
		return all
	}
	second.eventually("both instances in ps", func() bool {
		all := running()
		return len(all) == 2 && all[1].Status == "pass"
	})
	all := running()
	if a := all[0]; a.Name != "first" || !slices.Equal(a.Roles, []string{"consumers"}) || a.Address != "" ||
		time.Since(a.Started) > time.Minute {
		t.Errorf("first instance: %+v, want first with role consumers and no address", a)
	}
	if b := all[1]; b.Name != "second" || !slices.Equal(b.Roles, []string{"fanout"}) || b.Address != "live.example:443" {
		t.Errorf("second instance: %+v, want second with role fanout at live.example:443", b)
	}
	if out, _ := ps(); !strings.Contains(out, "second  fanout     live.example:443") || strings.Count(out, "\n") != 3 {
		t.Errorf("ps printed:\n%s\nwant a header and two instances", out)
	}
	first.stop(syscall.SIGTERM)
	if out := first.output(); !strings.Contains(out, "msg=stopping\n") || !strings.HasSuffix(out, "msg=stopped\n") {
		t.Errorf("after SIGTERM, the log is\n%s\nwant stopping, and stopped at its end", out)
	}
	if all := running(); len(all) != 1 || all[0].Name != "second" {
		t.Errorf("after the first instance has stopped: %+v, want only the second", all)
	}
}

// The table of ps has short cells: the beginning of the first issue of an instance. It has no uptime of an instance
// that may have stopped.
func TestCellsOfPS(t *testing.T) {
	t.Parallel()
	long := "reaching broker localhost:5672: " + strings.Repeat("dial tcp [::1]:5672: connect: connection refused ", 3)
	started := time.Now().Add(-time.Hour)
	for _, tc := range []struct {
		instance   instances.Instance
		up, health string
	}{
		{instances.Instance{Status: "pass", Started: started}, "1h0m", "pass"},
		{instances.Instance{Status: "warn", Issues: []string{"one"}, Started: started}, "1h0m", "warn: one"},
		{
			instances.Instance{Status: "fail", Issues: []string{long, long, "x"}, Started: started},
			"1h0m", "fail: " + long[:maxIssue-1] + "… (and 2 more)",
		},
		{instances.Instance{Status: "pass", Started: started, SilentSeconds: 20}, "-", "silent for 20s"},
	} {
		up, health := upFor(tc.instance), healthOf(tc.instance)
		if !strings.HasPrefix(up, tc.up) || health != tc.health {
			t.Errorf("%+v: up %q, health %q; want %q and %q", tc.instance, up, health, tc.up, tc.health)
		}
	}
}

// health prints the status and the issues of a process. It exits with 1 if the status is fail or
// the response is not valid.
func TestHealthCommand(t *testing.T) {
	responses := map[string]struct {
		status int
		body   string
	}{
		"/livez":   {http.StatusOK, `{"status": "pass"}`},
		"/healthz": {http.StatusOK, `{"status": "warn", "troubles": ["one", "two"]}`},
		"/readyz":  {http.StatusServiceUnavailable, `{"status": "fail", "troubles": ["three"]}`},
		"/other":   {http.StatusOK, "hello"},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(responses[r.URL.Path].status)
		_, _ = io.WriteString(w, responses[r.URL.Path].body)
	}))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MATCHWIRE_LISTEN": "0.0.0.0:" + u.Port()}
	for _, tc := range []struct {
		args      []string
		code      int
		out, errs string
	}{
		{[]string{"health"}, exitOK, "warn\none\ntwo\n", ""},
		{[]string{"health", "--endpoint", "livez"}, exitOK, "pass\n", ""},
		{[]string{"health", "--endpoint", "readyz"}, exitFailure, "fail\nthree\n", "503"},
		{[]string{"health", s.URL + "/livez"}, exitOK, "pass\n", ""},
		{[]string{"health", s.URL}, exitOK, "warn\none\ntwo\n", ""},
		{[]string{"health", s.URL + "/", "--endpoint", "livez"}, exitOK, "pass\n", ""},
		{[]string{"health", s.URL + "/other"}, exitFailure, "", "is not the health of a process: pass the URL"},
	} {
		code, out, errs := call(t, "", env, tc.args...)
		if code != tc.code || out != tc.out || !strings.Contains(errs, tc.errs) {
			t.Errorf("%v: exit %d, output %q %q; want %d, %q and %q", tc.args, code, out, errs, tc.code, tc.out, tc.errs)
		}
	}
}
