package web_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
)

// With a delay, the page shows an event only after the delay, and its clock is behind.
func TestDelay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	matchDay(s)
	p := s.open("?delay=3")
	p.resize(1280, 3000) // the browser does not render cards outside the window
	p.shows("#state", "3 s behind")
	p.shows("[data-match=mls-1] .goals", "1|1")
	p.run(`window.shownAfter = 0; return "";`)
	before := time.Now()
	s.publish("new-1", "soccer.mls.goal", func(d *event.Data) { d.League, d.Score = "MLS", &event.Score{Home: 1} })
	p.shows("[data-match=new-1] .goals", "1|0")
	if took := time.Since(before); took < 3*time.Second {
		t.Errorf("the event was on the page after %v, want at least the delay of 3 s", took)
	}
	p.run(`document.querySelector("#open-settings").click(); return "";`)
	p.shows("#panel", "Delay")
	p.run(`const e = document.querySelector("#set-delay"); e.value = "0";
		e.dispatchEvent(new Event("change")); return "";`)
	p.until(`new URLSearchParams(location.search).get("delay")`, "null")
	p.until(`document.querySelector("#state").innerText`, "Live")
	p.shows("[data-match=new-1] .goals", "1|0")
}

// Watch again plays the events back from the chosen time, and returns to the live stream.
func TestWatchAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	began := time.Now().Add(-10 * time.Minute)
	for n := range 3 {
		s.publishAt(began.Add(time.Duration(n)*2*time.Minute), "m1", "soccer.mls.goal", func(d *event.Data) {
			d.League, d.Player, d.Side, d.Score = "MLS", fmt.Sprint("Scorer ", n), event.Home, &event.Score{Home: n + 1}
			d.Match.Start = began
		})
	}
	p := s.open("match/m1?from=" + url.QueryEscape(began.Add(time.Minute).UTC().Format(time.RFC3339)) + "&speed=1")
	p.shows("#state", "Watching again")
	p.shows(".big", "1 : 0")
	p.run(`const e = document.querySelector("#speed"); e.value = "300"; e.dispatchEvent(new Event("change")); return "";`)
	p.shows(".big", "3 : 0")
	p.shows(".timeline", "Scorer 2")
	p.run(`const e = document.querySelector("#scrub");
		e.value = String(Date.parse("` + began.Add(3*time.Minute).UTC().Format(time.RFC3339) + `"));
		const s = document.querySelector("#speed"); s.value = "1";
		s.dispatchEvent(new Event("change")); e.dispatchEvent(new Event("change")); return "";`)
	p.shows(".big", "2 : 0")
	p.run(`[...document.querySelectorAll(".watch button")].at(-1).click(); return "";`)
	p.shows("#state", "Live")
	p.shows(".big", "3 : 0")
	p.until(`new URLSearchParams(location.search).has("from")`, "false")
	p.run(`document.querySelector("#open-settings").click(); return "";`)
	p.shows("#panel", "Watch again")
	p.run(`document.querySelector("#watch").click(); return "";`)
	p.shows("#state", "Watching again")
	p.until(`new URLSearchParams(location.search).get("from")`, began.UTC().Truncate(time.Second).Format(time.RFC3339))
}
