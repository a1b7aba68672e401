package fanout_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/internal/testenv/browser"
)

// serveAt runs a node that listens on addr until stop is called. It returns the actual address.
func serveAt(t *testing.T, addr string, log broker.Log) (actual string, stop func()) {
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

// In a real browser, the JavaScript client delivers each event once while the node restarts. After a
// change of the filter, it delivers a snapshot, and only the selected events.
func TestJavaScriptClient(t *testing.T) {
	t.Parallel()
	b := memory.New(nil, nil)
	addr, stop := serveAt(t, "127.0.0.1:0", b)
	ctx := browser.Open(t, "http://"+addr+"/")
	run := func(script string) string {
		t.Helper()
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(async () => { `+script+` })()`, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		return got
	}
	until := func(script, want string) {
		t.Helper()
		got := ""
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if got = run("return String(" + script + ")"); got == want {
				return
			}
		}
		t.Fatalf("%s is %q after 30 seconds, want %q", script, got, want)
	}
	run(`const { follow } = await import("/live.js");
		window.got = []; window.states = []; window.snapshots = 0;
		window.stream = follow("ws", { match: ["m1"],
			snapshot() { snapshots++; }, event(e) { got.push(e.subject + ":" + e.data.seq); }, state(s) { states.push(s); } });
		return "";`)
	until(`states.at(-1)`, "live")
	n := int64(0)
	for round := range 4 {
		for range 5 {
			n++
			publishNth(t, b, "m1", "soccer.mls.goal", n, nil)
			publishNth(t, b, "m2", "ice_hockey.nhl.goal", n, nil)
		}
		until(`got.length`, fmt.Sprint(n))
		stop()
		until(`states.at(-1)`, "waiting")
		n++
		publishNth(t, b, "m1", "soccer.mls.goal", n, nil) // while the node is down
		_, stop = serveAt(t, addr, b)
		until(`got.length`, fmt.Sprint(n))
		if round == 0 { // a new stream continues from the cursor
			run(`stream.close(); const { follow } = await import("/live.js");
				window.stream = follow("ws", { match: ["m1"], cursor: stream.cursor, snapshot() { snapshots++; },
					event(e) { got.push(e.subject + ":" + e.data.seq); }, state(s) { states.push(s); } });
				return "";`)
			until(`states.at(-1)`, "live")
		}
	}
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint("m1:", i+1))
	}
	if got := run(`return got.join(" ") + ", snapshots: " + snapshots`); got != strings.Join(want, " ")+", snapshots: 1" {
		t.Errorf("the page received the events %s, want each of %d events once and 1 snapshot", got, n)
	}
	run(`got.length = 0; stream.subscribe({ match: ["m2"] }); stream.unsubscribe({ match: ["m1"] }); return "";`)
	until(`snapshots`, "3")
	publishNth(t, b, "m1", "soccer.mls.goal", n+1, nil)
	publishNth(t, b, "m2", "ice_hockey.nhl.goal", n+1, nil)
	until(`got`, fmt.Sprint("m2:", n+1))
	run(`stream.unsubscribe({ match: ["m2"] }); return "";`)
	until(`snapshots`, "4")
	stop()
	until(`states.at(-1)`, "waiting")
	publishNth(t, b, "m2", "ice_hockey.nhl.goal", n+2, nil)
	_, stop = serveAt(t, addr, b)
	defer stop()
	until(`states.at(-1)`, "live")
	run(`stream.subscribe({ match: ["m1"] }); return "";`)
	until(`snapshots`, "5")
	publishNth(t, b, "m1", "soccer.mls.goal", n+2, nil)
	// While the filter selected nothing, no event arrived, even after a restart of the node.
	until(`got`, fmt.Sprintf("m2:%d,m1:%d", n+1, n+2))
	run(`stream.close(); return "";`)
	until(`states.at(-1)`, "ended")
}

// In a real browser, the live page shows scores and incidents, and updates them with each event. It
// shows that the connection is lost. After it has reconnected, it shows the missed events.
func TestLivePage(t *testing.T) {
	t.Parallel()
	b := memory.New(nil, nil)
	publishNth(t, b, "m1", "soccer.mls.goal", 1, func(d *event.Data) {
		d.Player, d.Team, d.Side, d.Time = "Sebastian <b>Giovinco</b>", "Toronto FC", event.Away, "14:21"
		d.Score = &event.Score{Away: 1}
	})
	addr, stop := serveAt(t, "127.0.0.1:0", b)
	ctx := browser.Open(t, "http://"+addr+"/")
	text := func(selector string) string {
		script := `[...document.querySelectorAll("` + selector + `")].map(e => e.innerText).join("|")`
		s, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
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
		t.Fatalf("%s shows %q after 30 seconds, want %q", selector, got, want)
	}

	shows("#state", "Live")
	shows(".match .goals", "0:1")
	shows(".match .team", "New York City FC|Toronto FC")
	shows(".line", "14:21", "Sebastian <b>Giovinco</b> 0:1") // a name is never markup
	publishNth(t, b, "m1", "soccer.mls.goal", 2, func(d *event.Data) {
		d.Player, d.Side, d.Score = "David Villa", event.Home, &event.Score{Home: 1, Away: 1}
	})
	shows(".match .goals", "1:1")
	shows(".line .home", "David Villa 1:1")
	publishNth(t, b, "m1", "soccer.mls.goal_corrected", 3, func(d *event.Data) {
		d.Incident, d.Action, d.Rev, d.Player = "m1/2", event.Corrected, 2, "Frank Lampard"
		d.Side, d.Score = event.Home, &event.Score{Home: 1, Away: 1}
	})
	shows(".line .home", "Frank Lampard 1:1 corrected")
	publishNth(t, b, "m1", "soccer.mls.source_stale", 4, func(d *event.Data) {
		d.Incident, d.Score = "", &event.Score{Home: 1, Away: 1}
		d.Match.Stale = &event.Stale{Since: time.Now(), Reason: "the site answered 403 Forbidden"}
	})
	shows(".match .stale", "No news from the source since")

	stop()
	shows("#state", "Connection lost")
	publishNth(t, b, "m1", "soccer.mls.goal_retracted", 5, func(d *event.Data) {
		d.Incident, d.Action, d.Score = "m1/2", event.Retracted, &event.Score{Away: 1}
	})
	publishNth(t, b, "m2", "ice_hockey.nhl.goal", 1, nil)
	_, stop = serveAt(t, addr, b)
	defer stop()
	shows("#state", "Live")
	shows(".match .goals", "0:1", "1:0")
	if got := text(".line .home"); strings.Contains(got, "Lampard") {
		t.Errorf("the page shows %q, want no retracted goal", got)
	}
	if got := text(".match .stale"); got != "" {
		t.Errorf("the page shows %q, want nothing after the source became fresh again", got)
	}
	publishNth(t, b, "m2", "ice_hockey.nhl.lineup", 2, func(d *event.Data) {
		d.Team, d.Side, d.Player = "San Jose Sharks", event.Away, ""
		d.Lineup = &event.Lineup{Coach: "Coach", Players: []event.LineupPlayer{
			{Name: "Martin <i>Jones</i>", Number: "31", Position: "G"}, {Name: "James Reimer", Substitute: true}}}
		d.Match.Status, d.Match.Start = event.Scheduled, time.Date(2026, 11, 14, 13, 30, 0, 0, time.UTC)
	})
	shows("#match-m2 .kick-off", "Kick-off", "2026")
	shows("#match-m2 .lineup summary", "Line-up of San Jose Sharks")
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector(".lineup").textContent`))
	if err != nil || !strings.Contains(got, "31 Martin <i>Jones</i> (G)Substitutes: James ReimerCoach: Coach") {
		t.Errorf("the line-up is %q, error %v, want all names as text", got, err)
	}
	publishNth(t, b, "m2", "ice_hockey.nhl.match_end", 3, func(d *event.Data) {
		d.Player, d.Match.Status, d.Winner, d.DecidedBy = "", event.Final, "home", event.ByShootout
	})
	shows("#match-m2 .line", "End of game after a shoot-out")
	if cards := text(".match header"); strings.Count(cards, "|") != 1 {
		t.Errorf("the page shows the matches %q, want 2 matches", cards)
	}
}
