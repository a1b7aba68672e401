package profile_test

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/net/html"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// Names that were encoded as UTF-8 twice are repaired.
func TestNamesEncodedTwice(t *testing.T) {
	t.Parallel()
	o, _ := parsertest.Extract(t, "<meta charset=utf-8><p class=league>Premi\u00c3\u00a8re</p>"+
		"<p class=home>M\u00c3\u00bcller</p><p class=away>S\u00e3o Paulo</p>"+
		"<p class=hs>1</p><p class=as>0</p><p class=status>Live</p>"+
		"<li class=h><i class=kind>Goal</i><time>10'</time><b>Rond\u00c3\u00b3n</b></li>")
	if o.League != "Premi\u00e8re" || o.Match.Home != "M\u00fcller" || o.Match.Away != "S\u00e3o Paulo" ||
		len(o.Incidents) != 1 || o.Incidents[0].Player != "Rond\u00f3n" {
		t.Errorf("observation %+v, want all names repaired", o)
	}
}

// A letter that was encoded twice is repaired even if its second byte is a control character or
// looks like white space. This also applies if a regular expression extracts the name from a longer
// text.
func TestCaseHalfOfALetterLooksLikeWhiteSpace(t *testing.T) {
	t.Parallel()
	p := load(t, `
profile: x
sport: soccer
match: {home: b, away: {css: u, regexp: '^Away: (.+) \('}, league: {join: [i, s]}}
incidents:
  - {rows: p, kind: {value: yellow_card}, side: {value: home}, player: {own: true}, clock: {value: 12}}
`)
	body := "<meta charset=utf-8><b>Qaraba\u00c4\u009f</b><u>Away: Catal\u00c3\u00a0 " +
		"(2)</u><i>\u00d0\u00a0\u00d0\u00bf\u00d0\u00bb</i>" +
		"<s>\u00ce\u0095\u00ce\u00bb</s><p> Nieci\u00c4\u0085g\n</p><p>Bla\u00c3\u009fmeier</p>" +
		"<p>T\u00c3\u00b3th</p><p>Bla\u00df\u00a0Meier</p>"
	all, problems, err := p.Extract(t.Context(), page.Page{Body: []byte(body)})
	if err != nil || len(problems) > 0 {
		t.Fatalf("error %v, problems %v, want none", err, problems)
	}
	o := all[0]
	got := []string{o.Match.Home, o.Match.Away, o.League}
	for _, in := range o.Incidents {
		got = append(got, in.Player)
	}
	want := "Qarabağ, Català, Рпл Ελ, Nieciąg, Blaßmeier, Tóth, Blaß Meier"
	if strings.Join(got, ", ") != want {
		t.Errorf("names %q, want %s", got, want)
	}
}

// No text on the captured pages was encoded twice, so RepairEncoding changes none. If the test
// encodes a text again, RepairEncoding repairs the whole text or changes nothing.
func TestTextsOfCapturedPagesStayUnchanged(t *testing.T) {
	t.Parallel()
	dir := testenv.Needs(t, testenv.Pages("../.."), "MATCHWIRE_PAGES")
	seen := map[string]bool{}
	err := filepath.WalkDir(dir, func(file string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		doc, err := html.Parse(bytes.NewReader(body))
		if err != nil {
			return err
		}
		for n := range doc.Descendants() {
			if n.Type != html.TextNode {
				continue
			}
			parts := strings.FieldsFunc(n.Data, func(r rune) bool { return strings.ContainsRune("\"<>\n,", r) })
			for _, text := range append(parts, n.Data) {
				if len(text) > 1000 || seen[text] {
					continue
				}
				seen[text] = true
				if got := observation.RepairEncoding(text); got != text {
					t.Errorf("%s: RepairEncoding(%q) = %q, want it unchanged", file, text, got)
				}
				again := encodeLatin1(text)
				if got := observation.RepairEncoding(again); got != text && got != again {
					t.Errorf("%s: RepairEncoding(%q) = %q, want the whole text repaired, or no change", file, again, got)
				}
			}
		}
		return nil
	})
	if err != nil || len(seen) < 1000 {
		t.Errorf("%d texts, error %v, want at least 1000 texts and no error", len(seen), err)
	}
}

// encodeLatin1 treats the bytes of text as characters in Latin-1, and encodes these characters as
// UTF-8.
func encodeLatin1(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		b.WriteRune(rune(c))
	}
	return b.String()
}

