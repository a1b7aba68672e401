package fanout_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/internal/testenv"
)

// serveAt runs a node at an address until stop, as a restart needs.
func serveAt(t *testing.T, addr string, log event.Log) (string, func()) {
	t.Helper()
	hub := fanout.NewHub(fanout.Options{Checkpoints: checkpoints(t), Log: slog.New(slog.DiscardHandler)})
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: hub.Handler()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- hub.Run(ctx, log) }()
	go func() { _ = s.Serve(l) }()
	return l.Addr().String(), func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.Close()
	}
}

// The live page in a real browser: it shows the score and the time line, follows
// events, says when the connection is lost, and misses nothing by it.
func TestLivePage(t *testing.T) {
	browser := testenv.Chromium(t)
	b := memory.New(nil, nil)
	seq(t, b, "m1", "soccer.mls.goal", 1, func(d *event.Data) {
		d.Player, d.Team, d.Side, d.Time = "Sebastian <b>Giovinco</b>", "Toronto FC", event.Away, "14:21"
		d.Score = &event.Score{Away: 1}
	})
	addr, stop := serveAt(t, "127.0.0.1:0", b)

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate("http://"+addr+"/")); err != nil {
		t.Fatal(err)
	}
	text := func(selector string) string {
		s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("`+selector+`")].map(e => e.innerText).join("|")`))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(s), " ")
	}
	shows := func(selector string, want ...string) {
		t.Helper()
		var got string
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			got = text(selector)
			missing := false
			for _, w := range want {
				missing = missing || !strings.Contains(got, w)
			}
			if !missing {
				return
			}
		}
		t.Fatalf("%s shows %q, want %q", selector, got, want)
	}

	shows("#state", "Live")
	shows(".match .goals", "0:1")
	shows(".match .team", "New York City FC|Toronto FC")
	shows(".line", "14:21", "Sebastian <b>Giovinco</b> 0:1") // a name is never markup
	seq(t, b, "m1", "soccer.mls.goal", 2, func(d *event.Data) {
		d.Player, d.Side, d.Score = "David Villa", event.Home, &event.Score{Home: 1, Away: 1}
	})
	shows(".match .goals", "1:1")
	shows(".line .home", "David Villa 1:1")
	seq(t, b, "m1", "soccer.mls.goal_corrected", 3, func(d *event.Data) {
		d.Incident, d.Action, d.Rev, d.Player, d.Side, d.Score = "m1/2", event.Corrected, 2, "Frank Lampard", event.Home, &event.Score{Home: 1, Away: 1}
	})
	shows(".line .home", "Frank Lampard 1:1 corrected")
	seq(t, b, "m1", "soccer.mls.source_stale", 4, func(d *event.Data) {
		d.Incident, d.Score = "", &event.Score{Home: 1, Away: 1}
		d.Match.Stale = &event.Stale{Since: time.Now(), Reason: "the site answered 403 Forbidden"}
	})
	shows(".match .stale", "No news from the source since")

	stop()
	shows("#state", "Connection lost")
	seq(t, b, "m1", "soccer.mls.goal_retracted", 5, func(d *event.Data) {
		d.Incident, d.Action, d.Score = "m1/2", event.Retracted, &event.Score{Away: 1}
	})
	seq(t, b, "m2", "ice_hockey.nhl.goal", 1, nil)
	_, stop = serveAt(t, addr, b)
	defer stop()
	shows("#state", "Live")
	shows(".match .goals", "0:1", "1:0")
	if got := text(".line .home"); strings.Contains(got, "Lampard") {
		t.Errorf("a goal taken back still shows: %s", got)
	}
	if got := text(".match .stale"); got != "" {
		t.Errorf("the source is back, and the page shows %q", got)
	}
	if cards := text(".match header"); strings.Count(cards, "|") != 1 {
		t.Errorf("cards of 2 matches: %s", cards)
	}
}
