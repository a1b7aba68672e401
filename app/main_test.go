package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
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

// TestMain runs matchwire instead of the tests if MATCHWIRE_TEST_MAIN is 1, so that tests
// can start matchwire as a separate process.
func TestMain(m *testing.M) {
	if os.Getenv("MATCHWIRE_TEST_MAIN") == "1" {
		Main()
		return
	}
	os.Setenv("MATCHWIRE_DATA", noData) // for the processes that tests start
	os.Exit(m.Run())
}

const nycTor = "../fixtures/soccer/mls-2016-11-06-nyc-tor"

// call runs matchwire in this process, with in as its standard input and env as its whole
// environment. It returns the exit code, standard output and standard error.
func call(t *testing.T, in string, env map[string]string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = newProgram(env, in, &o, &e).run(t.Context(), args)
	return code, o.String(), e.String()
}

func newProgram(env map[string]string, in string, out, err io.Writer) program {
	getenv := func(k string) string { return env[k] }
	return program{plugins: shipped.Plugins(), getenv: getenv, in: strings.NewReader(in), out: out, err: err}
}

// A process is matchwire running as a separate process.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd

	mu      sync.Mutex
	written bytes.Buffer
}

// start starts matchwire and waits until its output contains ready. When the test ends,
// the process is stopped.
func start(t *testing.T, ready string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: strings.Join(args, " "), cmd: exec.Command(os.Args[0], args...)}
	p.cmd.Env = append(append(os.Environ(), "MATCHWIRE_TEST_MAIN=1"), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(syscall.SIGTERM) })
	p.eventually(fmt.Sprintf("the output %q", ready), func() bool { return strings.Contains(p.output(), ready) })
	return p
}

// Write appends to the output of the process.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.Write(b)
}

// String returns the output so far.
func (p *process) String() string { return p.output() }

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.String()
}

// stop sends a signal to the process and waits until the process has ended. After an earlier call,
// stop does nothing. After SIGTERM, the exit code must be 0.
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
	testenv.Eventually(p.t, ok, "%s; the output of matchwire %s:\n%s", what, p.name, p)
}

func decodeLines(t *testing.T, out string) []event.Event {
	t.Helper()
	var all []event.Event
	for l := range strings.Lines(out) {
		e, err := event.Decode([]byte(l))
		if err != nil {
			t.Fatalf("line %s: %v", l, err)
		}
		all = append(all, e)
	}
	return all
}

func TestReplayPrint(t *testing.T) {
	read := func() (goals, ids, tids []string) {
		code, out, errs := call(t, "", nil, "replay", nycTor, "--speed", "max", "--print")
		if code != 0 {
			t.Fatalf("replay --print: exit %d, want 0: %s", code, errs)
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
		t.Errorf("got goals:\n%s\nwant:\n%s", strings.Join(goals, "\n"), strings.Join(want, "\n"))
	}
	_, ids2, tids2 := read()
	if !slices.Equal(ids, ids2) {
		t.Errorf("two runs have the IDs\n%v\n%v\nwant the same IDs", ids, ids2)
	}
	for _, tid := range tids2 {
		if slices.Contains(tids, tid) {
			t.Errorf("TID %s occurs in both runs, want different TIDs", tid)
		}
	}
}

func TestReplayOneGoal(t *testing.T) {
	code, out, errs := call(t, "", nil, "replay", "../fixtures/soccer/one-goal", "--speed", "max", "--print")
	all := decodeLines(t, out)
	if code != 0 || len(all) == 0 {
		t.Fatalf("replay --print: exit %d %s\n%s\nwant exit 0 and events", code, errs, out)
	}
	if last := all[len(all)-1].Data; last.Time != "14:21" || last.Clock.Minute != 15 {
		t.Errorf("the goal has time %s and minute %d, want 14:21 and 15", last.Time, last.Clock.Minute)
	}
}

func TestParse(t *testing.T) {
	page := nycTor + "/13-minute-90-1.html"
	code, out, errs := call(t, "", nil, "parse", page, "--profile", "mls-matchcentre")
	for _, want := range []string{"New York City FC v Toronto FC", "5 incidents: 5 goal", "90+1'", "no problems"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("parse: exit %d %s, want 0 and %q in:\n%s", code, errs, want, out)
		}
	}
	profile := "../fixtures/profiles/mls-matchcentre.yaml"
	code, out, errs = call(t, "", nil, "parse", page, "--profile", profile, "--json")
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
		t.Fatalf("parse --json: exit %d %s\n%s\nwant exit 0 and valid JSON (error %v)", code, errs, out, err)
	}
	in := got.Observations[0].Incidents
	if len(in) != 5 || in[1].Detail != "penalty" || in[4].Side != "away" || got.Problems == nil ||
		in[4].Clock.Minute != 90 || in[4].Clock.Stoppage != 1 {
		t.Errorf("parse --json printed %s, want 5 incidents, the second a penalty, the last by the away side in 90+1', "+
			"and a list of problems", out)
	}
	body, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs = call(t, string(body), nil, "parse", "-", "-p", "mls-matchcentre")
	if code != 0 || !strings.Contains(out, "5 goal") {
		t.Errorf("parse from standard input: exit %d %s\n%s\nwant exit 0 and 5 goals", code, errs, out)
	}
}

