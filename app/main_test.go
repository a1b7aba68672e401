package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/matchwire/matchwire/consumers/shipped"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// The test binary is also the program under test, so that a test can run it in
// processes of its own.
func TestMain(m *testing.M) {
	if os.Getenv("MATCHWIRE_TEST_MAIN") == "1" {
		Main()
		return
	}
	os.Exit(m.Run())
}

const nycTor = "../fixtures/soccer/mls-2016-11-06-nyc-tor"

// call runs the program in this process, with an empty environment but for env.
func call(t *testing.T, in string, env map[string]string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	p := program{plugins: shipped.Plugins(), getenv: func(k string) string { return env[k] }, in: strings.NewReader(in), out: &o, err: &e}
	code = p.run(t.Context(), args)
	return code, o.String(), e.String()
}

// A process is the program in a process of its own.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd

	mu   sync.Mutex
	said bytes.Buffer
}

// start runs the program until the test ends, and waits until it has said ready.
func start(t *testing.T, ready string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: strings.Join(args, " "), cmd: exec.Command(os.Args[0], args...)}
	p.cmd.Env = append(append(os.Environ(), "MATCHWIRE_TEST_MAIN=1"), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(syscall.SIGTERM) })
	p.eventually("it to say "+ready, func() bool { return strings.Contains(p.output(), ready) })
	return p
}

// Write collects the output.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

// String is what the process has said so far.
func (p *process) String() string { return p.output() }

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// stop ends the process and checks that it ends well.
func (p *process) stop(sig syscall.Signal) {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	if err := p.cmd.Wait(); err != nil && sig == syscall.SIGTERM {
		p.t.Errorf("%s: %v\n%s", p.name, err, p.output())
	}
}

func (p *process) eventually(what string, ok func() bool) {
	p.t.Helper()
	testenv.Eventually(p.t, ok, "%s of %s; it said:\n%s", what, p.name, p)
}

func decodeLines(t *testing.T, out string) []event.Event {
	t.Helper()
	var all []event.Event
	for l := range strings.Lines(out) {
		e, err := event.Decode([]byte(l))
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		all = append(all, e)
	}
	return all
}

func TestReplayPrintsTheFiveGoals(t *testing.T) {
	read := func() (goals, ids, tids []string) {
		code, out, errs := call(t, "", nil, "replay", nycTor, "--speed", "max", "--print")
		if code != 0 {
			t.Fatalf("exit %d: %s", code, errs)
		}
		for _, e := range decodeLines(t, out) {
			ids, tids = append(ids, e.ID), append(tids, e.TID.String())
			if e.Type == "soccer.mls.goal" {
				d := e.Data
				goals = append(goals, fmt.Sprintf("%s %s | %s v %s | %s", d.Time, d.Player, d.Team, d.Opponent, d.League))
			}
		}
		return goals, ids, tids
	}
	goals, ids, tids := read()
	want := []string{
		"6' Sebastian Giovinco | Toronto FC v New York City FC | MLS",
		"20' Sebastian Giovinco | Toronto FC v New York City FC | MLS",
		"30' Jozy Altidore | Toronto FC v New York City FC | MLS",
		"50' Jonathan Osorio | Toronto FC v New York City FC | MLS",
		"90+1' Sebastian Giovinco | Toronto FC v New York City FC | MLS",
	}
	if !slices.Equal(goals, want) {
		t.Errorf("goals:\n%s", strings.Join(goals, "\n"))
	}
	_, ids2, tids2 := read()
	if !slices.Equal(ids, ids2) {
		t.Errorf("IDs differ from run to run:\n%v\n%v", ids, ids2)
	}
	for _, tid := range tids2 {
		if slices.Contains(tids, tid) {
			t.Errorf("TID %s in both runs", tid)
		}
	}
}

func TestSmallestExample(t *testing.T) {
	code, out, errs := call(t, "", nil, "replay", "../fixtures/soccer/one-goal", "--speed", "max", "--print")
	all := decodeLines(t, out)
	if code != 0 || len(all) == 0 || all[len(all)-1].Data.Time != "14:21" || all[len(all)-1].Data.Clock.Minute != 15 {
		t.Errorf("exit %d %s\n%s", code, errs, out)
	}
}

