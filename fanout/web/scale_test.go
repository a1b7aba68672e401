package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv/browser"
)

// goalIn publishes a goal of the home side in match n of a season, as the k-th goal.
func goalIn(s *site, n, k int, player string) {
	s.publish(fmt.Sprint("s", n), fmt.Sprintf("soccer.league_%d.goal", n%20), func(d *event.Data) {
		d.League, d.Player, d.Side, d.Team = fmt.Sprint("League ", n%20), player, event.Home, fmt.Sprint("Home ", n)
		d.Match.Home, d.Match.Away, d.Match.Period = fmt.Sprint("Home ", n), fmt.Sprint("Away ", n), "1h"
		d.Score = &event.Score{Home: k}
		d.Clock = &event.Clock{Period: "1h", Minute: min(45, k)}
		d.Match.Clock = *d.Clock
	})
}

// cardIn publishes a yellow card in match n.
func cardIn(s *site, n, k int) {
	s.publish(fmt.Sprint("s", n), fmt.Sprintf("soccer.league_%d.yellow_card", n%20), func(d *event.Data) {
		d.League, d.Player = fmt.Sprint("League ", n%20), fmt.Sprint("Player ", k)
		d.Side, d.Team = event.Away, fmt.Sprint("Away ", n)
		d.Match.Home, d.Match.Away, d.Match.Period = fmt.Sprint("Home ", n), fmt.Sprint("Away ", n), "1h"
		d.Clock = &event.Clock{Period: "1h", Minute: min(45, k)}
		d.Match.Clock = *d.Clock
	})
}

// season publishes matches, each with a goal and some cards.
func season(s *site, matches, incidents int) {
	for n := range matches {
		goalIn(s, n, 1, fmt.Sprint("First ", n))
		for k := range incidents - 1 {
			cardIn(s, n, k+1)
		}
	}
}

// The number of cards that the page renders depends on the number of events, not on the number of matches, and
// a burst appears as a whole. TestScale is the same with times.
func TestManyMatches(t *testing.T) {
	t.Parallel()
	const matches, events, burst = 200, 40, 150
	s := newSite(t)
	season(s, matches, 2)
	p := s.open("")
	p.until(`document.querySelectorAll("main [data-match]").length`, fmt.Sprint(matches))
	p.run(`window.touched = 0; window.added = 0; window.cards = [...document.querySelectorAll("main [data-match]")];
		new MutationObserver((list) => {
			const ids = new Set();
			for (const { target, addedNodes } of list) {
				const at = target.closest ? target : target.parentElement;
				if (!at || at.closest(".chip")) continue; // the clock ticks
				const card = at.closest("main [data-match]");
				if (card) ids.add(card.dataset.match);
				for (const n of addedNodes) if (n.matches?.("[data-match]")) added++;
			}
			touched += ids.size;
		}).observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true, attributes: true });
		return "";`)
	for k := range events {
		goalIn(s, k, 2, fmt.Sprint("Second ", k))
	}
	p.until(`document.querySelector("main").textContent.match(/Second \d+/g)?.length`, fmt.Sprint(events))
	if got := p.run(`return touched + " " + added`); got != fmt.Sprintf("%d 0", events) {
		t.Errorf("%d events changed and added %s cards, want %d and 0", events, got, events)
	}
	for k := range burst {
		goalIn(s, k, 3, fmt.Sprintf("Burst %d.", k))
	}
	p.until(`document.querySelector("main").textContent.match(/Burst \d+\./g)?.length`, fmt.Sprint(burst))
	p.until(`cards.every((c) => c.isConnected)`, "true") // each card kept its place
	order := `[...document.querySelectorAll("main [data-match]")].every((c, n) => c === cards[n])`
	p.until(order, "true")
}

// recorder notes the time of the last frame from the server, and the times between frames on the screen.
const recorder = `window.lastMessage = 0; window.gaps = []; window.recording = false;
const Plain = WebSocket;
window.WebSocket = class extends Plain {
	constructor(...args) { super(...args); this.addEventListener("message", () => { lastMessage = performance.now(); }); }
};
let before = 0;
const frame = (now) => {
	if (recording && before) gaps.push(now - before);
	before = recording ? now : 0;
	requestAnimationFrame(frame);
};
requestAnimationFrame(frame);`

// metrics returns the metrics of the browser.
func (p page) metrics() map[string]float64 {
	p.Helper()
	all, err := chromedp.Run(p.ctx, func(ctx context.Context, t *chromedp.Target) (map[string]float64, error) {
		got, err := cdp.Call(ctx, t, performance.GetMetrics, cdp.Empty{})
		if err != nil {
			return nil, err
		}
		all := map[string]float64{}
		for _, m := range got.Metrics {
			all[m.Name] = m.Value
		}
		return all, nil
	})
	if err != nil {
		p.Fatal(err)
	}
	return all
}

// heap returns the size of the JavaScript heap in bytes after a garbage collection.
func (p page) heap() float64 {
	p.Helper()
	n, err := chromedp.Run(p.ctx, func(ctx context.Context, t *chromedp.Target) (float64, error) {
		if _, err := cdp.Call(ctx, t, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
			return 0, err
		}
		got, err := cdp.Call(ctx, t, runtime.GetHeapUsage, cdp.Empty{})
		if err != nil {
			return 0, err
		}
		return got.UsedSize, nil
	})
	if err != nil {
		p.Fatal(err)
	}
	return n
}

