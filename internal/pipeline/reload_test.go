package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/shipped"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

const reloadProfile = `
profile: own
sport: soccer
format: json
matches: {jq: '.[]'}
match:
  id: {jq: .id}
  league: {value: MLS}
  home: {value: A}
  away: {value: B}
  status: {value: live 2h}
  home_score: {jq: '.goals | length'}
  away_score: {value: 0}
incidents:
  - rows: {jq: '.goals[]'}
    kind: {value: goal}
    side: {value: home}
    player: {jq: .player}
    clock: {jq: .minute}
`

// A reloading is a process that follows its config, with a site and a consumer that remembers events.
type reloading struct {
	*testing.T
	p    *Pipeline
	dir  string
	site string // URL of the site
	url  string // URL of the process

	mu     sync.Mutex
	key    string   // of the instances
	levels []string // log levels of the configs that were put into force
	logs   bytes.Buffer
	polls  map[string]int // by path
	goals  map[string]int // by path
	events map[string][]event.Event
}

// newReloading starts the process with a config. {site} in the config is the URL of the site.
func newReloading(t *testing.T, config string) *reloading {
	w := &reloading{T: t, dir: t.TempDir(), polls: map[string]int{}, goals: map[string]int{},
		events: map[string][]event.Event{}}
	site := httptest.NewServer(w)
	t.Cleanup(site.Close)
	w.site = site.URL
	if err := os.Mkdir(filepath.Join(w.dir, "profiles"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("profiles/own.yaml", reloadProfile)
	w.write("keys.json", keySet("one", "two"))
	w.write("tokens.yaml", "tokens: []\n")
	w.config(config)
	file := filepath.Join(w.dir, "matchwire.yaml")
	load := func() (Settings, error) {
		c, err := LoadConfig(file, false)
		w.mu.Lock()
		defer w.mu.Unlock()
		return Settings{Config: c, Files: []string{file}, APIToken: testenv.Secret, InstanceKey: w.key}, err
	}
	set, err := load()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w, nil))
	seen := func(name string) consumers.Plugin {
		return consumers.Plugin{Name: name, Named: true, New: func(h consumers.Host) (consumers.Consumer, error) {
			var set struct {
				Keys []string `yaml:"keys"`
				File string   `yaml:"file"`
			}
			if err := h.Settings(&set); err != nil {
				return consumers.Consumer{}, err
			}
			if set.File != "" {
				text, err := os.ReadFile(h.Input(set.File))
				if err != nil {
					return consumers.Consumer{}, err
				}
				set.Keys = strings.Fields(string(text))
			}
			return consumers.Consumer{Keys: set.Keys, Handle: func(_ context.Context, e event.Event) error {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.events[name] = append(w.events[name], e)
				return nil
			}}, consumers.CheckKeys(set.Keys)
		}}
	}
	w.p = New(set.Config, Servers{}, log, append(shipped.Plugins(), seen("seen"), seen("other")))
	w.p.APIToken, w.p.Load, w.p.Files, w.p.reloadEvery = testenv.Secret, load, set.Files, 10*time.Millisecond
	w.p.OnReload = func(c Config) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.levels = append(w.levels, c.LogLevel)
	}
	listening := make(chan net.Addr, 1)
	w.p.OnListen = func(at net.Addr) { listening <- at }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	select {
	case at := <-listening:
		w.url = "http://" + at.String()
	case err := <-done:
		done <- err
		t.Fatal(err)
	}
	return w
}

// ServeHTTP serves the pages of the site. A page shows one match, whose ID is the path.
func (w *reloading) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.polls[r.URL.Path]++
	goals := []map[string]string{}
	for i := range w.goals[r.URL.Path] {
		goals = append(goals, map[string]string{"player": fmt.Sprint("Player ", i), "nick": fmt.Sprint("Nick ", i),
			"minute": fmt.Sprint(46+i, "'")})
	}
	_ = json.NewEncoder(rw).Encode([]any{map[string]any{"id": r.URL.Path[1:], "goals": goals}})
}

// Write adds text to the log.
func (w *reloading) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.Write(text)
}