func TestParse(t *testing.T) {
	page := nycTor + "/13-minute-90-1.html"
	code, out, errs := call(t, "", nil, "parse", page, "--profile", "mls-matchcentre")
	if code != 0 || !strings.Contains(out, "New York City FC v Toronto FC") || !strings.Contains(out, "5 incidents: 5 goal") ||
		!strings.Contains(out, "90+1'") || !strings.Contains(out, "no problems") {
		t.Errorf("exit %d %s\n%s", code, errs, out)
	}
	code, out, errs = call(t, "", nil, "parse", page, "--profile", "../fixtures/profiles/mls-matchcentre.yaml", "--json")
	var got struct {
		Observations []struct {
			Incidents []struct {
				Kind, Detail, Side, Player string
				Clock                      struct {
					Period           string
					Minute, Stoppage int
				}
			}
		}
		Problems []any
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit %d %s %v\n%s", code, errs, err, out)
	}
	in := got.Observations[0].Incidents
	if len(in) != 5 || in[1].Detail != "penalty" || in[4].Clock.Minute != 90 || in[4].Clock.Stoppage != 1 || in[4].Side != "away" || got.Problems == nil {
		t.Errorf("%s", out)
	}
	body, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if code, out, errs := call(t, string(body), nil, "parse", "-", "-p", "mls-matchcentre"); code != 0 || !strings.Contains(out, "5 goal") {
		t.Errorf("from standard input: exit %d %s\n%s", code, errs, out)
	}
}

