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

// In a real browser, the live page shows scores and incidents, and updates them with each event. If the
// connection is lost, the page says so. After it has reconnected, it shows the missed events.
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

// The live page shows the score by period as a table, and the situation in words. It shows no
// situation in a break, after the match, or if the latest event has none.
func TestLivePageShowsThePlay(t *testing.T) {
	t.Parallel()
	b := memory.New(nil, nil)
	parts := func(points ...int) (l event.Line) {
		for _, n := range points {
			l = append(l, event.Innings{Runs: n})
		}
		return l
	}
	matches := []struct {
		sport      event.Sport
		home, away string
		score      event.Score
		line       event.LineScore
		now        event.Situation
		want       string
	}{
		{event.Baseball, "Giants", "Rockies", event.Score{Home: 4, Away: 2},
			event.LineScore{Home: parts(3, 0, 1), Away: parts(0, 1, 1, 0)},
			event.Situation{Batting: event.Away, Balls: new(2), Strikes: new(1), Outs: new(2), Bases: []int{1, 3}},
			"Rockies batting, 2 balls, 1 strike, 2 outs, runners on 1st and 3rd"},
		{event.Baseball, "Cubs", "Mets", event.Score{}, event.LineScore{},
			event.Situation{Outs: new(0), Balls: new(0), Bases: []int{}}, "0 balls, 0 outs, bases empty"},
		{event.AmericanFootball, "Chiefs", "Bills", event.Score{Home: 23, Away: 20},
			event.LineScore{Home: parts(7, 3, 7, 3, 3), Away: parts(0, 10, 7, 3, 0)},
			event.Situation{Possession: event.Home, Down: 3, Distance: 7, BallOn: "BUF 35"},
			"3rd & 7 at BUF 35, ball with Chiefs"},
		{event.AmericanFootball, "Jets", "Rams", event.Score{}, event.LineScore{},
			event.Situation{Possession: event.Away, Down: 1, Goal: true}, "1st & goal, ball with Rams"},
		{event.Cricket, "India", "Australia", event.Score{Home: 101, Away: 287},
			event.LineScore{Home: event.Line{{Runs: 101, Wickets: new(2)}}, Away: event.Line{{Runs: 287}}},
			event.Situation{Batting: event.Home, Target: 288, RequiredRate: 7.2},
			"India batting, target 288, needs 7.2 an over"},
		{event.Tennis, "Carlos Alcaraz", "Novak Djokovic", event.Score{Home: 2, Away: 1},
			event.LineScore{Home: parts(6, 4, 2), Away: parts(4, 6, 1)},
			event.Situation{Serving: event.Home, Points: &event.GamePoints{Home: "40", Away: "30"}},
			"40–30, Carlos Alcaraz serves"},
		{event.Tennis, "Iga", "Coco", event.Score{}, event.LineScore{},
			event.Situation{Points: &event.GamePoints{Home: "40", Away: "A"}}, "Advantage Coco"},
		{event.IceHockey, "Penguins", "Sharks", event.Score{Home: 2, Away: 1},
			event.LineScore{Home: parts(1, 1), Away: parts(0, 1)},
			event.Situation{PowerPlay: event.Home, Strength: "5-4"}, "Power play Penguins 5–4"},
		{event.Rugby, "Leinster", "Munster", event.Score{Home: 12, Away: 10},
			event.LineScore{Home: parts(5, 7), Away: parts(10, 0)}, event.Situation{Possession: event.Away},
			"Ball with Munster"},
	}
	publish := func(i int, n int64, change func(*event.Data)) {
		m := matches[i]
		publishNth(t, b, fmt.Sprint("p", i), string(m.sport)+".league.status_change", n, func(d *event.Data) {
			d.Player, d.Score, d.Match.Home, d.Match.Away = "", &m.score, m.home, m.away
			if m.line.Innings() > 0 {
				d.LineScore = &m.line
			}
			change(d)
		})
	}
	for i := range matches {
		publish(i, 1, func(d *event.Data) { d.Match.Situation = &matches[i].now })
	}
	addr, stop := serveAt(t, "127.0.0.1:0", b)
	defer stop()
	ctx := browser.Open(t, "http://"+addr+"/")
	shows := func(selector, want string) {
		t.Helper()
		var got string
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			script := `[...document.querySelectorAll("` + selector + `")].map(e => e.textContent).join(" ")`
			text, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
			if err != nil {
				t.Fatal(err)
			}
			if got = text; got == want || want != "" && strings.HasPrefix(got, want+" at ") {
				return // the time of the page follows
			}
		}
		t.Errorf("%s shows %q after 30 seconds, want %q", selector, got, want)
	}
	for i, m := range matches {
		shows(fmt.Sprintf("#match-p%d .situation", i), m.want)
	}
	shows("#match-p0 .parts th, #match-p0 .parts td", " 1 2 3 4 Total Giants 3 0 1  4 Rockies 0 1 1 0 2")
	shows("#match-p2 .parts tr:first-of-type th", "1 2 3 4 OT Total")
	shows("#match-p5 .parts tr:nth-of-type(2) > *", "Carlos Alcaraz 6 4 2")
	shows("#match-p8 .parts tr:first-of-type th", "1st 2nd Total")
	shows("#match-p4 .innings", "101/2 : 287")
	shows("#match-p4 .parts", "")
	publish(0, 2, func(*event.Data) {})
	publish(2, 2, func(d *event.Data) { d.Match.Status, d.Match.Situation = event.Break, &matches[2].now })
	publish(7, 2, func(d *event.Data) { d.Match.Status, d.Match.Situation = event.Final, &matches[7].now })
	for _, i := range []int{0, 2, 7} {
		shows(fmt.Sprintf("#match-p%d .situation", i), "")
	}
}