func load(t *testing.T, text string) *profile.Profile {
	t.Helper()
	p, err := profile.Load("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A page can begin with byte order marks, in UTF-8 or UTF-16. They override the declared charset.
// The JSON in a script can begin with byte order marks too.
func TestCaseByteOrderMark(t *testing.T) {
	t.Parallel()
	forJSON := load(t, "profile: j\nsport: soccer\nformat: json\n"+
		"match: {home: {jq: .home}, away: {jq: .away}, league: {value: L}}\n")
	forHTML := load(t, "profile: h\nsport: soccer\ncomplete: u\nmatch: {home: b, away: u, league: {value: L}}\n")
	plain := load(t, "profile: h\nsport: soccer\nmatch: {home: b, away: u, league: {value: L}}\n")
	embedded := load(t, "profile: e\nsport: soccer\njson: script\n"+
		"match: {home: {jq: .home}, away: {jq: .away}, league: {value: L}}\n")
	const json = `{"home":"Köln","away":"Łódź"}`
	const markup = `<html><body><b>Köln</b><u>Łódź</u></body></html>`
	for name, tc := range map[string]struct {
		profile *profile.Profile
		body    []byte
		charset string
	}{
		"JSON, UTF-8":                       {forJSON, []byte("\ufeff" + json), ""},
		"JSON, UTF-8, after spaces":         {forJSON, []byte("\ufeff \n" + json), ""},
		"JSON, UTF-8, two marks":            {forJSON, []byte("\ufeff\ufeff" + json), ""},
		"JSON, UTF-8, after a line break":   {forJSON, []byte("\r\n\ufeff" + json), ""},
		"JSON, UTF-8, marks between spaces": {forJSON, []byte(" \n\ufeff\t\ufeff\n" + json), "iso-8859-1"},
		"JSON, UTF-16, two marks":           {forJSON, encodeUTF16("\ufeff\ufeff"+json, binary.LittleEndian), ""},
		"HTML, UTF-8, two marks":            {forHTML, []byte("\ufeff\ufeff" + markup), "iso-8859-1"},
		"HTML, UTF-8, after a line break":   {forHTML, []byte("\n\ufeff" + markup), "iso-8859-1"},
		"JSON in HTML, two marks":           {embedded, []byte("<script>\n\ufeff\n\ufeff" + json + "</script>"), "utf-8"},
		"JSON, UTF-16, big endian":          {forJSON, encodeUTF16("\ufeff"+json, binary.BigEndian), ""},
		"JSON, UTF-16, little endian":       {forJSON, encodeUTF16("\ufeff"+json, binary.LittleEndian), ""},
		"JSON, declared charset":            {forJSON, encodeUTF16(json, binary.LittleEndian), "utf-16le"},
		"JSON, wrong declared charset":      {forJSON, []byte("\ufeff" + json), "iso-8859-1"},
		"HTML, UTF-8":                       {forHTML, []byte("\ufeff" + markup), ""},
		"HTML, UTF-8, wrong charset":        {forHTML, []byte("\ufeff" + markup), "iso-8859-1"},
		"HTML, UTF-16, big endian":          {forHTML, encodeUTF16("\ufeff"+markup, binary.BigEndian), ""},
		"HTML, UTF-16, little endian":       {forHTML, encodeUTF16("\ufeff"+markup, binary.LittleEndian), ""},
		"HTML, UTF-16, without complete":    {plain, encodeUTF16("\ufeff"+markup, binary.LittleEndian), ""},
		"JSON in HTML, mark in the script":  {embedded, []byte("<script>\ufeff" + json + "</script>"), "utf-8"},
		"JSON in HTML, mark before the tag": {embedded, []byte("\ufeff<script>" + json + "</script>"), ""},
	} {
		header := http.Header{}
		if tc.charset != "" {
			header.Set("Content-Type", "application/json; charset="+tc.charset)
		}
		all, problems, err := tc.profile.Extract(t.Context(), page.Page{Body: tc.body, Header: header})
		if err != nil || len(problems) > 0 || all[0].Match.Home != "Köln" || all[0].Match.Away != "Łódź" {
			t.Errorf("%s: observations %v, problems %v, error %v, want Köln v Łódź", name, all, problems, err)
		}
	}
	for name, body := range map[string][]byte{
		"only a mark":      []byte("\ufeff"),
		"only marks":       []byte("\n\ufeff \ufeff"),
		"a truncated page": encodeUTF16("\ufeff<html><b>Köln</b><u>Łódź</u>", binary.LittleEndian),
	} {
		if all, _, err := plain.Extract(t.Context(), page.Page{Body: body}); err == nil {
			t.Errorf("%s: observations %v, want an error", name, all)
		}
	}
}

// encodeUTF16 encodes text as UTF-16, in the given byte order.
func encodeUTF16(text string, order binary.AppendByteOrder) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return b
}
