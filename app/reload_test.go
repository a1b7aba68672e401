package app

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// replaceFile replaces a file as editors do: it renames a new file.
func replaceFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+"~", file); err != nil {
		t.Fatal(err)
	}
}

// edit replaces before with after in the config, and waits until the process logs the text logged.
func (w *eveningWorld) edit(before, after, logged string) {
	w.Helper()
	text, err := os.ReadFile(w.config)
	if err != nil {
		w.Fatal(err)
	}
	if !strings.Contains(string(text), before) {
		w.Fatalf("the config does not contain %q:\n%s", before, text)
	}
	seen := len(w.process.output())
	replaceFile(w.T, w.config, strings.Replace(string(text), before, after, 1))
	w.process.eventually(fmt.Sprintf("%q after the edit %q", logged, after), func() bool {
		return strings.Contains(w.process.output()[seen:], logged)
	})
}

// A rule can be removed and added again while the process runs, even though the environment no longer contains the
// secrets of its channels. A change of the log level also takes effect. SIGHUP loads the config again. A mistake in the
// config changes nothing, and /healthz and the log report it.
func TestReloadProcess(t *testing.T) {
	t.Parallel()
	w := newEveningWorld(t, 3)
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	phones := []string{"http://", "http://"}
	for i, part := range strings.Split(string(text), `{webhook: {url: "`)[1:] {
		phones[i], _, _ = strings.Cut(part, `"`)
		text = bytes.Replace(text, []byte(`"`+phones[i]+`"`), []byte("{env: PHONE_"+strconv.Itoa(i)+"}"), 1)
	}
	replaceFile(t, w.config, string(text))
	w.env = []string{"PHONE_0=" + phones[0], "PHONE_1=" + phones[1]}
	w.start()
	w.site.score(1)
	w.check(0)
	const all = `rules: [{topics: ["*.*.goal"]}]`
	const one = `rules: [{topics: ["*.*.goal"], to: [one]}, {topics: ["*.*.match_end"], to: [two]}]`
	w.edit(all, one, "settings=[consumers.notify.rules]")
	w.site.score(1)
	w.process.eventually("the goal on the phone with a rule", func() bool { return len(w.phones[0].byPlayer()) == 2 })
	w.edit(one, all, "settings=[consumers.notify.rules]")
	w.site.score(1)
	w.process.eventually("the goal on both phones", func() bool {
		return len(w.phones[0].byPlayer()["Player 2"]) == 1 && len(w.phones[1].byPlayer()["Player 2"]) == 1
	})
	if events := w.phones[1].byPlayer()["Player 1"]; len(events) > 0 {
		t.Errorf("the phone without a rule received %d events of the goal, want none", len(events))
	}

	if out := w.process.output(); strings.Contains(out, "level=DEBUG") {
		t.Errorf("the process logs debug lines, want none:\n%s", out)
	}
	w.edit("sources:", "log_level: debug\nsources:", "level=DEBUG")
	w.edit("log_level: debug", "log_level: info", "settings=[log_level]")
	seen := len(w.process.output())
	if err := w.process.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	w.process.eventually("a load after SIGHUP", func() bool {
		return strings.Contains(w.process.output()[seen:], "nothing has changed")
	})
	if out := w.process.output()[seen:]; strings.Contains(out, "level=DEBUG") {
		t.Errorf("the process logs debug lines after the level was raised:\n%s", out)
	}
	w.edit("every: 1s", "every: often", `matchwire.yaml:4:`)
	w.process.eventually("a warning in /healthz", func() bool {
		resp, err := http.Get("http://" + w.process.address() + "/healthz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode == http.StatusOK && strings.Contains(string(text), "often")
	})
	if err := os.Remove(w.config); err != nil {
		t.Fatal(err)
	}
	w.process.eventually("a refusal of a missing config", func() bool {
		return strings.Contains(w.process.output(), "matchwire.yaml: no such file")
	})
	w.site.score(1)
	w.process.eventually("the goal on both phones", func() bool {
		return len(w.phones[0].byPlayer()["Player 3"]) == 1 && len(w.phones[1].byPlayer()["Player 3"]) == 1
	})
}

// A tokenSocket is a client of the streams with a token.
type tokenSocket struct {
	key    string // name of the key that signed the token
	mu     sync.Mutex
	frames map[string]int  // number of frames, by event ID
	goals  map[string]bool // players of goals
	ended  error
}

// follow opens a socket with a token that the named key has signed.
func (w *eveningWorld) follow(key string) *tokenSocket {
	w.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"exp": time.Now().Add(time.Hour).Unix(), "topics": []string{"#"}})
	token.Header["kid"] = key
	text, err := token.SignedString(streamSecret(key))
	if err != nil {
		w.Fatal(err)
	}
	conn, _, err := websocket.DefaultDialer.DialContext(w.Context(), "ws://"+w.process.address()+"/ws?token="+text, nil)
	if err != nil {
		w.Fatalf("connecting with a token of the key %s: %v", key, err)
	}
	s := &tokenSocket{key: key, frames: map[string]int{}, goals: map[string]bool{}}
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			var f struct{ Event *event.Event }
			err := conn.ReadJSON(&f)
			s.mu.Lock()
			if s.ended = err; err != nil {
				s.mu.Unlock()
				return
			}
			if e := f.Event; e != nil {
				s.frames[e.ID]++
				if e.Data.Kind == event.Goal {
					s.goals[e.Data.Player] = true
				}
			}
			s.mu.Unlock()
		}
	})
	w.Cleanup(func() { conn.Close(); reading.Wait() })
	return s
}