func (w *reloading) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.String()
}

// write replaces a file.
func (w *reloading) write(name, text string) {
	w.Helper()
	file := filepath.Join(w.dir, name)
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		w.Fatal(err)
	}
}

// config writes the config. The process polls pages of this machine.
func (w *reloading) config(text string) {
	w.Helper()
	text = "fetch: {private_addresses: true, ignore_robots: true}\nprofiles: profiles\n" + text
	if !strings.Contains(text, "listen:") {
		text += "listen: 127.0.0.1:0\n"
	}
	w.write("matchwire.yaml", strings.ReplaceAll(text, "{site}", w.site))
}

// logged waits until the log contains texts, and forgets the log.
func (w *reloading) logged(texts ...string) {
	w.Helper()
	for _, text := range texts {
		testenv.Eventually(w.T, func() bool { return strings.Contains(w.log(), text) }, "the log %q:\n%s", text, logOf{w})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logs.Reset()
}

type logOf struct{ w *reloading }

func (l logOf) String() string { return l.w.log() }

// get returns the status and the body of a response.
func (w *reloading) get(path string, header ...string) (int, string) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.url+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// metric returns the line of a metric.
func (w *reloading) metric(name string) string {
	w.Helper()
	_, text := w.get("/metrics")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, name) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func (w *reloading) polled(path string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.polls[path]
}

// score adds a goal to a page, and returns the player of the goal that a consumer then receives.
func (w *reloading) score(path, consumer string) string {
	w.Helper()
	w.mu.Lock()
	w.goals[path]++
	before := len(w.events[consumer])
	w.mu.Unlock()
	player := ""
	testenv.Eventually(w.T, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range w.events[consumer][before:] {
			if e.Data.Kind == event.Goal {
				player = e.Data.Player
			}
		}
		return player != ""
	}, "a goal of %s at the consumer %s:\n%s", path, consumer, logOf{w})
	return player
}

// every returns the interval of the source with a path according to the API, or "" if it is not polled.
func (w *reloading) every(path string) string {
	w.Helper()
	_, text := w.get("/api/matches")
	var all struct {
		Matches []struct {
			URL     string `json:"url"`
			Every   string `json:"every"`
			Stopped string `json:"stopped"`
		} `json:"matches"`
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		w.Fatalf("%v: %s", err, text)
	}
	for _, m := range all.Matches {
		if m.URL == w.site+path {
			return m.Every
		}
	}
	return ""
}

const (
	sourceOne = "sources:\n  - {url: '{site}/one', profile: own, every: 1s}\n"
	seenGoals = "consumers: {seen: {keys: ['*.*.goal']}}\n"
)

// A source that is added to the config is polled, with a changed interval, until it is removed.
func TestReloadSources(t *testing.T) {
	t.Parallel()
	w := newReloading(t, sourceOne+seenGoals)
	testenv.Eventually(t, func() bool { return w.polled("/one") > 0 }, "a poll")
	w.config(sourceOne + "  - {url: '{site}/two', profile: own, every: 2s}\n" + seenGoals)
	w.logged("sources_added=[" + w.site + "/two]")
	testenv.Eventually(t, func() bool { return w.polled("/two") > 0 }, "a poll of the new source:\n%s", logOf{w})
	if every := w.every("/two"); every != "2s" {
		t.Errorf("the new source is polled every %q, want 2s", every)
	}
	w.config(sourceOne + "  - {url: '{site}/two', profile: own, every: 3s}\n" + seenGoals)
	w.logged("sources_changed=[" + w.site + "/two]")
	testenv.Eventually(t, func() bool { return w.every("/two") == "3s" }, "the new interval:\n%s", logOf{w})
	w.config(sourceOne + seenGoals)
	w.logged("sources_removed=[" + w.site + "/two]")
	testenv.Eventually(t, func() bool { return w.every("/two") == "" }, "the end of the source:\n%s", logOf{w})
	one, two := w.polled("/one"), w.polled("/two")
	testenv.Eventually(t, func() bool { return w.polled("/one") > one+3 }, "more polls of the other source")
	if n := w.polled("/two"); n > two+1 { // a poll can have been in progress
		t.Errorf("the removed source was polled %d times", n-two)
	}
	if m := w.metric("matchwire_config_generation"); m != "matchwire_config_generation 4" {
		t.Errorf("metric %q, want generation 4", m)
	}
}

