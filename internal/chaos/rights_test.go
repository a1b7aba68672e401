package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/rights"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// guarded is a pipeline whose roles log in as the users that "matchwire users" creates.
type guarded struct {
	*testing.T
	program string
	secrets string // folder with the files of the users
	config  string // path of the config file
	node    *servers.Rabbit
	admin   *redis.Client // has all rights
}

// newGuarded creates the users and starts the servers with them. Only these users and the
// administrators of the test can log in.
func newGuarded(t *testing.T, config string) *guarded {
	g := &guarded{T: t, program: build(t), secrets: filepath.Join(t.TempDir(), "secrets"), config: config}
	g.node = testenv.OwnRabbit(t, 1)[0]
	amqpURL := strings.Replace(g.node.URL, "guest:guest@", "", 1)
	g.run("", "users", g.secrets, "--amqp", amqpURL)
	acl, err := os.ReadFile(filepath.Join(g.secrets, rights.ACLFile))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(file, append(acl, "user admin on >admin ~* &* +@all\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	store := testenv.OwnRedis(t, "--aclfile", file)
	g.run("", "users", g.secrets, "--amqp", amqpURL, "--redis", store.URL) // keeps the passwords
	g.admin = redis.NewClient(
		&redis.Options{Addr: strings.TrimPrefix(store.URL, "redis://"), Username: "admin", Password: "admin"},
	)
	t.Cleanup(func() { g.admin.Close() })

	for _, args := range [][]string{
		{"import_definitions", filepath.Join(g.secrets, rights.DefinitionsFile)},
		{"add_user", "admin", "admin"},
		{"set_permissions", "admin", ".*", ".*", ".*"},
		{"delete_user", "guest"},
	} {
		if _, err := g.node.Ctl(args...); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// env returns the environment variables of a user: the paths of its files with URLs and API tokens.
func (g *guarded) env(user string) (env []string) {
	for variable, file := range map[string]string{
		"AMQP_URL_FILE": "amqp_url", "REDIS_URL_FILE": "redis_url", "MATCHWIRE_API_TOKEN_FILE": "api_token",
		"MATCHWIRE_INSTANCE_KEY_FILE": "instance_key",
	} {
		path := filepath.Join(g.secrets, user, file)
		if _, err := os.Stat(path); err == nil {
			env = append(env, variable+"="+path)
		}
	}
	return env
}

// run runs a command of matchwire as a user and returns its standard output. If user is "", the
// command has no credentials. run fails the test if the command fails.
func (g *guarded) run(user string, args ...string) string {
	g.Helper()
	cmd := exec.Command(g.program, append([]string{"--config", g.config}, args...)...)
	cmd.Env = append(withoutServers(), g.env(user)...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		g.Fatalf("%v as %q: %v\n%s%s", args, user, err, out, errs.String())
	}
	return string(out)
}

// withoutServers returns the environment of the test without the URLs of servers.
func withoutServers() (env []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AMQP_URL") && !strings.HasPrefix(v, "REDIS_URL") {
			env = append(env, v)
		}
	}
	return env
}

// start starts a process as a user, and waits until it logs a text that contains ready.
func (g *guarded) start(user, ready string, args ...string) *process {
	g.Helper()
	r := &process{t: g.T, name: user, program: g.program, env: append(g.env(user), "AMQP_URL=", "REDIS_URL="),
		log: filepath.Join(filepath.Dir(g.config), user+".log"), args: append([]string{"--config", g.config}, args...)}
	g.Cleanup(r.stop)
	r.start(ready)
	return r
}

// secret returns the content of a file of a user, such as the URL of a server.
func (g *guarded) secret(user, file string) string {
	g.Helper()
	text, err := os.ReadFile(filepath.Join(g.secrets, user, file))
	if err != nil {
		g.Fatal(err)
	}
	return string(text)
}

// channel opens an AMQP channel as a user.
func (g *guarded) channel(user string) *amqp.Channel {
	g.Helper()
	conn, err := amqp.Dial(g.secret(user, "amqp_url"))
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		g.Fatal(err)
	}
	return ch
}

// Each role can do its work with the rights of its own user, and its user has no other rights. The test
// follows events from a page to the scoreboard, a webhook and a WebSocket. It includes retries, dead
// letters and the commands of an operator.
func TestRights(t *testing.T) {
	parallel(t)
	w := &world{T: t, hook: newLedger(), socket: newLedger(), site: newSite(t)}
	fanout, api, gateway := freeAddress(t), freeAddress(t), freeAddress(t)
	config := w.writeConfig(newWebhook(t, w.hook).URL, fanout)
	dir := filepath.Dir(config)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	// The consumer flaky fails once. The consumer broken dead-letters events until the file fixed exists.
	more := strings.Replace(string(text), "consumers:\n", `consumers:
  archive: {file: archive.jsonl}
  flaky:
    exec: [sh, -c, 'while read -r e; do if [ -e failed ]; then echo ok; else touch failed; echo retry once; fi; done']
    keys: ["*.*.goal"]
    once: true
    ordered: true
  broken:
    exec: [sh, -c, 'while read -r e; do if [ -e fixed ]; then echo ok; else echo permanent broken; fi; done']
    keys: ["*.*.goal"]
`, 1)
	more = strings.Replace(more, "channels: {", "channels: {quiet: {log: {}}, ", 1)
	more = strings.Replace(more, "rules: [{topics: ['#']}]", "rules: [{topics: ['#']}, {before: 15m}]", 1)
	page, err := url.Parse(w.site.urls[0])
	if err != nil {
		t.Fatal(err)
	}
	more = strings.Replace(more, "private_addresses: true", "private_addresses: true, ports: ["+page.Port()+"]", 1)
	if err := os.WriteFile(config, []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	g := newGuarded(t, config)

	// Before setup, the roles wait.
	fanoutRole := g.start("fanout", "run matchwire setup", "run", "fanout", "--anybody")
	first := g.run("setup", "setup")
	for _, want := range []string{
		"declared  exchange  live_events\n", "declared  queue     live_events.log\n",
		"declared  queue     consumer.broken.dead\n",
		"declared  queue     task.parser.page.poll.retry.10m0s\n",
		"bound     binding   live_events -> consumer.broken *.*.goal\n",
		"declared  exchange  tasks.witness\n",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("setup does not print %q:\n%s", want, first)
		}
	}
	second := g.run("setup", "setup")
	if strings.Contains(second, "declared") || !strings.Contains(second, "exists    queue     consumer.broken.dead\n") {
		t.Errorf("the second setup declared objects again:\n%s", second)
	}
	testenv.Eventually(t, func() bool { return strings.Contains(fanoutRole.output(), fanoutReady) },
		"fanout to be ready:\n%s", latest{fanoutRole})

	wv := wave{name: "w", matches: 1, rows: 20, step: 2}
	w.site.play(wv)
	all := []*process{
		fanoutRole,
		g.start("consumers", consumersReady, "run", "consumers"),
		g.start("api", "msg=serving", "run", "api", "--listen", api),
		g.start("gateway", "msg=serving", "gateway", "--listen", gateway),
	}
	for _, address := range []string{api, gateway} {
		testenv.Eventually(t, func() bool {
			cmd := exec.Command(g.program, "health", "http://"+address+"/healthz")
			return cmd.Run() == nil
		}, "the health check of %s to pass", address)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var gaps atomic.Int64
	ended := make(chan struct{})
	go func() { defer close(ended); follow(ctx, gateway, "", w.socket, &gaps) }()
	all = append(
		all,
		g.start("parser", parserReady, "run", "parser"),
		g.start("scheduler", "source scheduled", "run", "scheduler"),
	)
	for name, l := range map[string]*ledger{"webhook": w.hook, "socket": w.socket} {
		testenv.Eventually(t, func() bool { return len(l.of(wv).missing) == 0 }, "the events at the %s", name)
	}
	correct := func() bool { wrong, _ := boards(t.Context(), g.admin, wv); return wrong == 0 }
	testenv.Eventually(t, correct, "correct scoreboards")

	g.changeSource("http://"+gateway, w.site.urls[0])
	g.operate(correct)
	cancel()
	<-ended

	for _, r := range all {
		for _, refusal := range []string{"NOPERM", "ACCESS_REFUSED", "NOAUTH", "WRONGPASS"} {
			if strings.Contains(r.output(), refusal) {
				t.Errorf("%s lacks a right: its log contains %s:\n%s", r.name, refusal, r.output())
			}
		}
	}
	refused, err := g.admin.Do(t.Context(), "acl", "log").Slice()
	if err != nil || len(refused) > 0 {
		t.Errorf("Redis has refused the commands %v, error %v, want none", refused, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "failed")); err != nil {
		t.Errorf("no event was retried: %v", err)
	}
	g.refuses()
}

// changeSource adds, pauses, resumes and removes a source through the API, tests a channel, and reads from the API.
func (g *guarded) changeSource(api, page string) {
	g.Helper()
	call := func(method, path, body string) (status int, response []byte) {
		request, err := http.NewRequestWithContext(g.Context(), method, api+path, strings.NewReader(body))
		if err != nil {
			g.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+g.secret("api", "api_token"))
		request.Header.Set("Content-Type", "application/json")
		r, err := http.DefaultClient.Do(request)
		if err != nil {
			g.Fatal(err)
		}
		defer r.Body.Close()
		var text json.RawMessage
		if r.StatusCode != http.StatusNoContent {
			if err := json.NewDecoder(r.Body).Decode(&text); err != nil {
				g.Fatalf("%s %s: status %d, %v", method, path, r.StatusCode, err)
			}
		}
		return r.StatusCode, text
	}
	code, text := call(http.MethodPost, "/api/matches", fmt.Sprintf(`{"url": "%s/?again", "profile": "chaos"}`, page))
	var added struct{ ID, TID string }
	if err := json.Unmarshal(text, &added); err != nil || code >= http.StatusBadRequest || added.ID == "" {
		g.Fatalf("POST /api/matches: status %d, error %v, want a status less than 400 and an ID: %s", code, err, text)
	}
	for _, c := range []struct{ method, path string }{
		{http.MethodGet, "/api/matches"}, {http.MethodGet, "/api/matches/" + added.ID},
		{http.MethodPost, "/api/matches/" + added.ID + "/pause"}, {http.MethodPost, "/api/matches/" + added.ID + "/resume"},
		{http.MethodDelete, "/api/matches/" + added.ID}, {http.MethodPost, "/api/test/notify.quiet"},
		{http.MethodGet, "/api/scoreboard"}, {http.MethodGet, "/api/scoreboard/w-0-0"},
		{http.MethodGet, "/api/instances"}, {http.MethodGet, "/api/pipeline"},
	} {
		if code, text := call(c.method, c.path, ""); code >= http.StatusBadRequest {
			g.Errorf("%s %s: status %d, want less than 400: %s", c.method, c.path, code, text)
		} else if strings.Contains(c.path, "/test/") && !bytes.Contains(text, []byte(`"accepted":1`)) {
			g.Errorf("%s: the channel has not sent the test: %s", c.path, text)
		} else if c.path == "/api/pipeline" && !bytes.Contains(text, []byte(`"problems":[]`)) {
			g.Errorf("%s: the user may not read all parts: %s", c.path, text)
		}
	}
	testenv.Eventually(g.T, func() bool { // processes write traces in the background
		code, _ := call(http.MethodGet, "/api/trace/"+added.TID, "")
		return code == http.StatusOK
	}, "the trace of job %s", added.TID)
}

// printed formats what a command printed last.
type printed struct{ out *string }

func (p printed) String() string { return *p.out }

// operate runs the commands of an operator. correct reports whether the scoreboards are correct.
func (g *guarded) operate(correct func() bool) {
	g.Helper()
	operator := func(args ...string) string { g.Helper(); return g.run("operator", args...) }
	// A slow broker can store a dead letter twice, because its confirmation came too late.
	awaitDead := func(want string, enough func(n int) bool) {
		g.Helper()
		var out string
		testenv.Eventually(g.T, func() bool {
			out = operator("dead", "list")
			fields := strings.Fields(out)
			i := slices.Index(fields, "broken")
			if i < 0 {
				return false
			}
			n, err := strconv.Atoi(fields[i+1])
			return err == nil && enough(n)
		}, "%s dead letters of broken; dead list prints:\n%s", want, printed{&out})
	}
	awaitDead("8", func(n int) bool { return n >= 8 })
	if out := operator("dead", "list", "broken"); !strings.Contains(out, "broken") {
		g.Errorf("dead list broken does not print broken:\n%s", out)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(g.config), "fixed"), nil, 0o600); err != nil {
		g.Fatal(err)
	}
	operator("dead", "replay", "broken", "--all")
	awaitDead("0", func(n int) bool { return n == 0 })

	keys, err := g.admin.Keys(g.Context(), "mw:*scoreboard*").Result()
	if err != nil || len(keys) == 0 {
		g.Fatalf("scoreboards %v, error %v, want some scoreboards", keys, err)
	}
	incidents, err := g.admin.Keys(g.Context(), "mw:*:incidents").Result()
	if err != nil {
		g.Fatal(err)
	}
	if err := g.admin.Del(g.Context(), append(keys, incidents...)...).Err(); err != nil {
		g.Fatal(err)
	}
	operator("rebuild", "scoreboard")
	testenv.Eventually(g.T, correct, "the rebuilt scoreboards")

	out := operator("emit", "--json", "soccer.chaos.goal", `{"team":"Operators"}`)
	var emitted struct{ TID string }
	if err := json.Unmarshal([]byte(out), &emitted); err != nil {
		g.Fatal(err)
	}
	if out := operator("ps"); strings.Count(out, "\n") != 7 { // a heading and 6 processes
		g.Errorf("ps does not print a heading and 6 processes:\n%s", out)
	}
	testenv.Eventually(g.T, func() bool {
		cmd := exec.Command(g.program, "--config", g.config, "trace", emitted.TID)
		cmd.Env = append(withoutServers(), g.env("operator")...)
		return cmd.Run() == nil
	}, "the trace of job %s", emitted.TID)
}

// refuses checks that the servers refuse what each user must not do.
func (g *guarded) refuses() {
	g.Helper()
	publish := func(exchange, key string) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			closed := ch.NotifyClose(make(chan *amqp.Error, 1))
			if err := ch.Confirm(false); err != nil {
				return err
			}
			c, err := ch.PublishWithDeferredConfirm(exchange, key, false, false, amqp.Publishing{})
			if err != nil {
				return err
			}
			select {
			case err := <-closed:
				return err
			case <-c.Done():
				return nil
			}
		}
	}
	consume := func(queue string) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			if err := ch.Qos(1, 0, false); err != nil {
				return err
			}
			_, err := ch.Consume(queue, "", false, false, false, false, nil)
			return err
		}
	}
	declare := func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare("consumer.mine", true, false, false, false, nil)
		return err
	}
	remove := func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete("consumer.scoreboard", false, false, false)
		return err
	}
	for user, requests := range map[string]map[string]func(*amqp.Channel) error{
		"scheduler": {
			"consume a consumer's queue": consume("consumer.scoreboard"), "consume tasks": consume("task.parser.page.poll"),
			"publish to a queue":  publish("", "live_events.log"),
			"forge a dead letter": publish("retries", "consumer.broken.dead"),
		},
		"parser": {
			"publish a task": publish("tasks", "parser.page.poll"), "read the log": consume("live_events.log"),
			"publish to a queue":  publish("", "consumer.scoreboard"),
			"forge a dead letter": publish("retries", "consumer.broken.dead"),
		},
		"consumers": {
			"publish an event": publish("live_events", "soccer.mls.goal"), "publish to a queue": publish("", "live_events.log"),
			"publish a task":                publish("tasks", "parser.page.poll"),
			"consume the scheduler's queue": consume("consumer.scheduler"),
			"forge a task":                  publish("retries", "task.parser.page.poll.retry.1s"),
			"forge a schedule":              publish("retries", "consumer.scheduler.retry.1s"),
			"read dead letters":             consume("consumer.broken.dead"),
		},
		"fanout": {
			"publish an event": publish("live_events", "soccer.mls.goal"), "publish to a queue": publish("", "live_events.log"),
			"consume a queue": consume("consumer.scoreboard"), "forge a dead letter": publish("retries", "consumer.broken.dead"),
		},
		"api": {
			"publish a task": publish("tasks", "parser.page.poll"), "publish to a queue": publish("", "live_events.log"),
			"read the log": consume("live_events.log"),
		},
		"operator": {
			"publish a task": publish("tasks", "parser.page.poll"), "consume a queue": consume("consumer.scoreboard"),
		},
	} {
		requests["declare a queue"], requests["delete a queue"] = declare, remove
		for what, request := range requests {
			err := request(g.channel(user))
			refused, ok := err.(*amqp.Error) //nolint:errorlint // the client does not wrap it
			if !ok || refused == nil || refused.Code != amqp.AccessRefused {
				g.Errorf("user %s, %s: error %v, want ACCESS_REFUSED", user, what, err)
			}
		}
	}

	board, state, sources := "mw:{m}:scoreboard", "mw:{m}:state", "mw:{schedule}:sources"
	for user, commands := range map[string][][]any{
		"scheduler": {{"hset", board, "f", "v"}, {"hset", "mw:{source:a}:watch", "f", "v"}, {"hget", "mw:push:{site}", "f"}},
		"parser":    {{"hset", board, "f", "v"}, {"hgetall", "mw:push:{site}"}, {"publish", "mw:scoreboards:changes", "x"}},
		"consumers": {{"hset", state, "f", "v"}, {"hset", sources, "f", "v"}, {"rpush", "mw:{m}:outbox", "v"}},
		"fanout":    {{"hset", board, "f", "v"}, {"hget", state, "f"}, {"hget", "mw:push:{site}", "f"}},
		"api":       {{"hset", board, "f", "v"}, {"hset", "mw:notify:hook:{i}", "f", "v"}, {"get", "mw:handled:hook:e"}},
		"gateway":   {{"hset", sources, "f", "v"}, {"hget", board, "f"}},
		"operator":  {{"hset", state, "f", "v"}, {"hget", sources, "f"}, {"rpush", "mw:{m}:outbox", "v"}},
	} {
		opts, err := redis.ParseURL(g.secret(user, "redis_url"))
		if err != nil {
			g.Fatal(err)
		}
		opts.DisableIdentity = true
		r := redis.NewClient(opts)
		defer r.Close()
		for _, args := range append(commands, []any{"flushall"}, []any{"keys", "*"}, []any{"config", "get", "*"},
			[]any{"acl", "list"}, []any{"set", "other", "1"}) {
			if err := r.Do(g.Context(), args...).Err(); err == nil || !redis.HasErrorPrefix(err, "NOPERM") {
				g.Errorf("user %s, command %v: error %v, want NOPERM", user, args, err)
			}
		}
	}
	for _, opts := range []*redis.Options{{}, {Username: "matchwire-ping", Password: "any"}} {
		opts.Addr, opts.DisableIdentity = g.admin.Options().Addr, true
		r := redis.NewClient(opts)
		defer r.Close()
		err := r.Ping(g.Context()).Err()
		if (err == nil) != (opts.Username != "") {
			g.Errorf("user %q: PING returns the error %v, want success only for matchwire-ping", opts.Username, err)
		}
		if err := r.Get(g.Context(), "any").Err(); err == nil || !strings.HasPrefix(err.Error(), "NO") {
			g.Errorf("user %q: GET returns the error %v, want NOPERM or NOAUTH", opts.Username, err)
		}
	}
}
