package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// An espnProxy is a proxy that is in place for site.api.espn.com. It serves a list with one live match.
type espnProxy struct {
	polls, goals, anonymous atomic.Int64 // anonymous counts requests without the contact
}

func (s *espnProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.UserAgent(), "; me@club.example)") {
		s.anonymous.Add(1)
	}
	if r.URL.Path != "/scoreboard" {
		http.NotFound(w, r)
		return
	}
	type object = map[string]any
	goals, details := s.goals.Load(), []object{}
	if goals > 0 {
		details = append(details, object{"clock": object{"displayValue": "57'"}, "team": object{"id": "1"},
			"scoringPlay": true, "athletesInvolved": []object{{"displayName": "Ann Late"}}})
	}
	team := func(id, side, name string, score int64) object {
		return object{"id": id, "homeAway": side, "score": fmt.Sprint(score), "team": object{"displayName": name}}
	}
	_ = json.NewEncoder(w).Encode(object{"leagues": []object{{"abbreviation": "NSL"}}, "events": []object{{
		"status": object{"displayClock": "58'", "type": object{"name": "STATUS_SECOND_HALF", "state": "in"}},
		"competitions": []object{{
			"id": "9001", "date": time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04Z"), "details": details,
			"competitors": []object{team("1", "home", "North Haven", goals), team("2", "away", "South Dale", 0)},
		}},
	}}})
	s.polls.Add(1)
}

// With a config that init has created, check passes, notify try sends, and run sends an alert for a
// goal. Each request to the site shows the contact.
func TestInit(t *testing.T) {
	site, alerts := &espnProxy{}, &phone{}
	proxy, hook := httptest.NewServer(site), httptest.NewServer(alerts)
	t.Cleanup(proxy.Close)
	t.Cleanup(hook.Close)
	config := filepath.Join(t.TempDir(), "matchwire.yaml")
	answers := []string{"http://site.api.espn.com/scoreboard", "espn-scoreboard", "webhook", hook.URL, "North Haven",
		"me@club.example", "48081"}
	code, out, errs := call(t, strings.Join(answers, "\n"), nil, "init", config)
	if code != exitOK || !strings.Contains(out, "matchwire notify try hook --config "+config) {
		t.Fatalf("init: exit %d, want 0 and the next commands: %s\n%s", code, errs, out)
	}
	if code, _, errs := call(t, "", nil, "check", "--config", config); code != exitOK {
		t.Errorf("check: exit %d, want 0: %s", code, errs)
	}
	if code, out, errs := call(t, "", nil, "notify", "try", "hook", "--config", config); code != exitOK {
		t.Errorf("notify try: exit %d, want 0: %s%s", code, out, errs)
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	faster := strings.Replace(string(text), "# every: 30s", "every: 1s", 1)
	if err := os.WriteFile(config, []byte(faster), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "msg=serving", []string{"AMQP_URL=", "REDIS_URL=", "HTTP_PROXY=" + proxy.URL, "NO_PROXY="},
		"run", "--config", config, "--listen", "127.0.0.1:0")
	p.eventually("a poll", func() bool { return site.polls.Load() > 1 })
	site.goals.Store(1)
	p.eventually("an alert", func() bool { return len(alerts.byPlayer()["Ann Late"]) > 0 })
	if n := site.anonymous.Load(); n > 0 {
		t.Errorf("%d requests do not show the contact", n)
	}
}

// init creates the file that --config names, and uses the flags as answers.
func TestInitFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tc := range []struct {
		in   string
		args []string
		code int
		want string
	}{
		{"", []string{"--yes"}, 0, "Created matchwire.yaml."},
		{"", []string{"--yes"}, 2, "matchwire.yaml already exists"},
		{"", []string{"--yes", "--config", "b.yaml", "--url", "https://fbref.com/x", "--port", "81"}, 0,
			"matchwire run --config b.yaml\n      starts matchwire; then open http://localhost:81\n"},
		{"", []string{"c.yaml", "--yes", "--channel", "pigeon"}, 2, `--channel "pigeon": want none, ntfy`},
		{"", []string{"c.yaml", "--yes", "--contact", "me"}, 2, `--contact: "me": want a mail address`},
		{"", []string{"c.yaml"}, 1, "--yes"},
		{"http://127.0.0.1/hook\n", []string{"c.yaml", "--yes", "--channel", "webhook"}, 0, "notify try hook"},
		{"", []string{"none/d.yaml", "--yes"}, 1, "none/d.yaml: cannot create a file in its folder"},
	} {
		code, out, errs := call(t, tc.in, nil, append([]string{"init"}, tc.args...)...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) {
			t.Errorf("init %q: exit %d, want %d and %q:\n%s%s", tc.args, code, tc.code, tc.want, out, errs)
		}
	}
}