// An edited profile changes what is read from the next poll on.
func TestReloadProfile(t *testing.T) {
	t.Parallel()
	w := newReloading(t, sourceOne+seenGoals)
	testenv.Eventually(t, func() bool { return w.polled("/one") > 1 }, "two polls")
	if player := w.score("/one", "seen"); player != "Player 0" {
		t.Errorf("player %q, want Player 0", player)
	}
	w.write("profiles/own.yaml", strings.ReplaceAll(reloadProfile, "jq: .player", "jq: .nick"))
	w.logged("files=[" + filepath.Join(w.dir, "profiles") + "]")
	if player := w.score("/one", "seen"); !strings.HasPrefix(player, "Nick ") {
		t.Errorf("after an edit of the profile: player %q, want the nickname", player)
	}
}

// A consumer is created again if its section or a file of it changes. Other consumers do not notice. A consumer
// that the config no longer names stops, and its metrics are gone.
func TestReloadConsumers(t *testing.T) {
	t.Parallel()
	w := newReloading(t, sourceOne+seenGoals)
	testenv.Eventually(t, func() bool { return w.polled("/one") > 1 }, "two polls")
	w.score("/one", "seen")
	w.write("keys.txt", "*.*.match_activated")
	w.config(sourceOne + "consumers:\n  seen: {keys: ['*.*.goal']}\n  other: {file: keys.txt}\n")
	w.logged("settings=[consumers.other.file]", "consumer=other keys=[*.*.match_activated]")
	w.write("keys.txt", "*.*.goal")
	w.logged("consumer=other keys=[*.*.goal]")
	w.score("/one", "other")
	for _, path := range []string{"/api/pipeline", "/api/instances"} { // instances are announced every few seconds
		testenv.Eventually(t, func() bool {
			_, text := w.get(path)
			return strings.Contains(text, `"name":"other"`)
		}, "%s with the consumer other", path)
	}
	w.config(sourceOne + "consumers:\n  seen: {keys: ['*.*.goal', '*.*.match_end']}\n  other: {file: keys.txt}\n")
	w.logged("consumer=seen keys=\"[*.*.goal *.*.match_end]\"")
	w.score("/one", "seen")
	if m := w.metric(`matchwire_consumer_seconds_count{consumer="other"}`); m == "" {
		t.Error("there is no metric of the consumer other, want one")
	}
	w.config(sourceOne + "consumers:\n  seen: {keys: ['*.*.goal', '*.*.match_end']}\n")
	testenv.Eventually(t, func() bool {
		return !strings.Contains(w.metric(`matchwire_consumer_seconds_count{consumer="other"}`), "other")
	}, "the end of the metrics of the removed consumer:\n%s", logOf{w})
	if _, text := w.get("/api/pipeline"); strings.Contains(text, `"name":"other"`) {
		t.Errorf("/api/pipeline shows a removed consumer: %s", text)
	}
	w.score("/one", "seen")
	if strings.Contains(w.log(), "consumer=seen keys") {
		t.Errorf("the consumer seen was created again, although only another consumer was removed:\n%s", w.log())
	}
	if m := w.metric(`matchwire_consumer_events_total{consumer="other"`); m != "" {
		t.Errorf("metric %q of a removed consumer, want none", m)
	}
}