func (s *tokenSocket) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

func (s *tokenSocket) received() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.goals)
}

func streamSecret(key string) []byte { return []byte(strings.Repeat(key, 32)) }

// keySet returns a JWK set with the named keys.
func keySet(names []string) string {
	var keys []string
	for _, name := range names {
		keys = append(keys, fmt.Sprintf(`{"kty":"oct","kid":%q,"k":%q}`, name,
			base64.RawURLEncoding.EncodeToString(streamSecret(name))))
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

// A draft is the content of a config that a test edits at random.
type draft struct {
	*rand.Rand
	dir, site, extra    string
	phones              [2]string
	every, sources      int // seconds; number of additional sources
	rules, comments     int // number of additional rules, and of comments in the profile
	connections, tokens int // limits and API tokens
	aliases             int
	level               string
	keys                []string // names of the keys for tokens
	newest              int      // number of the newest key
}

// files returns the files of the config.
func (d *draft) files() map[string]string {
	var c strings.Builder
	port := d.site[strings.LastIndexByte(d.site, ':')+1:]
	fmt.Fprintf(&c, "fetch: {private_addresses: true, ignore_robots: true, ports: [%s]}\n", port)
	fmt.Fprintf(&c, "log_level: %s\napi_tokens: tokens.yaml\n", d.level)
	fmt.Fprintf(&c, "fanout: {token_keys: keys.json, connections: %d}\n", d.connections)
	fmt.Fprintf(&c, "aliases: {Some Team: [%s]}\n", "Alias "+strings.Repeat("x", d.aliases))
	fmt.Fprintf(&c, "sources:\n  - {url: '%s/live', profile: evening.yaml, every: %ds}\n", d.site, d.every)
	for i := range d.sources {
		fmt.Fprintf(&c, "  - {url: '%s/%d', profile: evening.yaml, every: 2s}\n", d.extra, i)
	}
	fmt.Fprintf(&c, "consumers:\n  scoreboard:\n  notify:\n    channels:\n")
	for i, url := range d.phones {
		fmt.Fprintf(&c, "      phone%d: {webhook: {url: '%s'}}\n", i, url)
	}
	c.WriteString("    rules:\n      - {topics: ['*.*.goal']}\n")
	for i := range d.rules {
		fmt.Fprintf(&c, "      - {topics: ['*.*.red_card'], teams: [Team %d]}\n", i)
	}
	tokens := "tokens:\n"
	for i := range d.tokens {
		tokens += fmt.Sprintf("  - {name: t%d, sha256: %x, scopes: [read]}\n", i, sha256.Sum256([]byte{byte(i)}))
	}
	if d.tokens == 0 {
		tokens = "tokens: []\n"
	}
	return map[string]string{
		"matchwire.yaml": c.String(), "tokens.yaml": tokens, "keys.json": keySet(d.keys),
		"evening.yaml": eveningProfile + strings.Repeat("# a comment\n", d.comments),
	}
}

// change makes a random change. removed is the name of a key that it has removed, or "".
func (d *draft) change() (what, removed string) {
	other := func(n, most int) int { return (n + 1 + d.IntN(most-1)) % most } // a random number below most, except n
	switch d.IntN(9) {
	case 0:
		d.every = 3 - d.every
		return "every", ""
	case 1:
		d.sources = other(d.sources, 4)
		return "sources", ""
	case 2:
		d.rules = other(d.rules, 4)
		return "rules", ""
	case 3:
		d.comments = other(d.comments, 4)
		return "profile", ""
	case 4:
		d.connections = 100 + other(d.connections-100, 100)
		return "limits", ""
	case 5:
		d.tokens = other(d.tokens, 4)
		return "API tokens", ""
	case 6:
		d.aliases = 1 + other(d.aliases-1, 9)
		return "aliases", ""
	case 7:
		d.level = map[string]string{"info": "warn", "warn": "info"}[d.level]
		return "log level", ""
	}
	d.newest++
	removed, d.keys = d.keys[1], []string{"stays", fmt.Sprint("k", d.newest)}
	return "keys", removed
}

// broken returns the name and the content of a file with a mistake.
func (d *draft) broken() (name, text string) {
	config := d.files()["matchwire.yaml"]
	switch d.IntN(6) {
	case 0:
		return "matchwire.yaml", config[:len(config)/2+d.IntN(20)] + "{"
	case 1:
		return "matchwire.yaml", strings.Replace(config, "evening.yaml", "none.yaml", 1)
	case 2:
		return "matchwire.yaml", strings.Replace(config, "*.*.goal", "*.*.gaol", 1)
	case 3:
		return "evening.yaml", strings.Replace(eveningProfile, "rows:", "rose:", 1)
	case 4:
		return "keys.json", `{"keys":[]}`
	}
	return "tokens.yaml", "tokens: [{name: x}]\n"
}

// reloadMetrics returns the metrics of the config, without their common prefix.
func (w *eveningWorld) reloadMetrics() map[string]float64 {
	w.Helper()
	resp, err := http.Get("http://" + w.process.address() + "/metrics")
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	all := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && strings.HasPrefix(name, "matchwire_config_") {
			all[strings.TrimPrefix(name, "matchwire_config_")], _ = strconv.ParseFloat(value, 64)
		}
	}
	return all
}

// edits returns MATCHWIRE_EDITS, the number of times that a test edits the config. The default is 8.
func edits(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("MATCHWIRE_EDITS"), "8"))
	if err != nil || n < 1 {
		t.Fatalf("MATCHWIRE_EDITS: %q, want a number of at least 1", os.Getenv("MATCHWIRE_EDITS"))
	}
	return n
}

