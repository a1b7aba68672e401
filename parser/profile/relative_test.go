package profile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/parser/profile"
)

// Modern CSS selectors match the same elements as in a browser.
func TestCaseSelectorsOfTheStandard(t *testing.T) {
	t.Parallel()
	const body = `<html><body><div id=ev>
		<div id=a><i>x</i><s>y</s></div>
		<div id=b><p><i>x</i></p></div>
		<div id=c class=k><p><b>z</b><i>x</i></p><s>:has(> i)</s></div>
		<div id=d>,<div id=e><u><i>x</i></u></div></div>
	</div></body></html>`
	for selector, want := range map[string]string{
		"div:has(> i)":                     "a",
		"#ev div:has(>i)":                  "a",
		"div:has(> p > i)":                 "b c",
		"div:has(> p i)":                   "b c",
		"div:has(> p > b + i)":             "c",
		"div:has(> p > b ~ i)":             "c",
		"div:has(> p + s)":                 "c",
		"#ev > div:has(i)":                 "a b c d",
		"#ev > div:has(> i, > p)":          "a b c",
		"#ev > div:has(> i, u)":            "a d",
		"#ev > div:not(:has(> i))":         "b c d",
		"#ev > div:not(:has(> i, > p))":    "d",
		"div:has(> p:has(> b))":            "c",
		"div:has(> :is(p, i))":             "a b c",
		"div:has(div > u)":                 "ev d", // the div in :has must be below the element, so e does not match
		"div:has(div u)":                   "ev d",
		"#ev > div:has(> s:contains('>'))": "c",
		"div.k:HAS(> s)":                   "c",
		"#ev > :is(#a, .k)":                "a c",
		"#ev > :where(#a, .k):has(> p)":    "c",
		"#ev > :not(:is(#a, .k))":          "b d",
		"#a:has(> i), #b:has(> p)":         "a b",
		"div:haschild(p)":                  "b c",
		"div:has(> i:nth-child(1))":        "a",
		`div:has(> [class="x,>y"], > i)`:   "a",
	} {
		html, matchers, err := profile.Matchers([]byte(body), selector)
		if err != nil {
			t.Errorf("%s: error %v", selector, err)
			continue
		}
		var got []string
		for _, n := range html.FindMatcher(matchers[0]).EachIter() {
			got = append(got, n.AttrOr("id", "?"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: elements %v, want %s", selector, got, want)
		}
	}
}

// A selector that is invalid or not supported is an error. If there is an alternative, the error
// suggests it.
func TestSelectorErrors(t *testing.T) {
	t.Parallel()
	for selector, want := range map[string]string{
		"div:has(+ i)":      `:has(+ i) is not supported: select the sibling itself, as in "a + i"`,
		"div:has(> i ~)":    `selector "div:has(> i ~)"`,
		"p:not(:has(~ i))":  "select the sibling itself",
		"div:has()":         ":has() lacks a selector",
		"div:has(>)":        ":has() lacks a selector",
		"div:has(a, )":      ":has() lacks a selector",
		"div:has(> i":       `selector "div:has(> i"`,
		"div:is(":           `selector "div:is("`,
		"div:nth-child(2n+": `selector "div:nth-child(2n+"`,
		"div:has(> '":       `selector "div:has(> '"`,
	} {
		_, err := profile.Load(
			"x.yaml",
			[]byte(fmt.Sprintf("profile: x\nsport: soccer\nmatch:\n  home: %q\n  away: u\n", selector)),
		)
		if err == nil || !strings.Contains(err.Error(), "x.yaml:4:9: match.home: selector ") ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want line 4 and %s", selector, err, want)
		}
	}
}
