package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
)

// The model marks what happened while the page was offline, even if the first frame after that is a snapshot. It
// changes only the signal of the match of an event, once per frame.
func TestModel(t *testing.T) {
	t.Parallel()
	p := newSite(t).open("icon.svg")
	got := p.run(`const { Model } = await import("/page/model.js"), { effect } = await import("/dist/preact.js");
		const state = (id, ...incidents) => ({ match: { id, home: "A", away: "B", status: "live" },
			sport: "soccer", league: "L", updated: "2026-01-01T00:00:00Z", epoch: "e", seq: 1,
			incidents: incidents.map((i) => ({ incident: i, kind: "goal", rev: 1 })) });
		const event = (id, seq, incident) => ({ type: "soccer.l.goal", time: "2026-01-01T00:00:01Z", data: {
			match: { id, home: "A", away: "B", status: "live" }, sport: "soccer", league: "L",
			epoch: "e", seq, rev: 1, incident, kind: "goal", action: "new", score: { home: seq, away: 0 } } });
		const frame = () => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
		const m = new Model();
		m.connected("live");
		m.replace([state("1", "a"), state("2", "x")]);
		const runs = { 1: 0, 2: 0 }, said = [];
		for (const id of [1, 2]) effect(() => { m.view(String(id)).value; runs[id]++; });
		m.onNews((news) => said.push(news.length));
		const out = [];
		m.apply(event("1", 2, "b")); m.apply(event("1", 3, "c")); m.apply(event("1", 3, "c"));
		out.push("before the frame " + runs[1] + runs[2]);
		await frame();
		out.push("after it " + runs[1] + runs[2], "news " + said,
			"marks " + [...m.view("1").value.marks].join(" "), "scored " + m.view("1").value.scored);
		m.connected("waiting", 1); m.connected("connecting");
		m.replace([state("1", "a", "b", "c", "d"), state("2", "x"), state("3", "n")]);
		m.connected("live");
		out.push("missed " + m.missed.value.events + " in " + m.missed.value.ids,
			"marks " + [...m.view("1").value.marks].join(" "));
		m.apply(event("2", 2, "late"));
		await frame();
		out.push("missed " + m.missed.value.events, "places " + m.ids.value);
		m.dismissMissed();
		out.push("marks " + [...m.view("1").value.marks].length + [...m.view("2").value.marks].length);
		return out.join("; ");`)
	const want = "before the frame 11; after it 21; news 2; marks b,new c,new; scored home; missed 2 in 1,3; " +
		"marks d,missed; missed 3; places 1,2,3; marks 00"
	if got != want {
		t.Errorf("the model shows\n%s\nwant\n%s", got, want)
	}
}

// What happened before the first reading is no news: the model marks and announces nothing, and no side has scored.
func TestModelOfBackfill(t *testing.T) {
	t.Parallel()
	p := newSite(t).open("icon.svg")
	got := p.run(`const { Model } = await import("/page/model.js");
		const event = (seq, backfill) => ({ type: "soccer.l.goal", time: "2026-01-01T00:00:01Z", data: {
			match: { id: "1", home: "A", away: "B", status: "live" }, sport: "soccer", league: "L", backfill,
			epoch: "e", seq, rev: 1, incident: "i" + seq, kind: "goal", action: "new", score: { home: seq, away: 0 } } });
		const frame = () => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
		const m = new Model(), said = [], out = [];
		m.connected("live");
		m.replace([]);
		m.onNews((news) => said.push(...news.map((n) => n.event.data.incident)));
		m.apply(event(1, true)); m.apply(event(2, true));
		await frame();
		const shows = () => { const { m: { incidents }, marks, scored } = m.view("1").value;
			out.push([incidents.length, [...marks].join(" "), scored, said].join("|")); };
		shows();
		m.apply(event(3));
		await frame();
		shows();
		return out.join("; ");`)
	if want := "2|||; 3|i3,new|home|i3"; got != want {
		t.Errorf("the model shows %q, want %q", got, want)
	}
}

// An incident without a clock stays behind the incident that was reported before it. It does not look like the latest.
func TestOrderWithoutClock(t *testing.T) {
	t.Parallel()
	p := newSite(t).open("icon.svg")
	got := p.run(`const { inOrder } = await import("/page/incidents.js");
		const goal = (incident, clock) => ({ incident, kind: "goal", clock });
		return inOrder([goal("no clock"), goal("70", { period: "2h", minute: 70 }), goal("none either"),
			{ incident: "end", kind: "match_end" }, goal("14", { period: "1h", minute: 14 }),
			{ incident: "start", kind: "match_start" },
		]).map((i) => i.incident).join();`)
	if want := "no clock,start,14,70,none either,end"; got != want {
		t.Errorf("the order is %q, want %q", got, want)
	}
}

// A card counts from the last change of the match, and says so: the stream does not say when the page was last read.
func TestAgeIsOfTheLastChange(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.publishAt(time.Now().Add(-2*time.Minute), "m1", "soccer.mls.goal", func(d *event.Data) {
		d.Clock = &event.Clock{Period: "1h", Minute: 14}
		d.Match.Clock, d.Match.Period = *d.Clock, "1h"
	})
	p := s.open("")
	p.shows("[data-match=m1] .age", "last change 2 min ago")
}

