package app

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/overview"
	"github.com/matchwire/matchwire/internal/testenv"
)

// graphConfig is the format string of a config with a consumer that dead-letters each kick-off. Its argument is the
// address of a site.
const graphConfig = `
sources:
  - {url: "SITE/match", profile: mls-matchcentre, match: nyc-tor, every: 1s}
consumers:
  scoreboard:
  picky: {exec: [sh, -c, "while read -r line; do echo permanent no kick-offs here; done"], keys: ["#.match_start"]}
listen: 127.0.0.1:0
fetch: {private_addresses: true, ignore_robots: true}
`

// GET /api/pipeline and graph show what runs: in one process without servers, and in processes for each role.
func TestGraph(t *testing.T) {
	t.Run("in one process", func(t *testing.T) {
		t.Parallel()
		checkGraph(t, func(config string) *process {
			env := append([]string{"MATCHWIRE_API_TOKEN=" + testenv.Secret, "MATCHWIRE_DATA=" + t.TempDir()}, noServers...)
			return start(t, "consumer=picky keys", env, "run", "--config", config)
		}, true)
	})
	t.Run("on servers", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		env := append([]string{"MATCHWIRE_API_TOKEN=" + testenv.Secret}, w.env...)
		checkGraph(t, func(config string) *process {
			start(t, "consumer=picky keys", env, "run", "consumers", "--config", config)
			start(t, "msg=serving", env, "run", "fanout", "--config", config)
			start(t, "parser ready", env, "run", "parser", "scheduler", "--config", config)
			return start(t, "msg=serving", env, "run", "api", "--config", config)
		}, false)
	})
}

func checkGraph(t *testing.T, run func(config string) *process, embedded bool) {
	t.Helper()
	site := newSite(t, nycTor)
	config := filepath.Join(t.TempDir(), "matchwire.yaml")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(graphConfig, "SITE", site.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(config)
	var o overview.Overview
	p.eventually("the state of all parts in /api/pipeline", func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.address()+"/api/pipeline", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+testenv.Secret)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		o = overview.Overview{}
		if err := json.NewDecoder(response.Body).Decode(&o); err != nil {
			return false
		}
		ready := len(o.Problems) == 0 && len(o.Sources.List) == 1 && o.Sources.List[0].State == overview.Polled &&
			len(o.Fanout) == 1 && len(o.Queues) == 4 && len(o.Consumers) == 4
		for _, c := range o.Consumers {
			ready = ready && len(c.Instances) == 1
		}
		for _, q := range o.Queues {
			ready = ready && q.State != nil && q.State.Subscribers == 1 &&
				(q.State.Dead == 1) == (q.Name == "consumer.picky")
		}
		return ready
	})
	if s := o.Sources.List[0]; o.Embedded != embedded || s.Next.IsZero() || s.URL != site.URL+"/match" ||
		s.By != "config" {
		t.Errorf("embedded %v, source %+v; want embedded %v, and the source with its next poll", o.Embedded, s, embedded)
	}
	env := map[string]string{"MATCHWIRE_SERVER": "http://" + p.address(), "MATCHWIRE_API_TOKEN": testenv.Secret}
	for _, format := range []string{"mermaid", "dot"} {
		code, out, errs := call(t, "", env, "graph", "--format", format)
		for _, want := range []string{site.URL + "/match", "live_events", "consumer.picky.dead", "1 dead letter", "fanout"} {
			if code != exitOK || !strings.Contains(out, want) {
				t.Errorf("graph --format %s: exit %d, output\n%s%s\nwant %q in it", format, code, out, errs, want)
			}
		}
	}
}

// graph --plan draws the config. Without a process to ask, graph says what to do.
func TestGraphOfConfig(t *testing.T) {
	config := filepath.Join(t.TempDir(), "matchwire.yaml")
	err := os.WriteFile(config, []byte(strings.ReplaceAll(graphConfig, "SITE", "https://site.example")), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, "", nil, "graph", "--plan", "--config", config)
	for _, want := range []string{"https://site.example/match", `-->|"#35;.match_start"| queue`,
		"consumer.scoreboard.retry.*"} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("graph --plan: exit %d, output\n%s%s\nwant %q in it", code, out, errs, want)
		}
	}
	servers := map[string]string{"AMQP_URL": "amqp://localhost", "REDIS_URL": "redis://localhost",
		"MATCHWIRE_LISTEN": "127.0.0.1:1"}
	for _, env := range []map[string]string{servers, {"MATCHWIRE_LISTEN": "127.0.0.1:1"}} {
		code, _, errs = call(t, "", env, "graph", "--config", config)
		if want := "no matchwire answers at http://127.0.0.1:1: start"; code != exitFailure ||
			!strings.Contains(errs, want) || !strings.Contains(errs, "--plan") {
			t.Errorf("graph: exit %d, %q; want 1, %q and --plan", code, errs, want)
		}
	}
}
