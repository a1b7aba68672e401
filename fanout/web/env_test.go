package web_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/web"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/testenv/browser"
)

// A site is a node with the live page, and the log that it reads.
type site struct {
	*testing.T
	broker *memory.Broker
	url    string // ends with a slash
	addr   string
	stop   func()
	hub    fanout.Options
	api    http.Handler // serves /api/, if it is not nil
	mu     sync.Mutex
	seqs   map[string]int64
}

// newSite starts a node. If the environment variable MATCHWIRE_PAGE is set, the node serves the files of
// the live page from this folder, which can hold another version of the page.
func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteOf(t, fanout.Options{}, nil)
}

// newSiteOf is like newSite, with the given options of the node, and a handler for /api/ that can be nil.
func newSiteOf(t *testing.T, o fanout.Options, api http.Handler) *site {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	s := &site{T: t, hub: o, api: api, broker: memory.New(nil, nil), seqs: map[string]int64{}, addr: "127.0.0.1:0"}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

// start starts the node, again at the same address after stop.
func (s *site) start() {
	s.Helper()
	hub := fanout.NewHub(s.hub)
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.Fatal(err)
	}
	s.addr = l.Addr().String()
	s.url = "http://" + s.addr + "/"
	handler := hub.Handler()
	if dir := os.Getenv("MATCHWIRE_PAGE"); dir != "" {
		mux := http.NewServeMux()
		mux.HandleFunc("/ws", hub.ServeWS)
		mux.Handle("/", web.HandlerOf(os.DirFS(dir), s.hub.Origins))
		handler = mux
	}
	if s.api != nil {
		mux := http.NewServeMux()
		mux.Handle("/", handler)
		mux.Handle("/api/", s.api)
		handler = mux
	}
	server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- hub.Run(ctx, s.broker) }()
	go func() { _ = server.Serve(l) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.Error(err)
		}
		server.Close()
	})
}

// publish publishes the next event of a match. change sets its facts.
func (s *site) publish(match, key string, change func(*event.Data)) {
	s.Helper()
	s.publishAt(time.Now(), match, key, change)
}

// publishAt is like publish, for an event whose page was read at readAt.
func (s *site) publishAt(readAt time.Time, match, key string, change func(*event.Data)) {
	s.Helper()
	s.mu.Lock()
	s.seqs[match]++
	n := s.seqs[match]
	s.mu.Unlock()
	d := event.Data{Epoch: "e1", Seq: n, Rev: 1, Incident: fmt.Sprintf("%s/%d", match, n),
		Match: &event.Match{ID: match, Home: "Home " + match, Away: "Away " + match, Status: event.Live}}
	if change != nil {
		change(&d)
	}
	e, err := event.Of(key, d, readAt)
	if err != nil {
		s.Fatal(err)
	}
	e.TID = event.NewTID()
	m, err := broker.NewMessage(e)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := s.broker.Publish(context.Background(), m); err != nil {
		s.Fatal(err)
	}
}

// A page is an open page in a browser.
type page struct {
	*testing.T
	ctx context.Context
}

// open opens a page of the site.
func (s *site) open(path string) page {
	s.Helper()
	return page{s.T, browser.Open(s.T, s.url+path)}
}

// try runs a script, which can await and return a string, and returns its result.
func (p page) try(script string) (string, error) {
	action := chromedp.Evaluate[string](`(async () => { `+script+` })()`, chromedp.EvalAwaitPromise)
	return chromedp.Run(p.ctx, action)
}

// run is like try, and fails the test if the script fails.
func (p page) run(script string) string {
	p.Helper()
	got, err := p.try(script)
	if err != nil {
		p.Fatalf("%s: %v", script, err)
	}
	return got
}

// textOf returns a script for the visible text of the elements that a selector selects, separated by bars. The browser
// does not lay out cards outside the window, so they have no inner text.
func textOf(selector string) string {
	return fmt.Sprintf(`const outside = (e) => e.checkVisibility() && !e.checkVisibility({ contentVisibilityAuto: true });
		return [...document.querySelectorAll(%q)].map((e) => outside(e) ? e.textContent : e.innerText).join("|")
		.split(/\s+/).join(" ").trim()`, selector)
}

// text returns the visible text of the elements that a selector selects, separated by bars.
func (p page) text(selector string) string {
	p.Helper()
	return p.run(textOf(selector))
}

// shows waits until the text of a selector contains each of want.
func (p page) shows(selector string, want ...string) {
	p.Helper()
	got := shown{}
	testenv.Eventually(p.T, func() bool {
		got.text, _ = p.try(textOf(selector)) // fails while the page loads
		for _, w := range want {
			if !strings.Contains(got.text, w) {
				return false
			}
		}
		return true
	}, "%s to show %q; it shows %v", selector, want, &got)
}

// shown is a text that is formatted when a test fails.
type shown struct{ text string }

func (s *shown) String() string { return fmt.Sprintf("%q", s.text) }

// until waits until a script returns want.
func (p page) until(script, want string) {
	p.Helper()
	got := shown{}
	testenv.Eventually(p.T, func() bool {
		got.text, _ = p.try("return String(" + script + ")") // fails while the page loads
		return got.text == want
	}, "%s to be %q; it is %v", script, want, &got)
}

// resize sets the size of the window.
func (p page) resize(width, height int) {
	p.Helper()
	if err := chromedp.Do(p.ctx, chromedp.EmulateViewport(int64(width), int64(height))); err != nil {
		p.Fatal(err)
	}
}

// media sets media features, such as prefers-color-scheme.
func (p page) media(features ...string) {
	p.Helper()
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{}}
	for i := 0; i < len(features); i += 2 {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	err := chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, params)
		return err
	}))
	if err != nil {
		p.Fatal(err)
	}
}

// shot keeps a screenshot in the folder that the environment variable MATCHWIRE_SCREENSHOTS names. Without
// this variable, shot does nothing.
func (p page) shot(name string) {
	p.Helper()
	dir := os.Getenv("MATCHWIRE_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		p.Error(err)
	}
}
