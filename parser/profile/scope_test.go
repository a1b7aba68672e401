package profile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// nestedPage has a table of incidents in a cell of a layout table.
const nestedPage = `<html><body><table><tr><td class=nav>menu</td><td class=main>
	<h1>Ayr</h1><h2>Raith</h2>
	<table class=ev>
		<tr><td><b>Main</b><i>5'</i></td><td></td></tr>
		<tr><td></td><td><b>Gold</b><i>9'</i></td></tr>
	</table></td></tr></table></body></html>`

// In a selector on a row, :scope is the row. Without :scope, parts of a selector can match
// ancestors of the row.
func TestScopeIsTheRow(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ home, away, want string }{
		{":scope > td:first-child b", ":scope > td:last-child b", "home away"},
		{":scope > td:nth-child(1) > b", ":SCOPE>td:nth-child(2) > b", "home away"},
		{"tr:scope > td:first-child:has(b)", ":scope > td + td b", "home away"},
		{":scope:has(> td:first-child > b)", ":scope:not(:has(> td:first-child > b))", "home away"},
		{":is(:scope > td):first-child b", "b", "home away"},
		{"td:last-child b", "td:first-child b", "home home"}, // td:last-child also matches td.main
	} {
		p := load(t, fmt.Sprintf(`
profile: x
sport: soccer
match: {home: h1, away: h2}
incidents:
  - rows: .ev tr
    kind: {value: goal}
    side: {when: {home: %q, away: %q}}
    player: b
    clock: i
`, tc.home, tc.away))
		all, _, err := p.Extract(t.Context(), page.Page{Body: []byte(nestedPage)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, in := range all[0].Incidents {
			got = append(got, string(in.Side))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s and %s: sides %v, want %s", tc.home, tc.away, got, tc.want)
		}
	}
}

// On the whole page, :scope is the root element. In a selector inside a match, such as the selector
// for incidents, :scope is the element of the match. With siblings: true, :scope is an element that
// contains the match and its siblings. The text ":scope" in an attribute value is not replaced.
func TestScopeOfOtherSearches(t *testing.T) {
	t.Parallel()
	const body = `<html><body><div class=m id=a><p>Ayr</p><p>Raith</p><ul><li>A</li></ul></div>` +
		`<div class=m id=b><div><p>no</p></div><p>Hearts</p><p>Hibs</p><ul><li>B</li></ul></div>` +
		`<h4 title=":scope">c</h4><p>Alloa</p><p>Clyde</p></body></html>`
	lists := load(t, `
profile: x
sport: soccer
matches: .m
match: {home: ':scope > p', away: ':scope > p + p', id: {attr: id}}
incidents:
  - {rows: ':scope > ul li', kind: {value: yellow_card}, side: {value: home}, player: {own: true}}
`)
	all, problems, err := lists.Extract(t.Context(), page.Page{Body: []byte(body)})
	if err != nil || len(all) != 2 || all[0].Match.Home != "Ayr" || all[1].Match.Home != "Hearts" ||
		len(all[0].Incidents) != 1 || all[1].Incidents[0].Player != "B" {
		t.Errorf("observations %+v, problems %v, error %v, want Ayr and Hearts with a card each", all, problems, err)
	}
	flat := load(t, `
profile: x
sport: soccer
matches: {css: ':scope > body > h4', siblings: true}
match: {home: ':scope > p', away: ':scope > p + p', league: {css: 'h4[title=":scope"]'}}
`)
	all, problems, err = flat.Extract(t.Context(), page.Page{Body: []byte(body)})
	if err != nil || len(all) != 1 || all[0].Match.Away != "Clyde" || all[0].League != "c" {
		t.Errorf("observations %+v, problems %v, error %v, want Alloa v Clyde in league c", all, problems, err)
	}
}

// The error for a selector that begins with a combinator suggests :scope.
func TestSelectorBeginsWithACombinator(t *testing.T) {
	t.Parallel()
	for _, selector := range []string{"> td b", "+ td", " ~ td"} {
		_, err := profile.Load("x.yaml",
			[]byte(fmt.Sprintf("profile: x\nsport: soccer\nmatch:\n  home: %q\n  away: u\n", selector)))
		want := fmt.Sprintf("to begin at the row, write %q", ":scope "+strings.TrimSpace(selector))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", selector, err, want)
		}
	}
}