// If the snapshot is partial, the live page says that matches or incidents are missing.
func TestLivePageSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := memory.New(nil, nil)
	n := newNodeOf(t, b, fanout.Options{SnapshotMatches: 2})
	ctx := browser.Open(t, n.URL+"/")
	shows := func(want string) {
		t.Helper()
		var got string
		testenv.Eventually(t, func() bool {
			got, _ = chromedp.Run(ctx, chromedp.Evaluate[string](`(() => {
				const note = document.querySelector("#partial");
				return document.querySelector("#state").innerText + ": " + document.querySelectorAll(".match").length +
					(note.checkVisibility() ? " " + note.innerText : "");
			})()`)) // fails while the page loads
			return got == want
		}, "the page to show %q", want)
	}
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	publishNth(t, b, "m2", "soccer.mls.goal", 1, nil)
	shows("Live: 2")
	publishNth(t, b, "m3", "soccer.mls.goal", 1, nil)
	shows("Live: 3") // the page drops no match while it is open
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.reload(); ""`)); err != nil {
		t.Fatal(err)
	}
	shows("Live: 2 Some matches or incidents are missing: the server keeps only the latest.")
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
		// ordered returns the JSON of the states, with the members in order and without the marks that the page adds.
		window.ordered = (list) => JSON.stringify(list, (k, v) => k === "fresh" ? undefined :
			v && !Array.isArray(v) && typeof v === "object" ? Object.fromEntries(Object.entries(v).sort()) : v, 1);
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
			(m.apply(event(epoch, seq)) ? "changed " : "") + m.byID.get("m1").score.home).join(", ")`,
	); got != "7, 7, 7, changed 8, changed 1" {
		t.Errorf("events in a state from a scoreboard: scores %s, want 7, 7, 7, changed 8, changed 1", got)
	}
	mine, theirs := run(`return ordered([...mine.byID.values()])`), run(`return ordered(theirs)`)
	if strings.Count(mine, `"sport"`) != 8 || !strings.Contains(mine, `"partial": true`) ||
		!strings.Contains(mine, `"shootout"`) || !strings.Contains(mine, `"line_score"`) {
		t.Errorf("the states are %.2000s, want 8 matches, and the members partial, shootout and line_score", mine)
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