// The hint in the search field is not clipped, in each language.
func TestSearchHintFits(t *testing.T) {
	t.Parallel()
	p := newSite(t).open("")
	p.shows("main", "No matches yet")
	for _, width := range []int{320, 1280} {
		p.resize(width, 800)
		for _, lang := range []string{"en", "de", "es", "fr"} {
			p.run(`const { change } = await import("/page/settings.js"); change({ lang: "` + lang + `" }); return "";`)
			p.until(`document.documentElement.lang`, lang)
			p.until(`(() => { const e = document.querySelector("#search"), c = document.createElement("canvas").getContext("2d");
				c.font = getComputedStyle(e).font;
				return c.measureText(e.placeholder).width <= e.clientWidth; })()`, "true")
		}
	}
}

// A card lists no goal of which neither the player nor the time is known. A player without a time has no comma.
func TestScorersWithoutTimes(t *testing.T) {
	t.Parallel()
	p := newSite(t).open("icon.svg")
	got := p.run(`const { scorersOf } = await import("/page/incidents.js");
		const goal = (facts) => ({ kind: "goal", side: "home", ...facts });
		return JSON.stringify(scorersOf({ sport: "soccer", match: { status: "final" }, incidents: [
			goal({ incident: "1" }), goal({ incident: "2" }), goal({ incident: "3", player: "Ann" }),
			goal({ incident: "4", player: "Ann", detail: "penalty" }), goal({ incident: "5", team: "Orsha", time: "9'" }),
		] }));`)
	if want := `{"home":[["Ann",["(penalty)"]],["Orsha",["9'"]]],"away":[]}`; got != want {
		t.Errorf("the scorers are\n%s\nwant\n%s", got, want)
	}
}

// If the node refuses a connection, live.js ends with the reason of the node.
func TestRefusal(t *testing.T) {
	t.Parallel()
	p := newSite(t).open("icon.svg")
	got := p.run(`const { follow } = await import("/live.js");
		return await new Promise((done) => follow("/ws", {
			topics: ["soccer.mls.gaol"], state: (name, seconds, reason) => { if (name === "ended") done(reason); },
		}));`)
	if want := `topic pattern "soccer.mls.gaol": soccer has no kind "gaol"; did you mean "goal"?`; got != want {
		t.Errorf("the reason is %q, want %q", got, want)
	}
}

// After a callback closes the stream, live.js reports no other state.
func TestCloseInCallback(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("icon.svg")
	const script = `const { follow } = await import("/live.js");
		const names = [], timers = new Set(), set = setTimeout, clear = clearTimeout;
		globalThis.setTimeout = (f, ms) => {
			const id = set(() => { timers.delete(id); f(); }, ms);
			timers.add(id);
			return id;
		};
		globalThis.clearTimeout = (id) => { timers.delete(id); clear(id); };
		const stream = follow(%q, {
			snapshot: () => stream.close(),
			state: (name, seconds) => { names.push(name); if (name === "waiting" && seconds) stream.close(); },
		});
		while (!names.includes("ended") || timers.size) await new Promise((done) => set(done, 5));
		globalThis.setTimeout = set;
		globalThis.clearTimeout = clear;
		return names.join(" ");`
	if got, want := p.run(fmt.Sprintf(script, "/ws")), "connecting ended"; got != want {
		t.Errorf("after close in snapshot, the states are %q, want %q", got, want)
	}
	if got, want := p.run(fmt.Sprintf(script, "/none")), "connecting waiting waiting ended"; got != want {
		t.Errorf("after close in state, the states are %q, want %q", got, want)
	}
}

// A goal is noticed: by a count in the title and in the icon of a hidden page, and by a motion, which is calm if the
// reader prefers reduced motion.
func TestGoalIsNoticed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	p := s.open("match/mls-1")
	p.shows(".big", "1 : 1")
	p.run(`Object.defineProperty(document, "hidden", { configurable: true, get: () => true }); return "";`)
	goal := func(n int) {
		s.publish("mls-1", "soccer.mls.goal", func(d *event.Data) {
			d.League, d.Side, d.Score, d.Player = "MLS", event.Home, &event.Score{Home: n, Away: 1}, "Luca Moro"
			d.Match.Home, d.Match.Away = "New York City FC", "Toronto FC"
		})
	}
	goal(2)
	noticed := `document.title + document.querySelector("link[rel=icon]").href.replace(location.origin, "")`
	p.until(noticed, "(1) New York City FC – Toronto FC · matchwire live/icon.svg?n=1")
	goal(3)
	p.until(`document.title`, "(2) New York City FC – Toronto FC · matchwire live")
	p.run(`delete document.hidden; document.dispatchEvent(new Event("visibilitychange")); return "";`)
	p.until(noticed, "New York City FC – Toronto FC · matchwire live/icon.svg")
	goal(4)
	p.until(`getComputedStyle(document.querySelector(".big.scored")).animationName`, "goal")
	p.media("prefers-reduced-motion", "reduce")
	p.until(`getComputedStyle(document.querySelector(".big.scored")).animationName`, "goal-still")
}