// measured opens a page in a browser that measures frames and scripts.
func measured(t *testing.T, url string) page {
	t.Helper()
	p := page{t, browser.Open(t, "about:blank")}
	err := chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, performance.Enable,
			performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
		if err == nil {
			_, err = cdp.Call(ctx, target, cdppage.AddScriptToEvaluateOnNewDocument,
				cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: recorder})
		}
		return err
	}), chromedp.EmulateViewport(1280, 900), chromedp.Navigate(url))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// firstPaint says when the first match was painted, and how much was transferred.
func (p page) firstPaint() string {
	p.Helper()
	return p.run(`const mark = performance.getEntriesByName("matches")[0];
		const page = performance.getEntriesByType("navigation")[0];
		const bytes = performance.getEntriesByType("resource").reduce((n, e) => n + e.transferSize, page.transferSize);
		return "first match painted " + (mark ? (mark.startTime - page.responseEnd).toFixed(0) : "?") +
			" ms after the document, " + (bytes / 1024).toFixed(1) + " KB transferred"`)
}

// TestScale measures the page with 500 matches and 50 events per second, and prints the figures. It runs
// only if the environment variable MATCHWIRE_SCALE is full, as in make page. To measure another version
// of the page, set MATCHWIRE_PAGE to the folder with its files.
func TestScale(t *testing.T) {
	if os.Getenv("MATCHWIRE_SCALE") != "full" {
		t.Skip("MATCHWIRE_SCALE is not full")
	}
	const matches, rate = 500, 50
	day := newSite(t)
	matchDay(day)
	p := measured(t, day.url)
	p.until(`performance.getEntriesByName("matches").length > 0 || !!document.querySelector("main .match")`, "true")
	t.Logf("12 matches: %s", p.firstPaint())
	s := newSite(t)
	season(s, matches, 20)
	p = measured(t, s.url)
	p.until(`document.querySelectorAll("main [data-match], main .match").length`, fmt.Sprint(matches))
	t.Logf("%d matches: %s", matches, p.firstPaint())
	k := 1
	steady := func(d time.Duration) {
		tick := time.NewTicker(time.Second / rate)
		defer tick.Stop()
		for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
			k++
			if k%5 == 0 {
				goalIn(s, k*7%matches, 1+k/100, fmt.Sprint("Player ", k))
			} else {
				cardIn(s, k*7%matches, k%40)
			}
		}
	}
	steady(5 * time.Second)
	early := p.heap()
	for range 5 { // a garbage collection makes a frame long, so no frame is recorded then
		p.run(`await new Promise((r) => setTimeout(r, 500)); recording = true; return "";`)
		steady(5 * time.Second)
		p.run(`recording = false; return "";`)
		t.Logf("heap after collection: %.1f MB", p.heap()/1e6)
	}
	var gaps []float64
	if err := json.Unmarshal([]byte(p.run(`return JSON.stringify(gaps)`)), &gaps); err != nil {
		t.Fatal(err)
	}
	late := p.heap()
	slow := 0
	for _, gap := range gaps {
		if gap > 50 {
			slow++
		}
	}
	slices.Sort(gaps)
	t.Logf("%d matches, %d events/s: %d frames, %.2f %% over 50 ms, median %.1f ms, 99th percentile %.1f ms",
		matches, rate, len(gaps), 100*float64(slow)/float64(len(gaps)), gaps[len(gaps)/2], gaps[len(gaps)*99/100])
	t.Logf("heap after collection: %.1f MB at 5 s, %.1f MB at 30 s, ratio %.3f", early/1e6, late/1e6, late/early)
	time.Sleep(2 * time.Second)
	var scripting []float64
	for i := range 40 {
		before := p.metrics()["ScriptDuration"]
		goalIn(s, i, 50+i, fmt.Sprint("Single ", i))
		time.Sleep(150 * time.Millisecond)
		scripting = append(scripting, 1000*(p.metrics()["ScriptDuration"]-before))
	}
	slices.Sort(scripting)
	t.Logf("scripting of one event, in processor time: median %.2f ms, 90th percentile %.2f ms",
		scripting[20], scripting[36])
	p.run(`window.shownAt = 0; const check = setInterval(() => {
		const bursts = document.querySelector("main").textContent.match(/Burst \d+\./g);
		if (new Set(bursts).size === 300) { shownAt = performance.now(); clearInterval(check); }
	}, 20); return "";`)
	for i := range 300 {
		goalIn(s, i, 100, fmt.Sprintf("Burst %d.", i))
		time.Sleep(10 * time.Millisecond)
	}
	for end := time.Now().Add(8 * time.Minute); p.run(`return shownAt ? "yes" : ""`) == "" && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("300 goals in 3 s: on the page %s ms after the last frame",
		p.run(`return shownAt ? (shownAt - lastMessage).toFixed(0) : "more than 480000"`))
}
