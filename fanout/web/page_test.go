package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
)

// TestLook keeps screenshots of the views and the states of the page.
func TestLook(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("")
	p.resize(1280, 900)
	p.shows("main", "No matches yet")
	p.shot("empty")
	matchDay(s)
	p.shows("[data-match=mls-1] .goals", "1|1")
	p.shows("[data-match=urc-1]", "Leinster")
	p.shot("list-1280-light")
	p.media("prefers-color-scheme", "dark")
	p.shot("list-1280-dark")
	p.resize(320, 800)
	p.shot("list-320-dark")
	p.media("forced-colors", "active")
	p.shot("list-320-forced")
	p.media("forced-colors", "none")
	p.shot("list-320-light")
	p.run(`document.querySelector("[data-match=mls-1] .cover a").click(); return "";`)
	p.shows("main", "Taken back 43'")
	p.shot("match-320")
	p.resize(1280, 1100)
	p.shot("match-soccer")
	p.run(`history.back(); return "";`)
	p.shows("main", "NBA")
	p.run(`document.querySelector("[data-match=nba-1] .cover a").click(); return "";`)
	p.shows("main", "Lead over time")
	p.shot("match-basketball")
	p.run(`history.back(); return "";`)
	p.shows("main", "NBA")
	p.run(`document.querySelector("#open-filter").click(); return "";`)
	p.shot("filter")
	p.run(`document.querySelector("#open-settings").click(); return "";`)
	p.shot("settings")
	p.run(`const e = document.querySelector("#set-scores"); e.click(); return "";`)
	p.shows("[data-match=mls-1] .goals", "•")
	p.shot("hidden-scores")
	s.stop()
	p.shows("#state", "Connection lost")
	p.until(`getComputedStyle(document.querySelector("main")).filter`, "grayscale(1)")
	p.shot("offline")
}

// A goal, a correction, a retraction and a stale source are on the page as soon as their events. If the
// connection is lost, the page says so. After it has reconnected, it marks what was missed.
func TestLivePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	goal := func(player string, side event.Side, home, away int) func(*event.Data) {
		return func(d *event.Data) {
			d.Player, d.Side, d.Score = player, side, &event.Score{Home: home, Away: away}
			d.Clock = &event.Clock{Period: "1h", Minute: 14}
			d.Match.Home, d.Match.Away = "New York City FC", "Toronto FC"
		}
	}
	s.publish("m1", "soccer.mls.goal", goal("Sebastian <b>Reyes</b>", event.Away, 0, 1))
	p := s.open("match/m1")
	p.shows("#state", "Live")
	p.shows(".big", "0 : 1")
	p.shows(".timeline", "14'", "Goal Sebastian <b>Reyes</b>", "0–1") // a name is never markup
	s.publish("m1", "soccer.mls.goal", goal("Luca Moro", event.Home, 1, 1))
	p.shows(".big", "1 : 1")
	s.publish("m1", "soccer.mls.goal_corrected", func(d *event.Data) {
		goal("Ben Ash", event.Home, 1, 1)(d)
		d.Incident, d.Action, d.Rev = "m1/2", event.Corrected, 2
		d.Changes = map[string]event.Change{"player": {Old: "Luca Moro", New: "Ben Ash"}}
	})
	p.shows(".timeline", "Goal Ben Ash", "Corrected Scorer: Luca Moro → Ben Ash")
	s.publish("m1", "soccer.mls.source_stale", func(d *event.Data) {
		goal("", "", 1, 1)(d)
		d.Incident = ""
		d.Match.Stale = &event.Stale{Since: time.Now(), Reason: "the site answered 403 Forbidden"}
	})
	p.shows(".hero", "No news from the source since", "the site answered 403 Forbidden")

	s.stop()
	p.shows("#state", "Connection lost")
	p.shows("#offline", "Offline since")
	s.publish("m1", "soccer.mls.goal_retracted", func(d *event.Data) {
		goal("Ben Ash", event.Home, 0, 1)(d)
		d.Incident, d.Action = "m1/2", event.Retracted
		d.Reason, d.Match.Clock = "the page no longer shows the goal", event.Clock{Period: "1h", Minute: 27}
	})
	s.publish("m1", "soccer.mls.red_card", goal("Igor Bilic", event.Away, 0, 1))
	s.start()
	p.shows("#state", "Live")
	p.shows(".big", "0 : 1")
	p.shows(".timeline s", "Goal Ben Ash")
	p.shows(".timeline", "Taken back 27'", "Reason: the page no longer shows the goal")
	p.shows(".timeline .red_card", "while you were offline")
	p.shows("#missed", "2 events while you were offline, in 1 match")
	p.until(`document.querySelector("#announce").textContent`, "2 events while you were offline, in 1 match")
	if got := p.text(".hero .warn"); got != "" {
		t.Errorf("the page shows %q, want nothing after the source became fresh again", got)
	}
	p.run(`document.querySelector("#missed button").click(); return "";`)
	p.until(`document.querySelector("#missed") === null && !document.querySelector(".m-missed")`, "true")
	before := p.text(".timeline")
	p.run(`window.old = true; location.reload(); return "";`)
	p.until(`!window.old && !!document.querySelector(".timeline s")`, "true")
	if got := p.text(".timeline"); got != before { // a snapshot has the corrections and the retractions too
		t.Errorf("after a reload, the timeline is %q, want %q", got, before)
	}
	if n := strings.Count(p.text(".timeline"), "Goal"); n != 2 {
		t.Errorf("the timeline names %d goals, want 2", n)
	}
}

