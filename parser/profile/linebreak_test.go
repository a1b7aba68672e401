package profile_test

import (
	"fmt"
	"testing"

	"github.com/matchwire/matchwire/parser/page"
)

// Line breaks and the edges of blocks separate words, as in a browser. Other elements do not.
func TestLineBreaksSeparateWords(t *testing.T) {
	t.Parallel()
	p := load(t, "profile: x\nsport: soccer\nmatch: {home: '#h', away: u}\n")
	for markup, want := range map[string]string{
		"45.+2<br><span>1:2</span>":                   "45.+2 1:2",
		"45.+2<br/>1:2":                               "45.+2 1:2",
		"<b>Real</b><br><b>Madrid</b>":                "Real Madrid",
		"<p>Real</p><p>Madrid</p>":                    "Real Madrid",
		"<div>Real</div>Madrid":                       "Real Madrid",
		"Real<div>Madrid</div>":                       "Real Madrid",
		"<ul><li>Real</li><li>Madrid</li></ul>":       "Real Madrid",
		"<table><tr><td>Real<td>Madrid</table>":       "Real Madrid",
		"<select><option>Real<option>Madrid</select>": "Real Madrid",
		"<span>Re</span><b>a</b>l":                    "Real",
		"<span><i>Re</i></span><wbr>al":               "Real",
		"A<!-- x -->C":                                "AC",
	} {
		body := fmt.Sprintf("<html><body><div id=h>%s</div><u>Ayr</u></body></html>", markup)
		all, _, err := p.Extract(t.Context(), page.Page{Body: []byte(body)})
		if err != nil || all[0].Match.Home != want {
			t.Errorf("%s: observations %+v, error %v, want %q", markup, all, err, want)
		}
	}
}
