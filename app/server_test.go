package app

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/testenv"
)

// noServers makes a process use embedded servers.
var noServers = []string{"AMQP_URL=", "AMQP_URL_FILE=", "REDIS_URL=", "REDIS_URL_FILE="}

// post makes a call with the API token [testenv.Secret], and returns the TID of the call.
func post(t *testing.T, url, body string) (tid string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testenv.Secret)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("POST %s: status %s, want 201", url, response.Status)
	}
	return response.Header.Get("X-Transaction-Id")
}

// Without servers, ps, trace and tail ask a running process.
func TestCommandsAskAProcess(t *testing.T) {
	site := newSite(t, "../fixtures/soccer/one-goal")
	keys := writeConfig(t, "secret: a secret of more than thirty-two bytes\n")
	config := writeConfig(t, `
listen: 127.0.0.1:0
fanout: {token_keys: `+keys+`}
fetch: {private_addresses: true, ignore_robots: true, ports: [`+site.URL[strings.LastIndexByte(site.URL, ':')+1:]+`]}
`)
	p := start(t, "msg=serving", append([]string{"MATCHWIRE_API_TOKEN=" + testenv.Secret, "MATCHWIRE_NAME=only"},
		noServers...), "run", "--config", config)
	server := "http://" + p.address()
	env := map[string]string{"MATCHWIRE_SERVER": server}
	p.eventually("the process in ps", func() bool {
		code, out, errs := call(t, "", env, "ps")
		if code != exitOK {
			t.Fatalf("ps: exit %d: %s", code, errs)
		}
		return strings.Contains(out, "only  api,scheduler,parser,consumers,fanout  "+p.address())
	})

	code, _, errs := call(t, "", env, "tail")
	if code != exitFailure || !strings.Contains(errs, "the process wants an API token: set MATCHWIRE_API_TOKEN") ||
		!strings.Contains(errs, "with the scope read") {
		t.Errorf("tail without a token: exit %d: %s; want exit 1 and the token to set", code, errs)
	}
	tail := start(t, "waiting for events: soccer.#", append([]string{"MATCHWIRE_API_TOKEN=" + testenv.Secret},
		noServers...), "tail", "soccer.#", "--server", server)
	match := `{"url":"` + site.URL + `/m","profile":"mls-matchcentre","match":"asked","every":"1s"}`
	tid := post(t, server+"/api/matches", match)
	tail.eventually("the goal", func() bool { return strings.Contains(tail.output(), "soccer.mls.goal  tid ") })

	p.eventually("the trace of the call", func() bool { // traces are stored after events
		code, out, _ := call(t, "", env, "trace", tid)
		return code == exitOK && strings.Contains(out, "job "+tid) && strings.Contains(out, "POST /api/matches")
	})
	code, _, errs = call(t, "", env, "trace", "0190b6a0-aaaa-bbbb-cccc-ddddeeeeffff")
	if code != exitFailure || !strings.Contains(errs, "ddddeeeeffff: no trace is stored") {
		t.Errorf("trace of an unknown job: exit %d: %s; want exit 1 and that no trace is stored", code, errs)
	}
}

// Without servers, dead, emit and rebuild ask a running process. Reading needs no token, and changes need one.
func TestChangesThroughAProcess(t *testing.T) {
	config := writeConfig(t, `
listen: 127.0.0.1:0
consumers:
  scoreboard:
  picky: {exec: [sh, -c, "while read -r line; do echo permanent no goals here; done"], keys: ["#"]}
`)
	p := start(t, "consumer=picky keys", append([]string{"MATCHWIRE_API_TOKEN=" + testenv.Secret}, noServers...),
		"run", "--config", config)
	none := map[string]string{"MATCHWIRE_SERVER": "http://" + p.address()}
	env := map[string]string{"MATCHWIRE_SERVER": "http://" + p.address(), "MATCHWIRE_API_TOKEN": testenv.Secret}
	run := func(wantCode int, in string, env map[string]string, args ...string) (out, errs string) {
		t.Helper()
		code, out, errs := call(t, in, env, args...)
		if code != wantCode {
			t.Errorf("%v: exit %d, want %d\n%s%s", args, code, wantCode, out, errs)
		}
		testenv.NoSecret(t, out, errs)
		return out, errs
	}
	const facts = `{"team":"Ajax","score":{"home":1,"away":0},"match":{"id":"m1","home":"Ajax","away":"PSV"}}`
	const advice = `set MATCHWIRE_API_TOKEN to a token of the process with the scope change; ` +
		`"matchwire token NAME change" creates one`
	if _, errs := run(exitFailure, "", none, "emit", "soccer.mls.goal", facts); !strings.Contains(errs, advice) {
		t.Errorf("emit without a token: %s\nwant %s", errs, advice)
	}
	out, _ := run(exitOK, "", env, "emit", "soccer.mls.goal", facts, "--json")
	id := decodeLines(t, out)[0].ID
	out, errs := run(exitFailure, "{}\n{\"scorer\":1}\n{}\n", env, "emit", "soccer.mls.red_card")
	if strings.Count(out, "soccer.mls.red_card id=") != 2 || !strings.Contains(errs, "line 2: facts: ") {
		t.Errorf("emit of three lines printed\n%s%s\nwant two events and an error in line 2", out, errs)
	}
	if _, errs := run(exitUsage, "", env, "emit", "soccer.mls.gaol", "{}"); !strings.Contains(errs, "--any-kind") {
		t.Errorf("emit of an unknown kind: %s\nwant the flag --any-kind", errs)
	}
	run(exitOK, "", env, "emit", "soccer.mls.gaol", "{}", "--any-kind")

	dead := func(count string) {
		t.Helper()
		p.eventually(count+" dead letters", func() bool {
			out, _ := run(exitOK, "", none, "dead", "list")
			return strings.Contains(out, "picky       "+count+"\n")
		})
	}
	dead("4")
	out, errs = run(exitOK, "", none, "dead", "list", "picky", "--limit", "1")
	if !strings.Contains(out, "no goals here") || !strings.Contains(errs, "and 3 more") {
		t.Errorf("dead list picky printed\n%s%s\nwant the reason and a count of 3 more", out, errs)
	}
	if out, _ := run(exitOK, "", none, "dead", "show", "picky", id); !strings.Contains(out, `"home": "Ajax"`) {
		t.Errorf("dead show printed\n%s\nwant the message", out)
	}
	if _, errs := run(exitFailure, "", none, "dead", "list", "unknown"); !strings.Contains(errs, "consumer.unknown") {
		t.Errorf("dead list unknown: %s\nwant the name of the queue", errs)
	}
	if _, errs := run(exitFailure, "", none, "dead", "purge", "picky", "--all"); !strings.Contains(errs, advice) {
		t.Errorf("dead purge without a token: %s\nwant %s", errs, advice)
	}
	_, errs = run(exitFailure, "", env, "dead", "purge", "picky", id, "no-such-id", ".")
	if !strings.Contains(errs, "1 dead letter deleted") || !strings.Contains(errs, "no-such-id") {
		t.Errorf("dead purge printed\n%s\nwant 1 dead letter deleted, and the missing ID", errs)
	}
	dead("3")
	_, errs = run(exitOK, "", env, "dead", "replay", "picky", "--all")
	if !strings.Contains(errs, "3 dead letters moved back to consumer.picky") {
		t.Errorf("dead replay printed\n%s\nwant 3 dead letters moved back", errs)
	}
	dead("3") // they fail again
	_, errs = run(exitOK, "", env, "dead", "purge", "picky", "--all")
	if !strings.Contains(errs, "3 dead letters deleted") {
		t.Errorf("dead purge --all printed\n%s\nwant 3 dead letters deleted", errs)
	}

	if _, errs := run(exitOK, "", env, "rebuild", "scoreboard"); !strings.Contains(errs, "events handled") {
		t.Errorf("rebuild printed\n%s\nwant a number of events", errs)
	}
	if _, errs := run(exitFailure, "", env, "rebuild", "picky"); !strings.Contains(errs, "want one of scoreboard") {
		t.Errorf("rebuild picky: %s\nwant the consumers that can be rebuilt", errs)
	}
}

