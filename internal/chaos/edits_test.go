package chaos

import (
	"cmp"
	"encoding/base64"
	"fmt"
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
)

// editsPerWave is the number of edits while one wave is played.
const editsPerWave = 10

// An editor edits the config of a world at random.
type editor struct {
	*world
	base    string // the config of the world
	extra   string // URL of a page without matches
	key     string // name of the key that the next change of the keys removes
	newest  int    // number of the newest key
	every   int    // interval of the first source, in seconds
	keep    int    // hours for which scoreboards are kept
	more    bool   // the additional source is in the config
	rules   int    // number of additional rules
	remarks int    // number of comments in the profile
	sockets []*tokenSocket

	counts         map[string]int
	longest        time.Duration // longest time until a change was in force in all processes
	opened, closed int           // numbers of sockets
}

// A tokenSocket is a client of fanout with a token.
type tokenSocket struct {
	key   string        // name of the key that signed the token
	done  chan struct{} // closed when the connection has ended
	ended error
}

func streamSecret(key string) []byte { return []byte(strings.Repeat(key, 32)) }

// streamToken returns a token for all events that the named key has signed.
func streamToken(t *testing.T, key string) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"exp": time.Now().Add(3 * time.Hour).Unix(), "topics": []string{"#"}})
	token.Header["kid"] = key
	text, err := token.SignedString(streamSecret(key))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newEditor(w *world) *editor {
	empty := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "[]") }))
	w.Cleanup(empty.Close)
	base, err := os.ReadFile(w.config)
	if err != nil {
		w.Fatal(err)
	}
	e := &editor{world: w, base: string(base), extra: empty.URL, key: "k0", every: 1, keep: 72, counts: map[string]int{}}
	e.write()
	return e
}

// write writes the files that have changed.
func (e *editor) write() {
	var keys []string
	for _, name := range []string{"stays", e.key} {
		keys = append(keys, fmt.Sprintf(`{"kty":"oct","kid":%q,"k":%q}`, name,
			base64.RawURLEncoding.EncodeToString(streamSecret(name))))
	}
	config := strings.Replace(e.base, "every: 1s", fmt.Sprintf("every: %ds", e.every), 1)
	config = strings.Replace(config, "  scoreboard:\n", fmt.Sprintf("  scoreboard: {keep: %dh}\n", e.keep), 1)
	config = strings.Replace(config, "rules: [", "rules: ["+strings.Repeat("{topics: ['*.*.match_end']}, ", e.rules), 1)
	if e.more {
		config += fmt.Sprintf("  - {url: '%s', profile: chaos.yaml, every: 2s}\n", e.extra)
	}
	for name, text := range map[string]string{
		"matchwire.yaml": config + "fanout: {token_keys: keys.json}\n",
		"keys.json":      `{"keys":[` + strings.Join(keys, ",") + `]}`,
		"chaos.yaml":     profile + strings.Repeat("# a remark\n", e.remarks),
	} {
		if before, err := os.ReadFile(e.path(name)); err != nil || string(before) != text {
			e.replace(name, text)
		}
	}
}

func (e *editor) path(name string) string { return filepath.Join(filepath.Dir(e.config), name) }

// replace replaces a file as editors do: it renames a new file.
func (e *editor) replace(name, text string) {
	e.Helper()
	if err := os.WriteFile(e.path(name+"~"), []byte(text), 0o600); err != nil {
		e.Fatal(err)
	}
	if err := os.Rename(e.path(name+"~"), e.path(name)); err != nil {
		e.Fatal(err)
	}
}

// follow opens a socket with a token of the named key.
func (e *editor) follow(key string) {
	e.Helper()
	at := "ws://" + e.listen + "/ws?token=" + streamToken(e.T, key)
	conn, _, err := websocket.DefaultDialer.DialContext(e.Context(), at, nil)
	if err != nil {
		e.Fatalf("connecting with a token of the key %s: %v", key, err)
	}
	s := &tokenSocket{key: key, done: make(chan struct{})}
	e.sockets = append(e.sockets, s)
	e.opened++
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(s.done)
		for s.ended == nil {
			_, _, s.ended = conn.ReadMessage()
		}
	})
	e.Cleanup(func() { conn.Close(); reading.Wait() })
}