// The files of the config of a process without servers are edited at random while goals are scored. Every third edit
// has a mistake, which changes nothing. Each phone receives each goal once. A socket is closed only if an edit has
// removed the key that signed its token. Every other socket receives each goal once. MATCHWIRE_EDITS is the number of
// edits.
func TestEditsWithoutServers(t *testing.T) {
	t.Parallel()
	n := edits(t)
	seed := uint64(time.Now().UnixNano())
	w := newEveningWorld(t, 20)
	extra := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(rw, `[{"id": "extra%s", "home": "C", "away": "D", "goals": []}]`, strings.Trim(r.URL.Path, "/"))
	}))
	t.Cleanup(extra.Close)
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	d := &draft{Rand: rand.New(rand.NewPCG(seed, 1)), dir: filepath.Dir(w.config), extra: extra.URL, every: 1,
		connections: 100, aliases: 1, level: "info", keys: []string{"stays", "k0"}}
	_, d.site, _ = strings.Cut(string(text), `{url: "`)
	d.site, _, _ = strings.Cut(d.site, "/live")
	for i, part := range strings.Split(string(text), `{webhook: {url: "`)[1:] {
		d.phones[i], _, _ = strings.Cut(part, `"`)
	}
	write := func() {
		for name, text := range d.files() {
			file := filepath.Join(d.dir, name)
			if before, err := os.ReadFile(file); err == nil && string(before) == text {
				continue
			}
			if d.IntN(3) == 0 { // some programs write into the file
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				continue
			}
			replaceFile(t, file, text)
		}
	}
	write()
	w.start()
	w.process.eventually("the first state of all matches", func() bool { return w.site.polled() > 2 })
	sockets := []*tokenSocket{w.follow("stays"), w.follow("stays"), w.follow("k0"), w.follow("k0")}
	first := w.site.polled()

	stop := make(chan struct{})
	var scoring sync.WaitGroup
	random := rand.New(rand.NewPCG(seed, 2))
	scoring.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(random.IntN(1500)) * time.Millisecond):
				w.site.score(random.IntN(3))
			}
		}
	})
	until := func(what string, ok func(m map[string]float64) bool) {
		t.Helper()
		w.process.eventually(what, func() bool { return ok(w.reloadMetrics()) })
	}
	counts := map[string]int{}
	var took time.Duration
	for i := range n {
		before := w.reloadMetrics()
		began := time.Now()
		if i%3 == 2 {
			name, text := d.broken()
			counts["refused"]++
			replaceFile(t, filepath.Join(d.dir, name), text)
			until("the refusal of "+name+" with:\n"+text, func(m map[string]float64) bool {
				return m["reload_failures_total"] == before["reload_failures_total"]+1 && m["last_reload_successful"] == 0
			})
			write()
			until("the end of the refusal", func(m map[string]float64) bool { return m["last_reload_successful"] == 1 })
			if m := w.reloadMetrics(); m["generation"] != before["generation"] {
				t.Errorf("seed %d: a refused %s has changed the config in force:\n%s", seed, name, text)
			}
			continue
		}
		what, removed := d.change()
		counts[what]++
		write()
		if d.IntN(2) == 0 {
			_ = w.process.cmd.Process.Signal(syscall.SIGHUP)
		}
		until("the change of "+what, func(m map[string]float64) bool { return m["generation"] == before["generation"]+1 })
		took = max(took, time.Since(began))
		if removed == "" {
			continue
		}
		for _, s := range sockets {
			if s.key != removed {
				continue
			}
			w.process.eventually("the end of a socket with a token of "+removed, func() bool { return s.end() != nil })
			if !websocket.IsCloseError(s.end(), 4003) {
				t.Errorf("seed %d: a socket with a token of a removed key ended with %v, want code 4003", seed, s.end())
			}
		}
		sockets = append(sockets, w.follow(d.keys[1]))
	}
	close(stop)
	scoring.Wait()
	w.site.score(1)
	w.check(0)
	goals, open := w.site.goals, 0
	for _, s := range sockets {
		if s.key != "stays" && s.key != d.keys[1] {
			continue
		}
		open++
		if s.key == "stays" {
			w.process.eventually(fmt.Sprintf("%d goals on a socket", goals), func() bool { return s.received() == goals })
		}
		if err := s.end(); err != nil {
			t.Errorf("seed %d: a socket ended with %v, although its token is valid", seed, err)
		}
		s.mu.Lock()
		for id, copies := range s.frames {
			if copies > 1 {
				t.Errorf("seed %d: a socket received the event %s %d times", seed, id, copies)
			}
		}
		s.mu.Unlock()
	}
	t.Logf("seed %d: %d edits, %v; %d goals on two phones and two sockets, none lost or repeated; %d sockets open, "+
		"%d closed; %d polls; longest time until a change was in force: %v", seed, n, counts, goals, open, len(sockets)-open,
		w.site.polled()-first, took.Round(time.Millisecond))
	testenv.NoSecret(t, w.process.output(), string(streamSecret("stays")))
}