// A bad file changes nothing. The log has its file, line and value, /healthz shows that it is refused, and the previous
// config stays in force. The next good file is loaded.
func TestReloadRefuses(t *testing.T) {
	t.Parallel()
	good := sourceOne + seenGoals + "api_tokens: tokens.yaml\nfanout: {token_keys: keys.json, token_default: everything}\n"
	w := newReloading(t, good)
	testenv.Eventually(t, func() bool { return w.polled("/one") > 1 }, "two polls")
	failures := 0
	for _, tc := range []struct{ file, text, want string }{
		{"", good + "sauces: []\n", `matchwire.yaml:8:1: unknown field "sauces"`},
		{"", strings.Replace(good, "every: 1s", "every: soon", 1), `"soon"`},
		{"", strings.Replace(good, "profile: own", "profile: none", 1), `"none"`},
		{"", strings.Replace(good, "*.*.goal", "*.*.gaol", 1), "gaol"},
		{"", strings.NewReplacer("profile: own", "profile: none", "*.*.goal", "*.*.gaol").Replace(good), `"none" & gaol`},
		{"", strings.Replace(good, "tokens.yaml", "none.yaml", 1), "none.yaml: no such file"},
		{"", good + "log_level: loud\n", `log_level: "loud": want debug, info, warn or error`},
		{"profiles/own.yaml", "profile: own\nsport: soccer\nkind: x\n", "own.yaml:3:1"},
		{"tokens.yaml", "tokens: [{name: ops}]\n", "tokens.yaml:1"},
		{"keys.json", "nothing", "keys.json: unknown format"},
	} {
		before := ""
		if tc.file == "" {
			w.config(tc.text)
		} else {
			b, err := os.ReadFile(filepath.Join(w.dir, tc.file))
			if err != nil {
				t.Fatal(err)
			}
			before = string(b)
			w.write(tc.file, tc.text)
		}
		failures++
		testenv.Eventually(t, func() bool {
			return w.metric("matchwire_config_reload_failures_total") ==
				fmt.Sprint("matchwire_config_reload_failures_total ", failures)
		}, "a refused config:\n%s", logOf{w})
		for _, want := range strings.Split("the config on disk is refused & "+tc.want, " & ") {
			if log := w.log(); !strings.Contains(strings.ReplaceAll(log, `\"`, `"`), want) {
				t.Errorf("%s with %q: log\n%s\nwant %q", tc.file, tc.text, log, want)
			}
		}
		testenv.Eventually(t, func() bool {
			_, health := w.get("/healthz")
			return strings.Contains(health, `"warn"`) && strings.Contains(health, "the config on disk is refused")
		}, "a warning in /healthz")
		if m := w.metric("matchwire_config_last_reload_successful"); !strings.HasSuffix(m, " 0") {
			t.Errorf("metric %q, want 0", m)
		}
		if m := w.metric("matchwire_config_generation"); m != "matchwire_config_generation 1" || w.every("/one") != "1s" {
			t.Errorf("%s with %q: metric %q, interval %q; want no change", tc.file, tc.text, m, w.every("/one"))
		}
		if tc.file == "" {
			w.config(good)
		} else {
			w.write(tc.file, before)
		}
		w.logged("nothing has changed")
		if m := w.metric("matchwire_config_last_reload_successful"); !strings.HasSuffix(m, " 1") {
			t.Errorf("metric %q after the correction, want 1", m)
		}
	}
	testenv.Eventually(t, func() bool {
		_, health := w.get("/healthz")
		return !strings.Contains(health, "refused")
	}, "the end of the warning")
	w.score("/one", "seen")
}

// Settings that need a restart keep their values, and the log names them. Other changes in the same file take effect.
func TestReloadNeedsRestart(t *testing.T) {
	t.Parallel()
	w := newReloading(t, sourceOne+seenGoals)
	w.config("listen: 127.0.0.1:1\nnamespace: other\nlog_level: debug\ntrace: {off: true}\n" + sourceOne + seenGoals)
	w.logged(`"a changed setting needs a restart" setting=namespace`)
	w.mu.Lock()
	w.key = "another key"
	w.mu.Unlock()
	w.config("listen: 127.0.0.1:2\nnamespace: other\nlog_level: warn\n" + sourceOne + seenGoals)
	w.logged(`setting=listen`, `setting=MATCHWIRE_INSTANCE_KEY`, `settings=[log_level]`)
	if status, _ := w.get("/api/matches"); status != http.StatusOK {
		t.Errorf("status %d at the previous address, want 200", status)
	}
	testenv.Eventually(t, func() bool { return w.polled("/one") > 0 }, "polls in the previous namespace")
	w.config(sourceOne + seenGoals)
	w.logged(`settings=[log_level]`)
	testenv.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Equal(w.levels, []string{"debug", "warn", ""})
	}, "the levels debug, warn and none")
}