// Each error names its cause. The exit code is 2 for a usage or configuration error, and 1
// for other failures.
func TestErrors(t *testing.T) {
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
	both := map[string]string{
		"AMQP_URL":  "amqp://guest:" + testenv.Secret + "@127.0.0.1:1/",
		"REDIS_URL": "redis://:" + testenv.Secret + "@127.0.0.1:1",
	}
	onlyAMQP := map[string]string{"AMQP_URL": both["AMQP_URL"]}
	onlyRedis := map[string]string{"REDIS_URL": both["REDIS_URL"]}
	withAMQP := func(url string) map[string]string {
		return map[string]string{"AMQP_URL": url, "REDIS_URL": both["REDIS_URL"]}
	}
	// with returns the arguments that run a command with a new config file.
	with := func(command, name, config string) []string {
		return []string{command, "--config", write(name, config)}
	}
	record := []string{"record", "http://fbref.com/", "-p", "fbref", "-o", dir + "/r"}
	write("texts/en.yaml", "titles:\n  goal: 'Goal of {{.Player}}'\n")
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
		{"no command", nil, nil, 2, "Usage: matchwire COMMAND [flags]"},
		{"unknown command", nil, []string{"runn"}, 2, `unknown command "runn"; did you mean "run"?`},
		{"unknown command with a flag", nil, []string{"runn", "--listen", ":1"}, 2, `unknown command "runn"`},
		{"unknown subcommand", nil, []string{"dead", "lst"}, 2, `unknown command "lst"; did you mean "list"?`},
		{"no subcommand", nil, []string{"dead"}, 2, "Usage: matchwire dead COMMAND [flags]"},
		{"unknown flag", nil, []string{"demo", "--sped", "3"}, 2, `unknown flag --sped; did you mean "--speed"?`},
		{"unknown short flag", nil, []string{"demo", "-x"}, 2, "unknown flag -x\nmatchwire: try matchwire demo --help"},
		{"flag without a value", nil, []string{"demo", "--speed"}, 2, "flag --speed has no value: want --speed SPEED"},
		{"missing argument", nil, []string{"trace"}, 2, "missing argument ID\nmatchwire: try matchwire trace --help"},
		{"missing last argument", nil, []string{"token", "ann"}, 2, "missing argument SCOPE\n"},
		{"surplus argument", nil, []string{"trace", "a", "b"}, 2, `unexpected argument "b"`},
		{"missing flags", nil, []string{"record", "http://x/"}, 2, "missing flags --out DIR and --profile PROFILE"},
		{"unknown scope", nil, []string{"token", "ann", "write"}, 2, `scope "write": want read, operate, change or metrics`},
		{"unknown log level", nil, []string{"ps", "--log-level", "loud"}, 2,
			`--log-level "loud": want debug, info, warn or error`},
		{"bad duration", nil, []string{"emit", "x", "--timeout", "soon"}, 2,
			`--timeout "soon": want a duration, such as 30s or 5m`},
		{"bad number", nil, []string{"trace", "x", "--jobs", "all"}, 2, `--jobs "all": want an integer`},
		{"bad boolean in the environment", map[string]string{"MATCHWIRE_ANYBODY": "maybe"}, []string{"run"}, 2,
			`MATCHWIRE_ANYBODY "maybe": want true or false`},
		{"unknown shell", nil, []string{"completion", "tcsh"}, 2, `shell "tcsh": want bash, zsh, fish or powershell`},
		{"bad namespace in the environment", map[string]string{"MATCHWIRE_NAMESPACE": "{x}"}, []string{"ps"}, 2,
			`namespace "{x}"`},
		{"missing recording", nil, []string{"demo", "no-such-folder"}, 2, "no-such-folder: no such folder: want"},
		{"unknown time", nil, []string{"archive", "export", "--since", "soon"}, 2, `--since "soon": want a time like`},
		{"only AMQP_URL", onlyAMQP, []string{"run"}, 2, "AMQP_URL is set and REDIS_URL is not"},
		{"only REDIS_URL", onlyRedis, []string{"run"}, 2, "REDIS_URL is set and AMQP_URL is not"},
		{
			"gateway with a bad REDIS_URL", map[string]string{"REDIS_URL": "http://x:" + testenv.Secret + "@y"},
			[]string{"gateway"}, 2, "REDIS_URL",
		},
		{"rebuild with only AMQP_URL", onlyAMQP, []string{"rebuild", "scoreboard"}, 2, "REDIS_URL is not"},
		{"emit with only REDIS_URL", onlyRedis, []string{"emit", "soccer.mls.goal", "{}"}, 2, "server: set AMQP_URL"},
		{"setup with only REDIS_URL", onlyRedis, []string{"setup"}, 2, "RabbitMQ server: set AMQP_URL"},
		{"ps with only AMQP_URL", onlyAMQP, []string{"ps"}, 2, "Redis server: set REDIS_URL"},
		{"gateway with only AMQP_URL", onlyAMQP, []string{"gateway"}, 2, "Redis server: set REDIS_URL"},
		{"gateway with only REDIS_URL", onlyRedis, []string{"gateway", "--listen", "nowhere"}, 1, "gateway: "},
		{
			"gateway with a short key", map[string]string{"REDIS_URL": both["REDIS_URL"], "MATCHWIRE_INSTANCE_KEY": "1234"},
			[]string{"gateway"}, 2, "MATCHWIRE_INSTANCE_KEY: 4 bytes, want at least 32",
		},
		{
			"role with an empty key", map[string]string{"MATCHWIRE_INSTANCE_KEY_FILE": empty}, []string{"run"},
			2, "MATCHWIRE_INSTANCE_KEY_FILE: " + empty + " is empty",
		},
		{
			"users with a password", nil, []string{"users", dir + "/users", "--amqp", both["AMQP_URL"]},
			2, "URL of RabbitMQ: want amqp://host:port",
		},
		{"health without a process", nil, []string{"health", "--listen", "127.0.0.1:1"}, 1,
			`no matchwire answers at http://127.0.0.1:1/healthz: start "matchwire run", or pass the URL of the process` + "\n"},
		{"health of a host", nil, []string{"health", "localhost:8080"}, 2, "want a URL such as http://localhost:8080"},
		{"health of a bad address", nil, []string{"health", "--listen", "here"}, 2, "listen: "},
		{"unknown endpoint", nil, []string{"health", "--endpoint", "metrics"}, 2,
			`--endpoint "metrics": want livez, readyz or healthz`},
		{
			"URL and file", map[string]string{"AMQP_URL": both["AMQP_URL"], "AMQP_URL_FILE": empty}, []string{"run"},
			2, "AMQP_URL and AMQP_URL_FILE are both set",
		},
		{
			"URL instead of a file name", map[string]string{"AMQP_URL_FILE": both["AMQP_URL"]}, []string{"run"},
			2, "AMQP_URL_FILE: want the name of a file, not a URL",
		},
		{
			"unescaped password", withAMQP("amqp://guest:12/3" + testenv.Secret + "@127.0.0.1:1/"), []string{"run"},
			2, "AMQP_URL",
		},
		{
			"empty URL file", map[string]string{"AMQP_URL_FILE": empty}, []string{"run"},
			2, "AMQP_URL_FILE: " + empty + " is empty",
		},
		{
			"missing URL file", map[string]string{"REDIS_URL_FILE": dir + "/none"}, []string{"run"},
			2, "REDIS_URL_FILE: open " + dir + "/none",
		},
		{"one role embedded", nil, []string{"run", "parser"}, 2, "set AMQP_URL and REDIS_URL, or run all roles"},
		{"unknown role", nil, []string{"run", "goalkeeper"}, 2, `role "goalkeeper"`},
		{"bad AMQP URL", withAMQP("http://x:" + testenv.Secret + "@y"), []string{"run"}, 2, "AMQP_URL"},
		{
			"bad Redis URL", map[string]string{"AMQP_URL": both["AMQP_URL"], "REDIS_URL": "http://x:" + testenv.Secret + "@y"},
			[]string{"run"},
			2, "REDIS_URL",
		},
		{"missing config", nil, []string{"run", "--config", dir + "/none.yaml"}, 2, "none.yaml"},
		{
			"unknown key in config", nil, with("run", "c1.yaml", "sources: []\nconsumer: {}\n"),
			2, `c1.yaml:2:1: unknown field "consumer"`,
		},
		{
			"unknown profile in config", nil, with("run", "c2.yaml", "sources:\n  - {url: 'http://x/', profile: nope}\n"),
			2, `c2.yaml:2:`,
		},
		{
			"bad URL in config", nil, with("run", "c3.yaml", "sources:\n  - {url: 'ftp://x/', profile: fbref}\n"),
			2, `c3.yaml:2:`,
		},
		{
			"bad interval in config", nil,
			with("run", "c4.yaml", "sources:\n  - {url: 'http://fbref.com/', profile: fbref, every: 1ms}\n"),
			2, `c4.yaml:2:55: sources[0].every: "1ms"`,
		},
		{
			"host of another site in config", nil,
			with("run", "c14.yaml", "sources:\n  - {url: 'https://basketball-reference.com/x', profile: hockey-reference}\n"),
			2, `c14.yaml:2:11: sources[0].url: URL "https://basketball-reference.com/x": ` +
				`profile hockey-reference reads only pages of hockey-reference.com`,
		},
		{
			"unknown kind in a rule", nil,
			with("check", "c10.yaml", "consumers:\n  notify:\n    rules:\n      - kinds: [goal, gaol]\n"),
			2, `c10.yaml:4:23: consumers.notify.rules[0].kinds[1]: there is no kind "gaol"`,
		},
		{
			"unknown kind in the keys of a program", nil,
			with("check", "keys.yaml", "consumers:\n  mine:\n    exec: [sh]\n    keys: ['*.*.goal', soccer.mls.gaol]\n"),
			2, `keys.yaml:4:24: consumers.mine.keys[1]: topic pattern "soccer.mls.gaol": soccer has no kind "gaol"`,
		},
		{
			"unknown sport in the keys of the archive", nil,
			with("check", "sport.yaml", "consumers:\n  archive:\n    keys:\n      - socer.#\n"),
			2, `sport.yaml:4:9: consumers.archive.keys[0]: topic pattern "socer.#": there is no sport "socer"`,
		},
		{
			"timeout of a program longer than the broker's", nil,
			with("check", "timeout.yaml", "consumers:\n  slow:\n    exec: [sh]\n    keys: ['#']\n    timeout: 45m\n"),
			2, `timeout.yaml:5:14: consumers.slow.timeout: 45m0s: want at most 25m0s`,
		},
		{
			"timeout that equals the broker's", nil,
			with("run", "timeout2.yaml", "consumers:\n  slow: {exec: [sh], keys: ['#'], timeout: 30m}\n"),
			2, `timeout2.yaml:2:44: consumers.slow.timeout: 30m0s: want at most 25m0s`,
		},
		{
			"text of an earlier version", nil,
			with("run", "c11.yaml", "consumers:\n  notify: {templates: texts}\n"),
			2, `texts/en.yaml:2:9: titles.goal: text "Goal of {{.Player}}": this is a Go template, ` +
				`and matchwire now uses jq: write \(.player) instead of {{.Player}}`,
		},
		{
			"secret instead of a channel", nil,
			with("run", "c12.yaml", "consumers:\n  notify:\n    channels: {chat: 'discord://"+testenv.Secret+"@1'}\n"),
			2, `c12.yaml:3:22: consumers.notify.channels.chat: want a channel`,
		},
		{
			"missing program", nil, with("run", "c13.yaml", "consumers:\n  mine: {exec: [no-such-program], keys: ['#']}\n"),
			2, `c13.yaml:2:9: consumers.mine: exec: exec: "no-such-program": executable file not found`,
		},
		{"unknown consumer", nil, with("run", "c5.yaml", "consumers:\n  telegraph: {}\n"), 2, `c5.yaml:2:`},
		{
			"unknown setting of a consumer", nil, with("run", "c6.yaml", "consumers:\n  notify: {webhok: 'http://x/'}\n"),
			2, `c6.yaml:2:12: unknown field "webhok"`,
		},
		{
			"bad webhook", nil,
			with("run", "c7.yaml", "consumers:\n  notify:\n    channels:\n      hook: {webhook: {url: nowhere}}\n"),
			2, `c7.yaml:4:29: consumers.notify.channels.hook.webhook.url: url: want http://… or https://…`,
		},
		{
			"bad contact", nil, with("check", "contact.yaml", "fetch:\n  contact: Ann <me@club.example>\n"),
			2, `contact.yaml:2:12: fetch.contact: "Ann <me@club.example>": want a mail address`,
		},
		{
			"bad port", nil, with("check", "port.yaml", "listen: localhost:99999\n"),
			2, `port.yaml:1:9: listen: "localhost:99999": want HOST:PORT`,
		},
		{
			"bad port of metrics", nil, with("check", "port2.yaml", "metrics:\n  listen: localhost\n"),
			2, `port2.yaml:2:11: metrics.listen: "localhost": want HOST:PORT`,
		},
		{
			"alias of two teams", nil,
			with("run", "c9.yaml", "sources: []\naliases:\n  Real Madrid: [Real]\n  Real Sociedad: [Real]\n"),
			2, `c9.yaml:3:14: aliases: "Real" would refer to two teams, "Real Madrid" and "Real Sociedad"`,
		},
		{"record interval too short", nil, append(record, "--every", "1ms"), 2, "--every 1ms"},
		{
			"record a URL that is not HTTP", nil, []string{"record", "file:///etc/passwd", "-p", "fbref", "-o", dir + "/r"},
			2, `URL "file:///etc/passwd"`,
		},
		{
			"record a page of another site", nil, []string{"record", "http://x/", "-p", "fbref", "-o", dir + "/r"},
			2, `URL "http://x/": profile fbref reads only pages of fbref.com: for other pages, print the profile with ` +
				`"matchwire profiles fbref", and change profile and hosts in the copy`,
		},
		{"parse without a profile", nil, []string{"parse", "../profiles/bbc-scores/day.html"}, 2,
			"missing flag --profile PROFILE: the page is HTML"},
		{"parse a URL without a profile", nil, []string{"parse", "https://fbref.com/x"}, 2,
			"missing flag --profile PROFILE: for this site: fbref"},
		{"parse a private page", nil, []string{"parse", "http://127.0.0.1:1/x", "-p", "mls-matchcentre"}, 1,
			`matchwire run refuses it" error="127.0.0.1 is an address on this machine`},
		{
			"parse a page of another site", nil, []string{"parse", "http://x/", "-p", "fbref"},
			2, `URL "http://x/": profile fbref reads only pages of fbref.com`,
		},
		{
			"parse a page with another layout", nil,
			[]string{"parse", "../profiles/fbref/report.html", "-p", "hockey-reference"}, 1,
			"report.html: the page has none of the layouts that profile hockey-reference knows: box-score: ",
		},
		{"record with an invalid match ID", nil, append(record, "--match", "a b"), 2, `match ID "a b"`},
		{
			"record with an unknown profile", nil, []string{"record", "http://x/", "-p", "nope", "-o", dir + "/r"},
			2, `profile "nope"`,
		},
		{"check of a broken profile", nil, []string{"check", broken}, 2, `broken.yaml:4:9: match.home: selector ".x["`},
		{"check of a missing profile", nil, []string{"check", dir + "/none.yaml"}, 2, "none.yaml"},
		{"check of a missing config", nil, []string{"check", "--config", dir + "/none.yaml"}, 2, "none.yaml"},
		{
			"no such match on the page", nil,
			[]string{"parse", "../profiles/bbc-scores/day.html", "-p", "bbc-scores", "--match", "x"},
			1, `no match "x"`,
		},
		{"broken selector", nil, []string{"parse", empty, "-p", broken}, 2, `broken.yaml:4:9: match.home: selector ".x["`},
		{
			"unknown key in profile", nil, []string{"parse", empty, "-p", unknown},
			2, `unknown.yaml:4:1: unknown field "incident"`,
		},
		{"unknown profile", nil, []string{"parse", empty, "-p", "nope"}, 2, `profile "nope"`},
		{"empty page", nil, []string{"parse", empty, "-p", "fbref"}, 1, "empty.html: the page is empty"},
		{"page that is not HTML", nil, []string{"parse", binary, "-p", "fbref"}, 1, "not HTML"},
		{"missing page", nil, []string{"parse", dir + "/none.html", "-p", "fbref"}, 1, "none.html"},
		{"folder without a fixture", nil, []string{"replay", dir, "--print"}, 2, "no fixture.yaml is in this folder: want"},
		{"file as a recording", nil, []string{"demo", "main_test.go"}, 2, "main_test.go is a file: want a folder that"},
		{"folder as a profile", nil, []string{"check", dir}, 2, "is a folder: name profile files, such as " + dir},
		{"missing profile", nil, []string{"check", "none.yaml"}, 2, "none.yaml: no such file: want the file of a profile"},
		{"bad speed", nil, []string{"replay", nycTor, "--speed", "fast", "--print"}, 2,
			`--speed "fast": want a number greater than 0, or max`},
		{"replay without a server", nil, []string{"replay", nycTor}, 2, "AMQP_URL"},
		{"page file without a profile", nil, []string{"replay", empty, "--print"}, 2, "--profile"},
		{"bad key", both, []string{"emit", "goal", "{}"}, 2, `"goal"`},
		{
			"unknown kind", both, []string{"emit", "soccer.mls.gaol"},
			2, `routing key "soccer.mls.gaol": soccer has no kind "gaol"; did you mean "goal"? (--any-kind publishes it anyway)`,
		},
		{
			"kind of another sport", both, []string{"emit", "soccer.mls.touchdown", "{}"},
			2, `soccer has no kind "touchdown"; want one of goal, yellow_card`,
		},
		{"unknown sport", both, []string{"emit", "socer.mls.goal", "{}"}, 2, `no sport "socer"; did you mean "soccer"?`},
		{
			"unknown kind with the suffix of a correction", both, []string{"emit", "soccer.mls.gaol_retracted", "{}"},
			2, `soccer has no kind "gaol"`,
		},
		{
			"unknown kind with --any-kind", both,
			[]string{"emit", "soccer.mls.fan_vote", "{}", "--any-kind", "--timeout", "1s"}, 1, "reaching broker",
		},
		{
			"retraction of a known kind", both,
			[]string{"emit", "soccer.mls.goal_retracted", "{}", "--timeout", "1s"}, 1, "reaching broker",
		},
		{"kind that no event has", both, []string{"tail", "soccer.mls.gaol"}, 2, `soccer has no kind "gaol"`},
		{"kind after #", both, []string{"tail", "#", "#.gaol"}, 2, `topic pattern "#.gaol": there is no kind "gaol"`},
		{"bad facts", both, []string{"emit", "soccer.mls.goal", "{"}, 2, "facts"},
		{"unknown fact", both, []string{"emit", "soccer.mls.goal", `{"plaier":"x"}`}, 2, "plaier"},
		{"bad TID", both, []string{"emit", "soccer.mls.goal", "{}", "--tid", "7"}, 2, `tid "7"`},
		{
			"unreachable broker", both, []string{"emit", "soccer.mls.goal", "{}", "--timeout", "1s"},
			1, "reaching broker amqp://127.0.0.1:1/",
		},
		{"bad namespace", both, []string{"tail", "--namespace", "{x}"}, 2, `namespace "{x}"`},
		{"pattern that matches no event", both, []string{"tail", "soccer"}, 2, `topic pattern "soccer" matches no event`},
		{
			"unknown consumer without settings", nil, with("run", "c8.yaml", "consumers:\n  notfy:\n"),
			2, `c8.yaml:2:10: consumers.notfy: unknown consumer`,
		},
		{
			"rebuild without a process", map[string]string{"MATCHWIRE_SERVER": "http://127.0.0.1:1"},
			[]string{"rebuild", "scoreboard"}, 1, "no matchwire answers at http://127.0.0.1:1",
		},
		{
			"rebuild of a consumer without a store", both, []string{"rebuild", "notify"},
			2, `consumer "notify" is not enabled or cannot be rebuilt from the log: want one of scoreboard`,
		},
		{"rebuild of an unknown consumer", both, []string{"rebuild", "unknown"}, 2, `consumer "unknown"`},
		{"tail with only REDIS_URL", onlyRedis, []string{"tail"}, 2, "set AMQP_URL"},
		{
			"trace without jobs", both, []string{"trace", event.NewTID().String(), "--jobs", "0"},
			2, "--jobs 0: want 1 or more",
		},
		{
			"trace with a negative number of jobs", both, []string{"trace", event.NewTID().String(), "--jobs=-1"},
			2, "--jobs -1: want 1 or more",
		},
		{"invalid listen address", nil, []string{"demo", "--listen", "256.0.0.1:1"}, 1, "256.0.0.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var out, errs bytes.Buffer
			code := newProgram(tc.env, "", &out, &errs).run(ctx, tc.args)
			if code != tc.code || !strings.Contains(errs.String(), tc.want) {
				t.Errorf("exit %d, want %d with %q in:\n%s", code, tc.code, tc.want, errs.String())
			}
			testenv.NoSecret(t, errs.String())
			if out.Len() > 0 {
				t.Errorf("standard output:\n%s\nwant none", out.String())
			}
		})
	}
}
