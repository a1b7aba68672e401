package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/event"
)

// hostileTexts returns 200 texts that would run a script or break the layout if a page showed them as markup.
// Each script would set window.ran.
func hostileTexts() (all []string) {
	forms := []string{
		`<script>window.ran=%d</script>`, `<img src=x onerror=window.ran=%d>`, `<svg onload=window.ran=%d>`,
		`"><b onmouseover=window.ran=%d autofocus>`,
		`javascript:window.ran=%d`, `<iframe srcdoc="<script>parent.ran=%d</script>">`, `' onfocus='window.ran=%d`,
		`</title><script>window.ran=%d</script>`,
		`<!--<img src=--><img src=x onerror=window.ran=%d//>`, `<math><mi xlink:href="javascript:ran=%d">`,
		`<style>*{display:none}/*%d*/</style>`, `<base href=//evil.example/%d>`,
		`<meta http-equiv=refresh content="0;url=//evil.example/%d">`, `<form action=//evil.example/%d><input type=submit>`,
		`</span></li></main>%d`, `${window.ran=%d}`,
		"\u202e%d\u202d evil", "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309%d",
		"\u200b\u200b\u200b%d\ufeff", strings.Repeat("W", 300) + "%d",
		strings.Repeat("无", 200) + "%d", "line\nbreak\ttab\r%d", `\u003cscript\u003ewindow.ran=%d\u003c/script\u003e`,
		`&lt;script&gt;window.ran=%d&lt;/script&gt;`, `{{constructor.constructor('ran=%d')()}}`,
	}
	for n := range 200 {
		all = append(all, fmt.Sprintf(forms[n%len(forms)], n))
	}
	return all
}

// Hostile texts in every text of an event appear as text, in the list and in the view of a match. None of them
// runs, loads anything, adds an element or makes the page wider than the window.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	texts := hostileTexts()
	for n, x := range texts {
		fill := func(d *event.Data) {
			d.League, d.LeagueKey, d.Team, d.Player, d.Opponent, d.Time = x, "l", x, x, x, x
			d.Detail, d.Off, d.Assist, d.Reason = x, x, x, x
			d.Side, d.Score = event.Home, &event.Score{Home: 1}
			d.Match.Home, d.Match.Away, d.Match.Period = x, x, event.Period(x)
			d.Match.Stale = &event.Stale{Reason: x}
			d.Clock = &event.Clock{Period: event.Period(x)}
			d.Winner, d.DecidedBy = event.Winner(x), event.Decision(x)
			d.Match.Situation = &event.Situation{}
		}
		id := fmt.Sprint("h", n)
		s.publish(id, "soccer.l.goal", fill)
		s.publish(id, "soccer.l.goal_corrected", func(d *event.Data) {
			fill(d)
			d.Incident, d.Action, d.Rev = id+"/1", event.Corrected, 2
			d.Changes = map[string]event.Change{"player": {Old: x, New: x}, "detail": {Old: x, New: x + "!"}}
		})
		s.publish(id, "soccer.l.goal", fill)
		s.publish(id, "soccer.l.goal_retracted", func(d *event.Data) {
			fill(d)
			d.Incident, d.Action, d.Rev = id+"/3", event.Retracted, 2
		})
		s.publish(id, "soccer.l.lineup", func(d *event.Data) {
			fill(d)
			d.Lineup = &event.Lineup{Formation: x, Coach: x, Players: []event.LineupPlayer{{Name: x, Number: x, Position: x}}}
		})
	}
	p := s.open("")
	p.run(`window.violations = [];
		document.addEventListener("securitypolicyviolation",
			(e) => violations.push(e.violatedDirective + " " + e.blockedURI));
		return "";`)
	p.until(`document.querySelectorAll("main [data-match]").length`, fmt.Sprint(len(texts)))
	strange := `[...document.querySelectorAll("body *")].filter((e) => ![
			"A", "ARTICLE", "ASIDE", "B", "BUTTON", "CAPTION", "CODE", "DD", "DIV", "DL", "DT", "FIGCAPTION", "FIGURE",
			"FOOTER", "H1", "H2", "H3", "H4", "H5", "HEADER", "IMG", "INPUT", "INS", "LABEL", "LI", "MAIN", "NAV",
			"NOSCRIPT", "OL", "OPTION", "P", "S", "SECTION", "SELECT", "SMALL", "SPAN", "TABLE", "TBODY", "TD", "TH",
			"THEAD", "TR", "UL"
		].includes(e.tagName) && !e.closest("svg.icon")).map((e) => e.outerHTML.slice(0, 80)).join() +
		"; images " + document.querySelectorAll("img").length +
		"; handlers " + [...document.querySelectorAll("*")]
			.filter((e) => [...e.attributes].some((a) => a.name.startsWith("on"))).length +
		"; ran " + window.ran + "; violations " + violations.join() +
		"; too wide " + (document.documentElement.scrollWidth > innerWidth)`
	const want = "; images 1; handlers 0; ran undefined; violations ; too wide false"
	for _, width := range []int{320, 1280} {
		p.resize(width, 900)
		if got := p.run("return " + strange); got != want {
			t.Errorf("at %d pixels, the list has the elements %s, want %s", width, got, want)
		}
	}
	p.resize(320, 900)
	bad := p.run(`const bad = [];
		for (let n = 0; n < ` + fmt.Sprint(len(texts)) + `; n++) {
			history.pushState(null, "", "/match/h" + n);
			dispatchEvent(new PopStateEvent("popstate"));
			await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
			if (document.querySelector(".match")?.dataset.match !== "h" + n) bad.push("h" + n + " has no view");
			const got = ` + strange + `;
			if (got !== "` + want + `") bad.push("h" + n + ": " + got);
		}
		return bad.slice(0, 5).join("\n");`)
	if bad != "" {
		t.Errorf("views of matches: %s", bad)
	}
	shown := p.run(`history.pushState(null, "", "/match/h0"); dispatchEvent(new PopStateEvent("popstate"));
		await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
		return document.querySelector(".match").textContent`)
	if n := strings.Count(shown, texts[0]); n < 10 {
		t.Errorf("the view of a match shows a hostile text %d times, want at least 10", n)
	}
}