// keySet returns a JWK set with a secret for each name.
func keySet(names ...string) string {
	var keys []string
	for _, name := range names {
		keys = append(keys, fmt.Sprintf(`{"kty":"oct","kid":%q,"k":%q}`, name,
			base64.RawURLEncoding.EncodeToString(streamSecret(name))))
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

func streamSecret(name string) []byte { return []byte(strings.Repeat(name, 32)) }

// An API token that is added is accepted, until it is removed. When a key is removed, the sockets close whose tokens
// were signed with it, and no others. The same holds for the API token of a socket, even
// if the socket has the session of an operator.
func TestReloadTokens(t *testing.T) {
	t.Parallel()
	config := sourceOne + seenGoals +
		"api_tokens: tokens.yaml\nfanout: {token_keys: keys.json, token_default: everything}\n"
	w := newReloading(t, config)
	const secret = "mw_ops"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(secret)))
	authorized := func() int {
		status, _ := w.get("/api/matches", "Via", "1.1 proxy", "Authorization", "Bearer "+secret)
		return status
	}
	if status := authorized(); status != http.StatusUnauthorized {
		t.Errorf("status %d before the token exists, want 401", status)
	}
	w.write("tokens.yaml", "tokens:\n  - {name: ops, sha256: "+sum+", scopes: [operate]}\n")
	w.logged(`api_tokens="[added ops]"`)
	if status := authorized(); status != http.StatusOK {
		t.Errorf("status %d with the new token, want 200", status)
	}
	connectWith := func(header http.Header) *websocket.Conn {
		t.Helper()
		url := strings.Replace(w.url, "http", "ws", 1) + "/ws"
		conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), url, header)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, _, err := conn.ReadMessage(); err != nil { // the snapshot
			t.Fatal(err)
		}
		return conn
	}
	connect := func(token string) *websocket.Conn {
		t.Helper()
		return connectWith(http.Header{"Authorization": {"Bearer " + token}})
	}
	session := func(token string) *websocket.Conn {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/session", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return connectWith(http.Header{"Cookie": {resp.Cookies()[0].String()}, "Sec-Fetch-Site": {"same-origin"}})
	}
	sign := func(key string) string {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"exp": time.Now().Add(time.Hour).Unix()})
		token.Header["kid"] = key
		signed, err := token.SignedString(streamSecret(key))
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	one, two, api, all := connect(sign("one")), connect(sign("two")), connect(secret), connect(testenv.Secret)
	operator, ops := session(testenv.Secret), session(secret)
	closed := func(conn *websocket.Conn) {
		t.Helper()
		for {
			_, _, err := conn.ReadMessage()
			if err == nil {
				continue
			}
			if !websocket.IsCloseError(err, 4003) || !strings.Contains(err.Error(), "no longer valid") {
				t.Errorf("the socket ended with %v, want code 4003", err)
			}
			return
		}
	}
	w.write("keys.json", keySet("two"))
	closed(one)
	w.write("tokens.yaml", "tokens: []\n")
	closed(api)
	closed(ops)
	w.logged(`api_tokens="[removed ops]"`)
	if status := authorized(); status != http.StatusUnauthorized {
		t.Errorf("status %d after the token was removed, want 401", status)
	}
	testenv.Eventually(t, func() bool { return w.polled("/one") > 1 }, "two polls")
	w.score("/one", "seen")
	for _, conn := range []*websocket.Conn{two, all, operator} {
		for {
			_, text, err := conn.ReadMessage()
			if err != nil {
				t.Fatalf("a socket whose token is valid ended: %v", err)
			}
			if bytes.Contains(text, []byte(`"Player 0"`)) {
				break
			}
		}
	}
	if _, _, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(w.url, "http", "ws", 1)+"/ws?token="+
		sign("one"), nil); err == nil {
		t.Error("a token of a removed key connects, want a refusal")
	}
}
