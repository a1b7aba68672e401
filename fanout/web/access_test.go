package web_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// axe reports the violations of accessibility rules in the current view. testdata/axe.min.js is axe-core
// 4.14.1, under the licence in testdata/axe.LICENSE. It is not part of the program.
func (p page) axe(view string) {
	p.Helper()
	source, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		p.Fatal(err)
	}
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[json.RawMessage](string(source)+";0")); err != nil {
		p.Fatal(err)
	}
	p.run(`document.getAnimations().forEach((a) => a.finish()); return "";`) // colours change in an animation
	got := p.run(`const result = await axe.run(document, {
			resultTypes: ["violations"], rules: { "color-contrast-enhanced": { enabled: false } },
		});
		return result.violations.map((v) => v.id + ": " + v.nodes.slice(0, 3)
			.map((n) => n.html.slice(0, 160) + " " + n.failureSummary).join("; ")).join("\n")`)
	if got != "" {
		p.Errorf("%s: axe reports\n%s", view, got)
	}
}

// No view violates a rule of axe, in light and dark colours and at each width. No view is wider than the window.
func TestAccessible(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	p := s.open("")
	p.shows("[data-match=urc-1]", "Leinster")
	fits := func(view string) {
		t.Helper()
		got := p.run(`return String(document.documentElement.scrollWidth - innerWidth)`)
		if got != "0" && !strings.HasPrefix(got, "-") {
			wide := p.run(`return [...document.querySelectorAll("body *")]
				.filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, .sports, .sr"))
				.slice(0, 4).map((e) => e.outerHTML.slice(0, 120)).join(" | ")`)
			t.Errorf("%s is %s pixels wider than the window: %s", view, got, wide)
		}
	}
	views := []struct{ name, open string }{
		{"list", ""},
		{"filter", `document.querySelector("#open-filter").click();`},
		{"settings", `document.querySelector("#open-settings").click();`},
		{"match of soccer", `document.querySelector("#open-settings").click();
			document.querySelector("[data-match=mls-1] .cover a").click();`},
		{"match of basketball", `history.back(); await new Promise((r) => setTimeout(r, 300));
			document.querySelector("[data-match=nba-1] .cover a").click();`},
	}
	for _, view := range views {
		p.run(view.open + ` await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))); return "";`)
		for _, colours := range [][]string{{"prefers-color-scheme", "light"}, {"prefers-color-scheme", "dark"}} {
			p.media(colours...)
			for _, width := range []int{320, 1280} {
				p.resize(width, 900)
				p.axe(fmt.Sprint(view.name, " ", colours, " ", width))
			}
		}
		p.media("forced-colors", "active")
		p.axe(view.name + " in forced colours")
		p.media("forced-colors", "none", "prefers-color-scheme", "light")
		for _, width := range []int{320, 768, 2560} {
			p.resize(width, 900)
			fits(fmt.Sprint(view.name, " at ", width))
		}
		p.resize(640, 900) // with text of 200 %, as wide as 320 pixels
		p.run(`document.documentElement.style.fontSize = "200%"; return "";`)
		fits(view.name + " with text of 200 %")
		p.shot("text-200-" + strings.ReplaceAll(view.name, " ", "-"))
		p.run(`document.documentElement.style.fontSize = ""; return "";`)
	}
	s.stop()
	p.shows("#offline", "Offline since")
	for _, colour := range []string{"light", "dark"} {
		p.media("prefers-color-scheme", colour)
		p.axe("match offline, " + colour)
		p.run(`document.querySelector(".back").click();
			await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))); return "";`)
		p.axe("list offline, " + colour)
		p.run(`document.querySelector("[data-match=nba-1] .cover a").click(); return "";`)
	}
}

// A reader can do everything with the keyboard: skip to the matches, open a match, go back, pin, filter, and
// change settings.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	p := s.open("")
	p.shows("[data-match=urc-1]", "Leinster")
	key := func(keys string) {
		t.Helper()
		if err := chromedp.Do(p.ctx, chromedp.KeyEvent(keys)); err != nil {
			t.Fatal(err)
		}
	}
	focused := `(() => { const e = document.activeElement; return e.id || e.className || e.tagName; })()`
	tabTo := func(what string) {
		t.Helper()
		for range 80 {
			key(kb.Tab)
			if p.run(`return String(document.activeElement.matches(`+fmt.Sprintf("%q", what)+`))`) == "true" {
				if p.run(`const e = document.activeElement, s = getComputedStyle(e.closest(".search") ?? e);
					return s.outlineStyle`) == "none" {
					t.Errorf("the focus on %s is not visible", what)
				}
				return
			}
		}
		t.Fatalf("80 presses of Tab do not reach %s; the focus is on %s", what, p.run("return "+focused))
	}
	tabTo(".skip")
	key(kb.Enter)
	p.until(focused, "main")
	tabTo("[data-match=nfl-1] .cover a")
	key(kb.Enter)
	p.until(focused, "match-name")
	p.until(`location.pathname`, "/match/nfl-1")
	tabTo(".match .pin")
	key(" ")
	p.until(`new URLSearchParams(location.search).get("pin")`, "nfl-1")
	p.run(`document.activeElement.blur(); return "";`)
	tabTo(".back")
	key(kb.Enter)
	p.until(`location.pathname`, "/")
	p.run(`document.querySelector("h1 a").focus(); return "";`)
	tabTo("#search")
	key("munster")
	p.until(`document.querySelectorAll("main [data-match]").length`, "1")
	tabTo("#open-filter")
	key(kb.Enter)
	p.until(`document.querySelector("#open-filter").getAttribute("aria-expanded")`, "true")
	tabTo("#set-sort")
	key(kb.Escape)
	p.until(focused, "open-filter")
	tabTo("#open-settings")
	key(" ")
	tabTo("#set-scores")
	key(" ")
	p.until(`new URLSearchParams(location.search).get("scores")`, "hidden")
}

