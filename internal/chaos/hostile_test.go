//go:build linux

package chaos

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/internal/testenv"
)

const (
	hostileMemory = 256 << 20       // largest permitted peak of a process's resident memory, in bytes
	unreadyLimit  = 2 * time.Second // longest permitted time without a positive answer from /readyz
	pollEvery     = time.Second     // interval between the polls of the honest pages
	honestSockets = 20
)

// TestHostileTraffic attacks all roles with pages, requests, frames and tokens, while honest pages are
// polled and honest clients are connected. No event is lost or duplicated, and no honest client is
// disconnected. The memory of the roles stays within hostileMemory. MATCHWIRE_HOSTILE_TIME is the
// duration of the attack; the default is 10 s. If the variable is set, the test also checks the readiness
// and the delay of the honest polls. With the race detector, the test does not check memory, readiness or delay.
func TestHostileTraffic(t *testing.T) {
	duration, long := 10*time.Second, os.Getenv("MATCHWIRE_HOSTILE_TIME")
	size, every := wave{matches: 2, rows: 16, step: 4}, 5*time.Second
	if long != "" {
		var err error
		size, every = wave{matches: 3, rows: 40, step: 4}, time.Second
		if duration, err = time.ParseDuration(long); err != nil {
			t.Fatalf("MATCHWIRE_HOSTILE_TIME: %v", err)
		}
	}
	w := newWorld(t, 1, seed(t))
	w.size = size
	w.addHostilePages(every)
	targets := w.listenEverywhere()
	w.watch()
	w.test(nothing) // starts the roles
	w.startMore(targets)

	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	closed := w.connectHonest(ctx, &running)
	unready := w.watchReadiness(ctx, &running, targets)
	a := &attack{w: w, targets: targets}
	for i, f := range a.all() {
		running.Go(func() {
			r := rand.New(rand.NewPCG(w.seed, uint64(i)))
			for ctx.Err() == nil {
				f(ctx, r)
				a.made.Add(1)
			}
		})
	}
	w.site.forgetGaps()
	for end := time.Now().Add(duration); time.Now().Before(end); {
		w.test(nothing)
	}
	gap := w.site.longestGap()
	stop()
	running.Wait()

	t.Logf("%d attacks in %v; at most %v between two honest polls, with an interval of %v",
		a.made.Load(), duration, gap.Round(time.Millisecond), pollEvery)
	if n := closed.Load(); n > 0 {
		t.Errorf("%d honest sockets were closed, want none", n)
	}
	if testenv.Race {
		return // the detector multiplies memory and time
	}
	if late := gap - pollEvery; late > pollEvery && long != "" {
		t.Errorf("an honest poll was %v late, want at most %v", late, pollEvery)
	}
	for name, longest := range unready {
		d := time.Duration(longest.Load())
		t.Logf("the longest time that %s was not ready is %v", name, d.Round(time.Millisecond))
		if d > unreadyLimit && long != "" {
			t.Errorf("%s was not ready for %v, want at most %v", name, d, unreadyLimit)
		}
	}
	for _, target := range targets {
		peak := peakMemory(t, target.process)
		t.Logf("%s: peak of %d MiB", target.process.name, peak>>20)
		if peak > hostileMemory {
			t.Errorf("%s: peak of %d MiB, want at most %d MiB", target.process.name, peak>>20, hostileMemory>>20)
		}
	}
}

// A target is a process that is attacked.
type target struct {
	process *process
	address string // host:port that it serves on
	ready   string // text that it logs when it is ready
}

// listenEverywhere makes every role serve HTTP, and adds the role api and the gateway. It returns a target
// for each process.
func (w *world) listenEverywhere() []target {
	targets := []target{{w.parser, w.health, parserReady}, {w.fanout, w.listen, fanoutReady}}
	for _, c := range w.consumers {
		at := freeAddress(w.T)
		c.args = append(c.args, "--listen", at)
		targets = append(targets, target{c, at, consumersReady})
	}
	for name, args := range map[string][]string{"api": {"run", "api"}, "gateway": {"gateway"}} {
		at := freeAddress(w.T)
		r := &process{t: w.T, name: name, program: w.parser.program, env: w.env,
			log:  filepath.Join(filepath.Dir(w.config), name+".log"),
			args: append(args, "--config", w.config, "--listen", at)}
		w.Cleanup(r.stop)
		targets = append(targets, target{r, at, fanoutReady})
	}
	return targets
}