// An event changes only the card of its match.
func TestOneEventChangesOneCard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	p := s.open("")
	p.shows("[data-match=urc-1]", "Leinster")
	p.run(`window.changed = new Set();
		new MutationObserver((list) => { for (const { target } of list) {
			const card = (target.closest ? target : target.parentElement)?.closest("main [data-match]");
			const clock = (target.closest ? target : target.parentElement)?.closest(".chip");
			if (card && !clock) changed.add(card.dataset.match);
			else if (!clock && target.nodeType === 1 && target.closest("main")) changed.add("the list");
		} }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
		window.cards = [...document.querySelectorAll("main [data-match]")];
		return "";`)
	s.publish("mls-1", "soccer.mls.goal", func(d *event.Data) {
		d.League, d.Player, d.Side, d.Score = "MLS", "Luca Moro", event.Home, &event.Score{Home: 2, Away: 1}
		d.Match.Home, d.Match.Away, d.Match.Period = "New York City FC", "Toronto FC", "2h"
		d.Match.Start = time.Now().Add(-time.Hour).Truncate(time.Minute)
	})
	p.shows("[data-match=mls-1] .goals", "2|1")
	if got := p.run(`return [...changed].join()`); got != "mls-1" {
		t.Errorf("the event changed %q, want the card of mls-1 only", got)
	}
	p.until(`cards.every((c) => c.isConnected)`, "true")
}

// The page shows the names in the definition of a sport, and no symbol of another sport. A sport can be defined after
// the server has started.
func TestDefinedSport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	err := event.Define(event.Definition{Name: "beach_handball", Periods: []event.Period{"1h", "ht", "2h"},
		Counts: event.Goals, Kinds: map[event.Kind][]int{"two_minutes": nil},
		Names: map[string]string{"two_minutes": "two-minute suspension", "1h": "first set"}})
	if err != nil {
		t.Fatal(err)
	}
	at := func(d *event.Data) {
		d.Side, d.Player, d.Score = event.Home, "Ann Vik", &event.Score{Home: 1}
		d.Clock, d.Match.Home, d.Match.Away = &event.Clock{Period: "1h", Minute: 3}, "Oslo", "Split"
	}
	s.publish("bh-1", "beach_handball.ehf.period_start", at)
	s.publish("bh-1", "beach_handball.ehf.goal", at)
	s.publish("bh-1", "beach_handball.ehf.two_minutes", at)
	p := s.open("match/bh-1")
	p.shows(".timeline", "First set", "Goal Ann Vik", "Two-minute suspension Ann Vik")
	p.until(`document.querySelectorAll(".timeline .goal svg path.fill").length`, "0") // soccer's ball has a filled path
}

// In a timeline, the badges of the teams are in one column, whether a row has a score or not.
func TestBadgesInOneColumn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	p := s.open("match/mls-1")
	p.shows(".timeline", "Yellow card", "1–1")
	p.until(`new Set([...document.querySelectorAll(".timeline .owner")].map((e) =>
		Math.round(e.getBoundingClientRect().left))).size`, "1")
}

// Parameters in the URL that the page does not know have no effect.
func TestUnknownParameters(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	p := s.open("?fbclid=x%3Cscript%3E&utm_source=mail&sort=nonsense&delay=-3&kind=&lang=xx")
	p.shows("#state", "Live")
	p.shows("[data-match=mls-1] .goals", "1|1")
	p.until(`new URLSearchParams(location.search).get("fbclid")`, "x<script>")
}

// The filters and the settings are in the URL, and the browser remembers them.
func TestSettingsInURL(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	matches := `[...document.querySelectorAll("main [data-match]")].map((e) => e.dataset.match).join()`
	p := s.open("?sport=basketball,rugby")
	p.until(matches, "nba-1,urc-1")
	visit := func(query string) {
		t.Helper()
		p.run(`localStorage.clear(); location.assign("/` + query + `"); return "";`)
		p.until(`location.search === "`+query+`" && document.readyState`, "complete")
		p.shows("#state", "Live")
	}
	visit("?league=Premier+League")
	p.until(matches, "epl-1")
	visit("?team=toronto+fc")
	p.until(matches, "mls-1")
	visit("?kind=red_card")
	p.until(matches, "mls-1")
	visit("?q=leinster+munster")
	p.until(matches, "urc-1")
	visit("?sport=soccer&live=true&sort=name")
	p.until(matches, "mls-3,mls-1")
	visit("?sport=rugby&pin=urc-1&pin=mls-1")
	p.shows("section h2", "Pinned")
	visit("?scores=hidden&lang=de&time=24")
	p.shows("[data-match=mls-1] .goals", "•")
	p.shows("main", "Fußball", "Spielstand zeigen")
	if got := p.text("main"); strings.Contains(got, "Reyes") {
		t.Error("a page with hidden scores names a scorer")
	}
	p.run(`document.querySelector("[data-match=nba-1] .pin").click(); return "";`)
	p.until(`new URLSearchParams(location.search).get("pin")`, "nba-1")
	p.run(`location.assign("/"); return "";`)
	p.until(`new URLSearchParams(location.search).get("pin") + document.readyState`, "nba-1complete")
	p.shows("[data-match=mls-1] .goals", "•")
}
