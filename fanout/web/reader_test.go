package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/matchwire/matchwire/event"
)

// key presses keys.
func (p page) key(keys string) {
	p.Helper()
	if err := chromedp.Do(p.ctx, chromedp.KeyEvent(keys)); err != nil {
		p.Fatal(err)
	}
}

// enter moves the focus to the element that a selector selects, and presses Enter.
func (p page) enter(selector string) {
	p.Helper()
	p.until(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e?.focus();
		return document.activeElement === e; })()`, selector), "true")
	p.key(kb.Enter)
}

// focused waits until the element that a selector selects has the focus.
func (p page) focused(selector string) {
	p.Helper()
	p.until(fmt.Sprintf(`document.activeElement.matches(%q)`, selector), "true")
}

// A reader keeps the place on the page if the button that was pressed disappears or moves.
func TestFocusIsKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	p := s.open("")
	p.shows("[data-match=urc-1]", "Leinster")

	p.enter("[data-match=urc-1] .pin") // the card moves to the pinned matches
	p.shows("section h2", "Pinned")
	p.focused("[data-match=urc-1] .pin[aria-pressed=true]")
	p.until(`document.activeElement.title`, "Pin Leinster – Munster") // the state is not in the name too

	p.enter("[data-match=nfl-1] .cover a")
	p.focused("#match-name")
	p.until(`document.title`, "Chiefs – Bills · matchwire live")
	p.enter(".back")
	p.focused("[data-match=nfl-1] .cover a")
	p.until(`document.title`, "matchwire live")

	// In a select, an arrow key changes the value at once. It chooses nothing until Enter, or until the reader goes on.
	p.enter("#open-filter")
	p.run(`document.querySelector("#set-league").focus(); return "";`)
	query := func(name string) string { return `new URLSearchParams(location.search).getAll("` + name + `").join()` }
	p.key(kb.ArrowDown)
	p.key(kb.ArrowDown)
	p.until(`document.querySelector("#set-league").value`, "MLB")
	p.until(query("league"), "")
	p.key(kb.Enter)
	p.until(query("league"), "MLB")
	p.focused("#set-league")
	p.run(`document.querySelector("#set-team").focus(); return "";`)
	p.key(kb.ArrowDown)
	p.key(kb.Tab)
	p.until(query("team"), "Atlanta United FC")
	p.until(`document.querySelector(".chosen button").getAttribute("aria-label")`, "Remove MLB")
	p.enter(".chosen button")
	p.until(query("league"), "")
	p.focused("#set-league")
	p.run(`document.querySelector("#search").focus(); return "";`)
	p.key("nobody")
	p.enter(".empty button") // clears the filter
	p.focused("#main")

	p.enter("#open-settings")
	p.run(`document.querySelector("#set-scores").click(); return "";`)
	p.until(`document.querySelector("[data-match=mls-1] .note button").textContent`,
		"Show score: New York City FC – Toronto FC")
	p.until(`document.querySelector("[data-match=mls-2] .note")`, "null") // no score yet
	p.enter("[data-match=mls-1] .note button")
	p.focused("[data-match=mls-1] .cover a")
	p.enter("#watch")
	p.focused("#scrub")
	p.enter(".watch button")
	p.focused("#main")
}

// A screen reader finds what the page shows: the status after the heading of its match, and no IDs in the timeline.
// The page says what a changed filter selects, and what the filter hides in a timeline.
func TestScreenReader(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	p := s.open("")
	p.shows("[data-match=urc-1]", "Leinster")
	p.until(`[...document.querySelectorAll("[data-match=urc-1] header > *")].map((e) => e.classList[0]).join()`,
		"cover,chip,pin")
	p.until(`[...document.querySelectorAll("[data-match=nhl-1] .scorers ul:not([aria-hidden=true])")]
		.map((e) => e.getAttribute("aria-label")).join()`, "Pittsburgh Penguins")
	p.until(`document.querySelector(".notices")`, "null") // no empty landmark
	p.shows("[data-match=mls-3] .warn", "No news from the source since", "Reason: the site answered 403 Forbidden")
	p.run(`document.querySelector("#search").focus(); return "";`)
	p.key("leinster")
	p.until(`document.querySelector("#announce").textContent`, "1 match")
	p.key("x")
	p.until(`document.querySelector("#announce").textContent`, "No match fits the filter.")

	p.run(`location.assign("/match/mls-1?kind=red_card"); return "";`)
	p.shows(".filtered", "The filter hides 8 incidents.")
	p.until(`[...document.querySelectorAll(".timeline .what b")].map((e) => e.textContent).join()`, "Red card")
	p.until(`document.querySelector(".timeline li").title + document.querySelectorAll("#open-filter .badge").length`, "1")
	p.run(`document.querySelector("#open-filter").click(); return "";`)
	p.until(`[...document.querySelectorAll("#panel select")].map((e) => e.id).join()`, "set-kind")
	p.enter(".filtered button")
	p.focused("#timeline")
	p.shows(".timeline", "Taken back 43'", "End of 1st half 1–1")
	p.until(`document.querySelector(".timeline .inspect").title`, "How we know this: Red card Igor Bilic")
}

// On a phone, and with large text, no time of a scorer is cut off, no word of a team breaks, and a row of the timeline
// shows the team.
func TestPhone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	clocks := []event.Clock{{Period: "q1", Elapsed: 650}, {Period: "q4", Elapsed: 839}, {Period: "ot1", Elapsed: 556}}
	for n, clock := range clocks {
		s.publish("nfl-1", "american_football.nfl.touchdown", func(d *event.Data) {
			d.League, d.Side, d.Player, d.Clock = "NFL", event.Away, "Otto Brand", &clock
			d.Score = &event.Score{Home: 125, Away: 6 * n}
			d.Match.Home, d.Match.Away = "Golden State Warriors", "Washington Commanders"
		})
	}
	p := s.open("")
	p.resize(320, 800)
	p.shows("[data-match=nfl-1]", "Q1 10:50, Q4 13:59, OT1 09:16")
	p.until(`[...document.querySelectorAll(".card article *")].filter((e) => e.getBoundingClientRect().right >
		e.closest(".card").getBoundingClientRect().right).map((e) => e.outerHTML).join()`, "")
	p.run(`document.querySelector(".cover a").click(); return "";`)
	p.shows(".timeline .owner", "WC")
	const broken = `[...document.querySelectorAll(".versus .name")].flatMap((e) => {
		const node = e.firstChild, range = document.createRange();
		return [...node.data.matchAll(/\S+/g)].filter(({ 0: word, index }) => {
			range.setStart(node, index);
			range.setEnd(node, index + word.length);
			return range.getClientRects().length > 1;
		});
	}).join()`
	p.until(broken, "")
	p.resize(640, 800)
	p.run(`document.documentElement.style.fontSize = "200%"; return "";`)
	p.until(broken, "")
}

// A page with hidden scores does not give away a goal: neither in its title, nor to a screen reader.
func TestHiddenGoal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	p := s.open("match/mls-1?scores=hidden")
	p.shows(".big", "• : •")
	p.run(`window.said = [];
		new MutationObserver(() => said.push(document.querySelector("#announce").textContent))
			.observe(document.querySelector("#announce"), { childList: true, subtree: true, characterData: true });
		Object.defineProperty(document, "hidden", { configurable: true, get: () => true }); return "";`)
	publish := func(key string, change func(*event.Data)) {
		s.publish("mls-1", key, func(d *event.Data) {
			d.League, d.Score = "MLS", &event.Score{Home: 2, Away: 1}
			d.Match.Home, d.Match.Away, d.Match.Start = "New York City FC", "Toronto FC", time.Now().Add(-time.Hour)
			change(d)
		})
	}
	publish("soccer.mls.goal", func(d *event.Data) { d.Side, d.Player = event.Home, "Luca Moro" })
	publish("soccer.mls.match_end", func(d *event.Data) { d.Match.Status = event.Final })
	p.until(`said.join("|")`, "Full time. New York City FC against Toronto FC.")
	p.until(`document.title`, "New York City FC – Toronto FC · matchwire live")
}