// Every mistake a caller can make says what is wrong, and by its exit code
// whose mistake it is.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		f := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(f), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	both := map[string]string{"AMQP_URL": "amqp://guest:" + testenv.Secret + "@127.0.0.1:1/", "REDIS_URL": "redis://:" + testenv.Secret + "@127.0.0.1:1"}
	empty := write("empty.html", "")
	binary := write("page.png", "\x89PNG\r\n\x1a\n")
	broken := write("broken.yaml", "profile: broken\nsport: soccer\nmatch:\n  home: '.x['\n  away: .y\n")
	unknown := write("unknown.yaml", "profile: unknown\nsport: soccer\nmatch: {home: .x, away: .y}\nincident: []\n")
	for _, tc := range []struct {
		name string
		env  map[string]string
		args []string
		code int
		want string
	}{
		{"no command", nil, nil, 2, "try --help"},
		{"unknown command", nil, []string{"runn"}, 2, "runn"},
		{"unknown flag", nil, []string{"demo", "--sped", "3"}, 2, "--sped"},
		{"one URL", map[string]string{"AMQP_URL": both["AMQP_URL"]}, []string{"run"}, 2, "AMQP_URL is set and REDIS_URL is not"},
		{"the other URL", map[string]string{"REDIS_URL": both["REDIS_URL"]}, []string{"run"}, 2, "REDIS_URL is set and AMQP_URL is not"},
		{"one URL for emit", map[string]string{"AMQP_URL": both["AMQP_URL"]}, []string{"emit", "a.b.c", "{}"}, 2, "REDIS_URL is not"},
		{"both a URL and its file", map[string]string{"AMQP_URL": both["AMQP_URL"], "AMQP_URL_FILE": empty}, []string{"run"}, 2, "AMQP_URL and AMQP_URL_FILE are both set"},
		{"a URL in place of its file", map[string]string{"AMQP_URL_FILE": both["AMQP_URL"]}, []string{"run"}, 2, "AMQP_URL_FILE wants a file's name, not a URL"},
		{"a password that should be escaped", map[string]string{"AMQP_URL": "amqp://guest:12/3" + testenv.Secret + "@127.0.0.1:1/", "REDIS_URL": both["REDIS_URL"]}, []string{"run"}, 2, "AMQP_URL"},
		{"an empty file for a URL", map[string]string{"AMQP_URL_FILE": empty}, []string{"run"}, 2, "AMQP_URL_FILE: " + empty + " is empty"},
		{"no file for a URL", map[string]string{"REDIS_URL_FILE": dir + "/none"}, []string{"run"}, 2, "REDIS_URL_FILE: open " + dir + "/none"},
		{"one role embedded", nil, []string{"run", "parser"}, 2, "set AMQP_URL and REDIS_URL, or run all roles"},
		{"unknown role", nil, []string{"run", "goalkeeper"}, 2, `role "goalkeeper"`},
		{"bad AMQP URL", map[string]string{"AMQP_URL": "http://x:" + testenv.Secret + "@y", "REDIS_URL": both["REDIS_URL"]}, []string{"run"}, 2, "AMQP_URL"},
		{"bad Redis URL", map[string]string{"AMQP_URL": both["AMQP_URL"], "REDIS_URL": "http://x:" + testenv.Secret + "@y"}, []string{"run"}, 2, "REDIS_URL"},
		{"missing config", nil, []string{"run", "--config", dir + "/none.yaml"}, 2, "none.yaml"},
		{"unknown key in config", nil, []string{"run", "--config", write("c1.yaml", "sources: []\nconsumer: {}\n")}, 2, `c1.yaml:2:1: unknown field "consumer"`},
		{"unknown profile in config", nil, []string{"run", "--config", write("c2.yaml", "sources:\n  - {url: 'http://x/', profile: nope}\n")}, 2, `c2.yaml:2:`},
		{"bad URL in config", nil, []string{"run", "--config", write("c3.yaml", "sources:\n  - {url: 'ftp://x/', profile: fbref}\n")}, 2, `c3.yaml:2:`},
		{"bad interval in config", nil, []string{"run", "--config", write("c4.yaml", "sources:\n  - {url: 'http://x/', profile: fbref, every: 1ms}\n")}, 2, `c4.yaml:2:`},
		{"unknown kind in a rule", nil, []string{"check", "--config", write("c10.yaml", "consumers:\n  notify:\n    rules:\n      - kinds: [goal, gaol]\n")}, 2, `c10.yaml:4:23: consumers.notify.rules[0].kinds[1]: there is no kind "gaol"`},
		{"a template that cannot be", nil, []string{"run", "--config", write("c11.yaml", "consumers:\n  notify: {templates: texts}\n"+write("texts/en.yaml", "titles:\n  goal: 'Goal of {{.Scorer}}'\n")[:0])}, 2, `texts/en.yaml:2:9: titles.goal: template "Goal of {{.Scorer}}": `},
		{"a secret where it does not belong", nil, []string{"run", "--config", write("c12.yaml", "consumers:\n  notify:\n    channels: {chat: 'discord://"+testenv.Secret+"@1'}\n")}, 2, `c12.yaml:3:22: consumers.notify.channels.chat: want a channel`},
		{"a program that there is not", nil, []string{"run", "--config", write("c13.yaml", "consumers:\n  mine: {exec: [no-such-program], keys: ['#']}\n")}, 2, `c13.yaml:2:9: consumers.mine: exec: exec: "no-such-program": executable file not found`},
		{"unknown consumer", nil, []string{"run", "--config", write("c5.yaml", "consumers:\n  telegraph: {}\n")}, 2, `c5.yaml:2:`},
		{"unknown setting of a consumer", nil, []string{"run", "--config", write("c6.yaml", "consumers:\n  notify: {webhok: 'http://x/'}\n")}, 2, `c6.yaml:2:12: unknown field "webhok"`},
		{"bad webhook", nil, []string{"run", "--config", write("c7.yaml", "consumers:\n  notify:\n    channels:\n      hook: {webhook: {url: nowhere}}\n")}, 2, `c7.yaml:4:29: consumers.notify.channels.hook.webhook.url: url: want http://… or https://…`},
		{"alias of two teams", nil, []string{"run", "--config", write("c9.yaml", "sources: []\naliases:\n  Real Madrid: [Real]\n  Real Sociedad: [Real]\n")}, 2, `c9.yaml:3:14: aliases: "Real" would mean two teams, "Real Madrid" and "Real Sociedad"`},
		{"record too often", nil, []string{"record", "http://x/", "-p", "fbref", "-o", dir + "/r", "--every", "1ms"}, 2, "--every 1ms"},
		{"record no page", nil, []string{"record", "file:///etc/passwd", "-p", "fbref", "-o", dir + "/r"}, 2, `URL "file:///etc/passwd"`},
		{"record with a bad ID", nil, []string{"record", "http://x/", "-p", "fbref", "-o", dir + "/r", "--match", "a b"}, 2, `match ID "a b"`},
		{"record with an unknown profile", nil, []string{"record", "http://x/", "-p", "nope", "-o", dir + "/r"}, 2, `profile "nope"`},
		{"check of a broken profile", nil, []string{"check", broken}, 2, `broken.yaml:4:9: match.home: selector ".x["`},
		{"check of no file", nil, []string{"check", dir + "/none.yaml"}, 2, "none.yaml"},
		{"check of a missing config", nil, []string{"check", "--config", dir + "/none.yaml"}, 2, "none.yaml"},
		{"no such match on the page", nil, []string{"parse", "../profiles/bbc-scores/day.html", "-p", "bbc-scores", "--match", "x"}, 1, `no match "x"`},
		{"broken selector", nil, []string{"parse", empty, "-p", broken}, 2, `broken.yaml:4:9: match.home: selector ".x["`},
		{"unknown key in profile", nil, []string{"parse", empty, "-p", unknown}, 2, `unknown.yaml:4:1: unknown field "incident"`},
		{"unknown profile", nil, []string{"parse", empty, "-p", "nope"}, 2, `profile "nope"`},
		{"empty page", nil, []string{"parse", empty, "-p", "fbref"}, 1, "empty.html: the page is empty"},
		{"page that is not HTML", nil, []string{"parse", binary, "-p", "fbref"}, 1, "not HTML"},
		{"missing page", nil, []string{"parse", dir + "/none.html", "-p", "fbref"}, 1, "none.html"},
		{"no fixture", nil, []string{"replay", dir, "--print"}, 1, "fixture.yaml"},
		{"bad speed", nil, []string{"replay", nycTor, "--speed", "fast", "--print"}, 2, `"fast"`},
		{"replay to nowhere", nil, []string{"replay", nycTor}, 2, "AMQP_URL"},
		{"page without profile", nil, []string{"replay", empty, "--print"}, 2, "--profile"},
		{"bad key", both, []string{"emit", "goal", "{}"}, 2, `"goal"`},
		{"bad facts", both, []string{"emit", "a.b.c", "{"}, 2, "facts"},
		{"unknown fact", both, []string{"emit", "a.b.c", `{"plaier":"x"}`}, 2, "plaier"},
		{"bad TID", both, []string{"emit", "a.b.c", "{}", "--tid", "7"}, 2, `tid "7"`},
		{"unreachable broker", both, []string{"emit", "a.b.c", "{}", "--timeout", "1s"}, 1, "reaching broker amqp://127.0.0.1:1/"},
		{"bad namespace", both, []string{"tail", "--namespace", "{x}"}, 2, `namespace "{x}"`},
		{"a pattern that matches nothing", both, []string{"tail", "soccer"}, 2, `topic pattern "soccer" matches no event`},
		{"unknown consumer without settings", nil, []string{"run", "--config", write("c8.yaml", "consumers:\n  notfy:\n")}, 2, `c8.yaml: consumers.notfy: no consumer of that name`},
		{"rebuild without a log", nil, []string{"rebuild", "scoreboard"}, 2, "the event log lies on a RabbitMQ server: set AMQP_URL"},
		{"rebuild of what keeps nothing", both, []string{"rebuild", "notify"}, 2, `no consumer "notify" that keeps what the log could make whole; of that kind are: scoreboard`},
		{"rebuild of nobody", both, []string{"rebuild", "nobody"}, 2, `no consumer "nobody"`},
		{"nothing to tail", nil, []string{"tail"}, 2, "AMQP_URL"},
		{"port taken", nil, []string{"demo", "--listen", "256.0.0.1:1"}, 1, "256.0.0.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var out, errs bytes.Buffer
			p := program{plugins: shipped.Plugins(), getenv: func(k string) string { return tc.env[k] }, in: strings.NewReader(""), out: &out, err: &errs}
			code := p.run(ctx, tc.args)
			if code != tc.code || !strings.Contains(errs.String(), tc.want) {
				t.Errorf("exit %d, want %d; said, wanting %q:\n%s", code, tc.code, tc.want, errs.String())
			}
			testenv.NoSecret(t, errs.String())
			if out.Len() > 0 {
				t.Errorf("words on stdout:\n%s", out.String())
			}
		})
	}
}

func TestHelpEverywhere(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"demo", "--help"}, {"run", "--help"}, {"replay", "--help"}, {"parse", "--help"}, {"record", "--help"}, {"check", "--help"}, {"emit", "--help"}, {"tail", "--help"}, {"dead", "--help"}, {"dead", "replay", "--help"}, {"rebuild", "--help"}} {
		if code, out, errs := call(t, "", nil, args...); code != 0 || !strings.Contains(out, "Usage: matchwire") || errs != "" {
			t.Errorf("%v: exit %d\n%s%s", args, code, out, errs)
		}
	}
}
