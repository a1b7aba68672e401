package fanout_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/internal/testenv"
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
// change to the filter, it delivers a snapshot, and only the selected events.
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

// randomEvents returns n events about a few matches, with random members. Each event has one of several
// epochs, or none. Some events repeat a seq or are out of order.
func randomEvents(t *testing.T, n int) (all []event.Event) {
	r := rand.New(rand.NewPCG(1, 2))
	began := time.Now().Add(-time.Hour)
	seqs := map[string]int64{}
	chance := func(percent int) bool { return r.IntN(100) < percent }
	for i := range n {
		match := fmt.Sprint("m", r.IntN(6))
		at := began.Add(time.Duration(r.IntN(3)-1) * time.Duration(r.IntN(2000)) * time.Microsecond)
		d := event.Data{Player: fmt.Sprint("P", i), Rev: r.IntN(3), Provisional: chance(10), Replay: chance(20),
			Match: &event.Match{ID: match, Home: "A", Away: "B", Status: event.Live, Period: "1h"}}
		if match != "m5" && chance(80) { // m5 never has an epoch
			d.Epoch = fmt.Sprint("e", min(9, i/(n/4))-r.IntN(2)) // sometimes an older epoch
			key := match + d.Epoch
			if seqs[key] += int64(1 + r.IntN(2)); chance(20) {
				seqs[key] -= 2 // sometimes repeat a seq, or go back
			}
			d.Seq = max(1, seqs[key])
		}
		if chance(80) {
			d.Incident = fmt.Sprint("i", r.IntN(8))
		}
		if chance(50) {
			d.Score = &event.Score{Home: r.IntN(9)}
			if chance(50) {
				d.LineScore = &event.LineScore{Home: event.Line{{Runs: r.IntN(9)}}}
			}
		}
		if chance(20) {
			d.Shootout = &event.Score{Away: r.IntN(9)}
		}
		if chance(50) {
			d.Reason = fmt.Sprint("R", i)
			d.Changes = map[string]event.Change{"player": {Old: fmt.Sprint("P", r.IntN(3)), New: fmt.Sprint("P", r.IntN(3))}}
			d.Match.Clock = event.Clock{Period: "1h", Minute: 1 + r.IntN(45)}
		}
		if chance(20) {
			d.Clock = &event.Clock{Period: "1h", Minute: 1 + r.IntN(45)}
			d.Match.Stale = &event.Stale{Since: began, Reason: "the site answered 403 Forbidden"}
		}
		key := []string{"goal", "goal", "goal_corrected", "goal_retracted", "yellow_card", "status_change"}[r.IntN(6)]
		e, err := event.Of("soccer.mls."+key, d, at)
		if err != nil {
			t.Fatal(err)
		}
		e.TID = event.NewTID()
		all = append(all, e)
	}
	return all
}

// matches.js and the fold of the node compute the same states from the same events. A page that has
// followed all events has the same states as a new snapshot.
func TestJavaScriptStateEqualsSnapshot(t *testing.T) {
	t.Parallel()
	b := memory.New(nil, nil)
	n := newNode(t, b)
	ctx := browser.Open(t, n.URL+"/icon.svg") // not the live page, which would draw each event
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
		testenv.Eventually(t, func() bool { return run("return String("+script+")") == want }, "%s to be %s", script, want)
	}
	run(`const { follow } = await import("/live.js"), { Matches } = await import("/matches.js");
		window.mine = new Matches();
		window.last = "";
		// ordered returns the JSON of the states, with the members in order.
		window.ordered = (list) => JSON.stringify(list, (k, v) => v && !Array.isArray(v) && typeof v === "object"
			? Object.fromEntries(Object.entries(v).sort()) : v, 1);
		window.stream = follow("ws", { snapshot(list) { mine.replace(list); last = "snapshot"; },
			event(e) { mine.apply(e); last = e.subject; } });
		return "";`)
	until("last", "snapshot")
	events := randomEvents(t, 600)
	for i := range 502 { // more incidents than a match can have
		e := events[0]
		e.Data.Epoch, e.Data.Seq, e.Data.Incident, e.Data.Action = "e9", int64(i+1), fmt.Sprint("i", i), event.New
		e.Data.Kind, e.Type, e.Subject = event.Goal, "soccer.mls.goal", "many"
		m := *e.Data.Match
		m.ID, e.Data.Match, e.ID = "many", &m, uuid.NewString()
		events = append(events, e)
	}
	for i := range 60 { // more retracted incidents than a match can have
		e := events[0]
		e.Data.Epoch, e.Data.Seq, e.Data.Incident, e.Data.Action = "e9", int64(600+i), fmt.Sprint("i", 440+i), event.Retracted
		e.Data.Kind, e.Type, e.Subject = event.Goal, "soccer.mls.goal_retracted", "many"
		m := *e.Data.Match
		m.ID, e.Data.Match, e.ID = "many", &m, uuid.NewString()
		events = append(events, e)
	}
	for i, e := range events {
		m, err := broker.NewMessage(e)
		if err == nil {
			_, err = b.Publish(t.Context(), m)
		}
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	publishNth(t, b, "end", "soccer.mls.goal", 1, nil)
	until("last", "end")
	run(`const { follow } = await import("/live.js");
		window.theirs = null;
		follow("ws", { snapshot(list) { theirs = list; } });
		return "";`)
	until("!!theirs", "true")
	// A state from a scoreboard can already contain events that the page receives after it.
	if got := run(`const { Matches } = await import("/matches.js");
		const m = new Matches();
		m.replace([{ match: { id: "m1" }, epoch: "e2", seq: 7, scoreboard: true, incidents: [], score: { home: 7 } }]);
		const event = (epoch, seq) => ({ data: { match: { id: "m1" }, epoch, seq, score: { home: seq } } });
		return [["e2", 6], ["e2", 7], ["e1", 9], ["e2", 8], ["e3", 1]].map(([epoch, seq]) =>
			(m.apply(event(epoch, seq)) ? "changed " : "") + m.get("m1").score.home).join(", ")`,
	); got != "7, 7, 7, changed 8, changed 1" {
		t.Errorf("events in a state from a scoreboard: scores %s, want 7, 7, 7, changed 8, changed 1", got)
	}
	mine, theirs := run(`return ordered(mine.list())`), run(`return ordered(theirs)`)
	if strings.Count(mine, `"sport"`) != 8 || !strings.Contains(mine, `"partial": true`) ||
		!strings.Contains(mine, `"shootout"`) || !strings.Contains(mine, `"line_score"`) ||
		!strings.Contains(mine, `"retraction"`) || !strings.Contains(mine, `"changes"`) ||
		strings.Count(mine, `"reason": "R`) < 5 {
		t.Errorf("the states are %.2000s, want 8 matches, and the members partial, shootout, line_score, retraction, "+
			"changes and reason", mine)
	}
	if mine != theirs {
		a, b := strings.Split(mine, "\n"), strings.Split(theirs, "\n")
		i := 0
		for i < min(len(a), len(b)) && a[i] == b[i] {
			i++
		}
		at := max(0, i-30)
		t.Errorf("line %d of the states differs.\nmatches.js:\n%s\nthe snapshot:\n%s", i+1,
			strings.Join(a[at:min(len(a), i+5)], "\n"), strings.Join(b[at:min(len(b), i+5)], "\n"))
	}
}