// The live region says what happened, in one announcement for events that arrive together.
func TestAnnouncements(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("")
	p.shows("main", "No matches yet")
	p.run(`window.said = [];
		new MutationObserver(() => { const t = document.querySelector("#announce").textContent; if (t) said.push(t); })
		.observe(document.querySelector("#announce"), { childList: true, subtree: true, characterData: true }); return "";`)
	goal := func(match, player string, n int) func(*event.Data) {
		return func(d *event.Data) {
			d.Player, d.Side, d.Score, d.Team = player, event.Home, &event.Score{Home: n}, "Reds "+match
			d.Clock, d.Match.Home, d.Match.Away = &event.Clock{Period: "1h", Minute: 27}, "Reds "+match, "Blues "+match
		}
	}
	announces := func(want string) {
		t.Helper()
		p.until(`said.at(-1) ?? ""`, want)
	}
	s.publish("a", "soccer.mls.goal", goal("a", "Luca Moro", 1))
	announces("Goal for Reds a by Luca Moro. Reds a 1, Blues a 0.")
	s.publish("a", "soccer.mls.goal_corrected", func(d *event.Data) {
		goal("a", "Ben Ash", 1)(d)
		d.Incident, d.Action, d.Rev = "a/1", event.Corrected, 2
		d.Changes = map[string]event.Change{"player": {Old: "Luca Moro", New: "Ben Ash"}}
	})
	announces("Correction: goal 27', scorer Ben Ash, not Luca Moro. Reds a against Blues a.")
	s.publish("a", "soccer.mls.goal_retracted", func(d *event.Data) {
		goal("a", "Ben Ash", 0)(d)
		d.Incident, d.Action, d.Rev = "a/1", event.Retracted, 3
	})
	announces("Taken back: goal for Reds a, Ben Ash. Reds a 0, Blues a 0.")
	// The announcement of several events depends only on the events, so it is computed without a stream.
	got := p.run(`const { announcement } = await import("/page/announce.js");
		const goal = (n) => ({
			event: { type: "soccer.mls.goal", data: { kind: "goal", action: "new", team: "T" + n, incident: "i" + n } },
			after: { sport: "soccer", match: { home: "T" + n, away: "U" }, score: { home: 1, away: 0 }, incidents: [] },
		});
		const card = { event: { type: "soccer.mls.yellow_card", data: { kind: "yellow_card", action: "new" } },
			after: goal(0).after };
		const end = { event: { type: "basketball.nba.period_end",
			data: { kind: "period_end", action: "new", clock: { period: "q1" } } }, after: goal(0).after };
		return [announcement([]), announcement([card]), announcement([goal(1), card, goal(2)]),
			announcement([1, 2, 3, 4, 5].map(goal)),
			announcement([goal(1)], true), announcement([end]), announcement([end], false, true)].join("|")`)
	want := "||2 events. Goal for T1. T1 1, U 0. Goal for T2. T2 1, U 0.|" +
		"5 events. Goal for T3. T3 1, U 0. Goal for T4. T4 1, U 0. Goal for T5. T5 1, U 0. And 2 more.|" +
		"||End of 1st quarter. T0 1, U 0."
	if got != want {
		t.Errorf("the announcements are\n%s\nwant\n%s", got, want)
	}
}

// A connection that no longer carries anything is noticed, and the page resumes after it. The page also tests
// the connection when it is online again.
func TestDeadConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	proxy := testenv.NewProxy(t, s.url)
	real := s.url
	s.url = proxy.URL
	p := s.open("")
	s.url = real
	p.shows("#state", "Live")
	p.run(`window.states = []; const e = document.querySelector("#state");
		new MutationObserver(() => states.push(e.dataset.state)).observe(e, { attributes: true });
		const { follow } = await import("/live.js");
		window.times = []; const began = performance.now();
		return "";`)
	proxy.Stall()
	p.run(`window.stalled = performance.now(); window.noticed = 0;
		const e = document.querySelector("#state");
		new MutationObserver(() => { if (!noticed && e.dataset.state !== "live") noticed = performance.now(); })
			.observe(e, { attributes: true });
		dispatchEvent(new Event("online")); return "";`)
	p.shows("#offline", "Offline since", "no answer from the server")
	t.Logf("noticed after %s s", p.run(`return ((noticed - stalled) / 1000).toFixed(1)`))
	proxy.Flow()
	p.shows("#state", "Live")
	p.until(`document.querySelector("#offline") === null`, "true")
	s.publish("mls-2", "soccer.mls.goal", func(d *event.Data) { d.League, d.Score = "MLS", &event.Score{Home: 1} })
	p.shows("[data-match=mls-2] .goals", "1|0")
}