// If RabbitMQ or Redis does not run, each command that uses it ends within a few seconds. Its output is one error that
// says what to do.
func TestServersDown(t *testing.T) {
	t.Parallel()
	env := map[string]string{"AMQP_URL": "amqp://127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1"}
	const rabbit, redis = ": start RabbitMQ, or correct AMQP_URL\n", ": start Redis, or correct REDIS_URL\n"
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"dead", "list"}, rabbit},
		{[]string{"dead", "replay", "scoreboard", "--all"}, rabbit},
		{[]string{"tail"}, rabbit},
		{[]string{"emit", "soccer.mls.goal", "{}"}, rabbit},
		{[]string{"replay", "../fixtures/soccer/one-goal"}, rabbit},
		{[]string{"ps"}, redis},
		{[]string{"trace", "0190b6a0-aaaa-bbbb-cccc-ddddeeeeffff"}, redis},
		{[]string{"rebuild", "scoreboard"}, redis},
		{[]string{"migrate"}, redis},
		{[]string{"restored"}, redis},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			code, _, errs := call(t, "", env, tc.args...)
			if code != exitFailure || !strings.HasSuffix(errs, tc.want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("exit %d:\n%s\nwant exit 1, and one line with the end %q", code, errs, tc.want)
			}
			if took := time.Since(began); took > 20*time.Second { // the limit is 6 s; the machine may be slow
				t.Errorf("the command took %v", took)
			}
		})
	}
}

// Without --server, a command asks the process at the address in the config. The errors say what to do.
func TestErrorsOfProcesses(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, "listen: 127.0.0.1:1\n")
	encrypted := writeConfig(t, "listen: 0.0.0.0:1\ntls: {certificate: a.pem, key: b.pem}\n")
	const advice = `: start "matchwire run", or set --server, or AMQP_URL and REDIS_URL`
	for _, tc := range []struct {
		args []string
		env  map[string]string
		code int
		want string
	}{
		{[]string{"ps", "--config", config}, nil, exitFailure, "no matchwire answers at http://127.0.0.1:1" + advice},
		{[]string{"tail", "--config", config}, nil, exitFailure, "no matchwire answers at http://127.0.0.1:1" + advice},
		{[]string{"ps", "--config", encrypted}, nil, exitFailure, "no matchwire answers at https://localhost:1" + advice},
		{
			[]string{"ps", "--server", "http://127.0.0.1:2", "--config", config}, nil,
			exitFailure, "no matchwire answers at http://127.0.0.1:2" + advice,
		},
		{[]string{"ps", "--server", "here"}, nil, exitUsage, `server "here": want a URL such as http://localhost:8080`},
		{[]string{"ps"}, map[string]string{"AMQP_URL": "amqp://127.0.0.1:1"}, exitUsage, "set REDIS_URL"},
		{
			[]string{"ps", "--server", "http://127.0.0.1:1"}, map[string]string{"REDIS_URL": "redis://127.0.0.1:2"},
			exitFailure, "no matchwire answers at http://127.0.0.1:1",
		},
	} {
		code, _, errs := call(t, "", tc.env, tc.args...)
		if code != tc.code || !strings.Contains(errs, tc.want) {
			t.Errorf("%v: exit %d: %s\nwant exit %d and %q", tc.args, code, errs, tc.code, tc.want)
		}
	}
}