// startMore starts the targets that are not running, and waits until all are ready.
func (w *world) startMore(targets []target) {
	for _, x := range targets {
		if x.process.cmd == nil {
			x.process.start(x.ready)
		}
	}
	for _, x := range targets {
		w.until(x.process.name+" to be ready", func() bool { return ready(x.address) })
	}
}

// ready reports whether /readyz answers 200 within a second.
func ready(address string) bool {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + address + "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// watchReadiness measures the longest time that each target is not ready, until ctx ends. It returns
// these times in nanoseconds, by the name of the target.
func (w *world) watchReadiness(
	ctx context.Context,
	running *sync.WaitGroup,
	targets []target,
) map[string]*atomic.Int64 {
	longest := map[string]*atomic.Int64{}
	for _, x := range targets {
		worst := &atomic.Int64{}
		longest[x.process.name] = worst
		running.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for last := time.Now(); ; {
				ok := ready(x.address)
				worst.Store(max(worst.Load(), int64(time.Since(last)-100*time.Millisecond)))
				if ok {
					last = time.Now()
				}
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
	return longest
}

// connectHonest connects honest clients to fanout until ctx ends. It returns a counter
// of the connections that are closed before that.
func (w *world) connectHonest(ctx context.Context, running *sync.WaitGroup) *atomic.Int64 {
	closed := &atomic.Int64{}
	for range honestSockets {
		conn, _, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+w.listen+"/ws", nil)
		if err != nil {
			w.Fatal(err)
		}
		running.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					if ctx.Err() == nil {
						closed.Add(1)
					}
					return
				}
			}
		})
	}
	return closed
}

// addHostilePages adds sources to the config. The pages of these sources attack the parser.
func (w *world) addHostilePages(every time.Duration) {
	const profile = "profile: nasty\nsport: soccer\nmatch:\n  id: {value: nasty}\n  league: {value: Nasty}\n" +
		"  home: .home\n  away: .away\n  status: .status\nincidents:\n" +
		"  - rows: b\n    kind: i\n    side: u\n    clock: time\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(w.config), "nasty.yaml"), []byte(profile), 0o600); err != nil {
		w.Fatal(err)
	}
	file, err := os.OpenFile(w.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		w.Fatal(err)
	}
	defer file.Close()
	for n := range len(hostilePages) {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.1.%d:0", n+1))
		if err != nil {
			w.Fatal(err)
		}
		server := httptest.NewUnstartedServer(hostilePages[n])
		server.Listener.Close()
		server.Listener = l
		server.Start()
		w.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
		fmt.Fprintf(file, "  - {url: '%s', profile: nasty.yaml, every: %v}\n", server.URL, every)
	}
}

// hostilePages contains the handlers of hostile pages.
var hostilePages = []http.HandlerFunc{
	func(w http.ResponseWriter, _ *http.Request) { zipped(w, "<p>", 15<<20) },
	func(w http.ResponseWriter, _ *http.Request) {
		for n := range 3600 {
			fmt.Fprintf(w, "<b id=%d>", n)
		}
		zipped(w, "<p>x</p>", 1<<20)
	},
	func(w http.ResponseWriter, _ *http.Request) { zipped(w, "<br><b>x</b>", 8<<20) },
	func(w http.ResponseWriter, _ *http.Request) { zipped(w, "<div>", 4<<20) },
	func(w http.ResponseWriter, r *http.Request) { // sends a byte every 200 ms, and never ends
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, "<"); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			time.Sleep(200 * time.Millisecond)
		}
	},
	func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) },
}

// zipped repeats a text up to a size in bytes, and sends it with the encoding gzip.
func zipped(w http.ResponseWriter, text string, size int) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, strings.Repeat(text, size/len(text)))
	_ = z.Close()
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = w.Write(b.Bytes())
}

// An attack attacks targets over HTTP.
type attack struct {
	w       *world
	targets []target
	made    atomic.Int64 // number of attacks so far
}

// all returns the functions that attack. Each call attacks once, and ends early if the context ends.
func (a *attack) all() []func(context.Context, *rand.Rand) {
	return []func(context.Context, *rand.Rand){a.request, a.slowHeader, a.slowBody, a.frames, a.deafSocket, a.token}
}

func (a *attack) target(r *rand.Rand) string { return a.targets[r.IntN(len(a.targets))].address }

