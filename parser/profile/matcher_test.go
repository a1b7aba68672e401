package profile_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/profiles"
)

// checkMatcher compares a matcher, which uses the index, with cascadia, which does not. It searches
// below one node, and returns the number of elements that match.
func checkMatcher(t *testing.T, doc *goquery.Document, m goquery.Matcher, text string, below *html.Node) int {
	t.Helper()
	group, err := cascadia.ParseGroup(text)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(cascadia.QueryAll(below, group),
		func(n *html.Node) bool { return n.Type != html.ElementNode })
	in := doc.FindNodes(below)
	if below == doc.Get(0) {
		in = doc.Selection
	}
	got := in.FindMatcher(m)
	if !slices.Equal(got.Nodes, want) {
		t.Errorf("%q below %s: %d elements, want cascadia's %d", text, goquery.NodeName(in), got.Length(), len(want))
	}
	first := in.FindMatcher(goquery.SingleMatcher(m)).First()
	if first.Length() != min(1, len(want)) || len(want) > 0 && first.Get(0) != want[0] {
		t.Errorf("%q below %s: the first element differs from cascadia's, want the same", text, goquery.NodeName(in))
	}
	if got := in.FilterMatcher(m).Length() == 1; got != (below.Type == html.ElementNode && group.Match(below)) {
		t.Errorf("%q matches %s itself: got %t, want %t", text, goquery.NodeName(in), got, !got)
	}
	return len(want)
}

// samplePages returns the name of the profile of each sample page, by the path of the page.
func samplePages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	samples, err := fs.Glob(profiles.FS, "*/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range samples {
		pages[filepath.Join("../../profiles", file)] = filepath.Dir(file)
	}
	if dir := testenv.Pages("../.."); dir != "" { // add captured pages
		for file, name := range map[string]string{
			"soccer/abseits-sunderland-bournemouth.html": "abseits", "soccer/fbref-liverpool-bournemouth.html": "fbref",
			"hockey/hockeyref-ari-van-20200304.html": "hockey-reference", "soccer/bbc-scores-20260719.html": "bbc-scores",
			"soccer/flashscore-mobi-20260719.html": "flashscore-mobi", "cricket/cricinfo-rcb-srh-2020.html": "cricinfo",
		} {
			pages[filepath.Join(dir, file)] = name
		}
	}
	return pages
}

// On each sample page, every selector of the shipped profiles finds the same elements as cascadia.
// For the selectors of the page's profile, the same is true of searches below single elements.
func TestMatcherOfEveryProfile(t *testing.T) {
	t.Parallel()
	lib := parsertest.Library(t)
	all := map[string]bool{}
	for _, p := range lib {
		for _, text := range p.Selectors() {
			all[text] = true
		}
	}
	selectors := slices.Sorted(maps.Keys(all))
	for file, name := range samplePages(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			doc, matchers, err := profile.Matchers(body, selectors...)
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for i, m := range matchers {
				found += checkMatcher(t, doc, m, selectors[i], doc.Get(0))
			}
			if found == 0 && len(lib[name].Selectors()) > 0 {
				t.Error("no selector finds an element, want at least one")
			}
			elements := doc.Find("*").Nodes
			for i := 0; i < len(elements); i += max(1, len(elements)/50) {
				for _, text := range lib[name].Selectors() {
					checkMatcher(t, doc, matchers[slices.Index(selectors, text)], text, elements[i])
				}
			}
		})
	}
}

// rewritten matches the parts of a selector that cascadia does not support, or understands
// differently. TestCaseSelectorsOfTheStandard and TestScopeIsTheRow test these parts.
var rewritten = regexp.MustCompile(`(?i):(has|is|where|scope)\b`)

// FuzzMatcher compares the matcher with cascadia for any selector that cascadia supports, and any
// page.
func FuzzMatcher(f *testing.F) {
	page := `<html><body class="b"><p class="home big">A</p><p class=away>B</p>
<div id=c><h3>x</h3><i data-k=1>one</i><i class="big k">two</i></div>
<ul class=list><li class=ev>u1</li></ul><ol><LI CLASS="ev last ev">o1<ul><li id=c></ul></LI></ol>
<svg><use xlink:href="#ball"></use><foreignObject/></svg><!-- <b> --></body></html>`
	for _, selector := range []string{"li", "ol > li, ul > li", "ol > *", "[data-k]", ".ev, h3", "#c > :not(h3)", "#c",
		".big", ".k.big", "i.big", `use[href="#ball"]`,
		".ev:not(.last)", "div :nth-child(2)", "li:contains('o1')", ":contains('o1')", ":matches(o)", "body > *", ".none",
		"LI", "ul.list li", "ul:haschild(li)",
		"h3 + i", "h3 ~ i", "html", "html:root", ":root", "*", "\\6c i", "foreignObject", "li.last", `[class="ev, last"] li`,
		":lang(en)"} {
		f.Add(selector, []byte(page), uint16(7))
	}
	for _, p := range parsertest.Library(f) {
		for _, text := range p.Selectors() {
			f.Add(text, []byte(page), uint16(3))
		}
	}
	f.Fuzz(func(t *testing.T, text string, body []byte, at uint16) {
		if len(text) > 200 || len(body) > 10_000 || strings.Count(text, ":") > 5 {
			t.Skip("nested selectors on a large page are too slow")
		}
		if rewritten.MatchString(text) {
			t.Skip("cascadia does not support the selector")
		}
		doc, matchers, err := profile.Matchers(body, text)
		if err != nil {
			t.Skip("not a selector, or not a page")
		}
		checkMatcher(t, doc, matchers[0], text, doc.Get(0))
		if elements := doc.Find("*").Nodes; len(elements) > 0 {
			checkMatcher(t, doc, matchers[0], text, elements[int(at)%len(elements)])
		}
	})
}