// all waits until each process has logged a text after do was called. In half of the cases, all also sends SIGHUP.
func (e *editor) all(text string, do func()) {
	e.Helper()
	processes := []*process{e.parser, e.fanout, e.consumers[0], e.consumers[1]}
	var before []int
	for _, p := range processes {
		before = append(before, len(p.output()))
	}
	do()
	for _, p := range processes {
		if e.rand.IntN(2) == 0 {
			_ = p.cmd.Process.Signal(syscall.SIGHUP)
		}
	}
	for i, p := range processes {
		logged := func() bool { return strings.Contains(p.output()[before[i]:], text) }
		e.until(fmt.Sprintf("%s to log %q", p.name, text), logged)
	}
}

const (
	reloaded = `msg="config loaded again" generation=`
	undone   = `msg="config loaded again: nothing has changed"`
	refused  = `msg="the config on disk is refused`
)

// change makes a random change, and waits until it is in force.
func (e *editor) change() {
	e.Helper()
	what, removed, began := "", "", time.Now()
	e.all(reloaded, func() {
		switch e.rand.IntN(6) {
		case 0:
			what, e.every = "every", 3-e.every
		case 1:
			what, e.more = "sources", !e.more
		case 2:
			what, e.rules = "rules", (e.rules+1)%3
		case 3:
			what, e.keep = "scoreboard", 143-e.keep
		case 4:
			what, e.remarks = "profile", (e.remarks+1)%3
		default:
			e.newest++
			what, removed, e.key = "keys", e.key, fmt.Sprint("k", e.newest)
		}
		e.write()
	})
	e.counts[what]++
	e.longest = max(e.longest, time.Since(began))
	if removed == "" {
		return
	}
	for _, s := range e.sockets {
		if s.key != removed {
			continue
		}
		select {
		case <-s.done:
			e.closed++
		case <-time.After(patience):
			e.Fatalf("a socket with a token of the removed key %s is still open", removed)
		}
		if !websocket.IsCloseError(s.ended, 4003) {
			e.Errorf("a socket with a token of a removed key ended with %v, want code 4003", s.ended)
		}
	}
	e.follow(e.key)
}

// mistake writes a file with a mistake, waits until all processes refuse it, and corrects it.
func (e *editor) mistake() {
	e.Helper()
	config, err := os.ReadFile(e.config)
	if err != nil {
		e.Fatal(err)
	}
	name, text := "matchwire.yaml", ""
	switch e.rand.IntN(4) {
	case 0:
		text = string(config[:len(config)/2]) + "{"
	case 1:
		text = strings.Replace(string(config), "chaos.yaml", "none.yaml", 1)
	case 2:
		name, text = "chaos.yaml", strings.Replace(profile, "rows:", "rose:", 1)
	default:
		name, text = "keys.json", "{}"
	}
	e.all(refused, func() { e.replace(name, text) })
	e.all(undone, e.write)
	e.counts["refused"]++
}

// checkSockets fails the test if a socket has ended although its key is in the config.
func (e *editor) checkSockets() {
	e.Helper()
	for _, s := range e.sockets {
		if s.key != "stays" && s.key != e.key {
			continue
		}
		select {
		case <-s.done:
			e.Errorf("a socket ended with %v, although its token is valid", s.ended)
		default:
		}
	}
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

// The config of all processes is edited at random under load. Every third edit has a mistake, which changes nothing. No
// event is lost, doubled or sent again. A socket is closed only if an edit has removed the key that signed its token.
// MATCHWIRE_EDITS is the number of edits.
func TestEdits(t *testing.T) {
	parallel(t)
	n := edits(t)
	w := newWorld(t, 1, seed(t))
	w.size = wave{matches: 2, rows: 20, step: 1}
	e := newEditor(w)
	w.token = streamToken(t, "stays")
	w.watch()
	done := 0
	edit := fault{name: "config edited", late: patience, do: func(*world) {
		if done == 0 {
			for _, key := range []string{"stays", "stays", e.key, e.key} {
				e.follow(key)
			}
		}
		for range min(editsPerWave, n-done) {
			if done++; done%3 == 0 {
				e.mistake()
			} else {
				e.change()
			}
		}
		e.checkSockets()
	}}
	var results []result
	for done < n {
		results = append(results, w.test(edit))
	}
	e.checkSockets()
	w.table(results)
	t.Logf("%d edits, %v; %d sockets opened, %d of them closed because their key was removed; longest time until a "+
		"change was in force in all processes: %v", n, e.counts, e.opened, e.closed, e.longest.Round(time.Millisecond))
	if gaps := w.socketGaps.Load(); gaps > 0 {
		t.Errorf("the client of fanout could not resume %d times, want no reconnection", gaps)
	}
}