// pause waits for d, or until ctx ends. Without pauses, the attacks would leave no cores to the targets.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// request sends a request with invalid or extreme parts.
func (a *attack) request(ctx context.Context, r *rand.Rand) {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	path := pick("/ws", "/sse", "/presence", "/api/matches", "/api/scoreboard", "/api/trace/x", "/api/scoreboard/%00",
		"/api/notify/x", "/metrics", "/healthz", "/live.js", "/..%2f..%2fetc/passwd", "/")
	query := pick("", "?limit=-1", "?limit=99999999999999999999", "?cursor=1-2-3", "?delay=1h", "?delay=-1s",
		"?from=0", "?topics="+strings.Repeat("*.", 2000), "?team=%ff%fe", "?match="+strings.Repeat("m,", 5000))
	method := pick(http.MethodGet, http.MethodPost, http.MethodDelete, "TRACE", "FROB")
	req, err := http.NewRequestWithContext(ctx, method, "http://"+a.target(r)+path+query,
		strings.NewReader(strings.Repeat("[", r.IntN(40_000))))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", pick("application/json", "text/plain", ""))
	req.Header.Set("X-Transaction-Id", pick("", "x", strings.Repeat("f", 32)))
	req.Header.Set("Last-Event-ID", pick("", "9-9-9", strings.Repeat("9", 5000)))
	req.Header.Set("X-Filler", strings.Repeat("x", r.IntN(40_000)))
	req.Host = pick("", "evil.example", "localhost")
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	if resp, err := client.Do(req); err == nil {
		_, _ = io.CopyN(io.Discard, resp.Body, 1<<20)
		resp.Body.Close()
	}
	pause(ctx, 10*time.Millisecond)
}

// slowHeader opens connections whose request header never ends.
func (a *attack) slowHeader(ctx context.Context, r *rand.Rand) {
	a.hold(ctx, a.target(r), 30, "GET / HTTP/1.1\r\nX-A: ")
}

// slowBody opens connections whose request body never ends.
func (a *attack) slowBody(ctx context.Context, r *rand.Rand) {
	a.hold(ctx, a.target(r), 30, "POST /api/matches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Content-Length: 1000\r\n\r\n{")
}

// hold opens n connections, writes text to each, and closes them after 2 seconds.
func (a *attack) hold(ctx context.Context, address string, n int, text string) {
	var all []net.Conn
	for range n {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			continue
		}
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(c, text)
		all = append(all, c)
	}
	pause(ctx, 2*time.Second)
	for _, c := range all {
		c.Close()
	}
}

// frames opens a socket and sends bytes that are not valid frames, or frames that are too large.
func (a *attack) frames(ctx context.Context, r *rand.Rand) {
	c, err := net.DialTimeout("tcp", a.w.listen, time.Second)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprintf(c, "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", base64.StdEncoding.EncodeToString(make([]byte, 16)))
	junk := make([]byte, 1+r.IntN(70_000))
	for i := range junk {
		junk[i] = byte(r.Uint32())
	}
	if r.IntN(2) == 0 {
		copy(junk, []byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) // announces 2^63-1 bytes
	}
	_, _ = c.Write(junk)
	_, _ = io.CopyN(io.Discard, c, 1<<20)
	pause(ctx, 10*time.Millisecond)
}

// deafSocket opens sockets with different delays, and reads nothing.
func (a *attack) deafSocket(ctx context.Context, r *rand.Rand) {
	var all []*websocket.Conn
	for range 20 {
		url := fmt.Sprintf("ws://%s/ws?delay=%ds", a.w.listen, 1+r.IntN(60))
		conn, resp, err := websocket.DefaultDialer.DialContext(ctx, url, nil)
		if err == nil {
			all = append(all, conn)
		} else if resp != nil {
			resp.Body.Close()
		}
	}
	pause(ctx, 3*time.Second)
	for _, conn := range all {
		conn.Close()
	}
}

// token sends a request with an invalid token.
func (a *attack) token(ctx context.Context, r *rand.Rand) {
	token := []string{"x", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("a.", 4000), "Bearer", "\x7f"}[r.IntN(5)]
	req, err := http.NewRequestWithContext(
		ctx,
		http.MethodPost,
		"http://"+a.target(r)+"/api/matches",
		strings.NewReader("{}"),
	)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	if resp, err := client.Do(req); err == nil {
		resp.Body.Close()
		if resp.StatusCode < 400 {
			a.w.Errorf("an invalid token got the status %d, want 400 or higher", resp.StatusCode)
		}
	}
	pause(ctx, 20*time.Millisecond)
}
