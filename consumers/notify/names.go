package notify

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/matchwire/matchwire/event"
)

// names maps keys to the names of kinds, details, periods and so on in one language. A key
// QUALIFIER.KEY is for one sport or kind only. A # at the end of a key stands for a number, which
// replaces each # in the name.
type names map[string]string

var number = regexp.MustCompile(`[0-9]+$`)

// of returns the name of a key, or "". It uses the first qualifier that has a name for the key. If
// none has, it uses the name without a qualifier. Empty qualifiers have no effect.
func (n names) of(key string, qualifiers ...string) string {
	digits := number.FindString(key)
	stem := strings.TrimSuffix(key, digits)
	var prefixes []string
	for _, q := range qualifiers {
		if q != "" {
			prefixes = append(prefixes, q+".")
		}
	}
	for _, prefix := range append(prefixes, "") {
		if name := n[prefix+key]; name != "" {
			return name
		}
		if name := n[prefix+stem+"#"]; name != "" && digits != "" {
			return strings.ReplaceAll(name, "#", digits)
		}
	}
	return ""
}

// inOrder returns the language with this code, if there is one, and English.
func (t texts) inOrder(code string) []*language {
	if l := t[code]; l != nil {
		return []*language{l, t["en"]}
	}
	return []*language{t["en"]}
}

// translate returns the name of key in a language, or else in English. table returns one table of
// a language, such as its periods. defined is the name in the definition of a sport, or "". defined
// takes precedence over the shipped names, but not over the names in custom language files. If there
// is no name, translate returns key with spaces in place of underscores.
func (t texts) translate(
	table func(*language) names, key, defined, code string, qualifiers ...string,
) string {
	for _, l := range t.inOrder(code) {
		if defined != "" {
			l = l.file
		}
		if name := table(l).of(key, qualifiers...); name != "" {
			return name
		}
	}
	return cmp.Or(defined, strings.ReplaceAll(key, "_", " "))
}

// kind returns the name of the kind of an event. saysDetail is true if the name contains the
// detail, as "power-play goal" does. A name in the definition of a sport has the same precedence as
// in translate.
func (t texts) kind(d *event.Data, code string) (name string, saysDetail bool) {
	kind := string(d.Kind)
	defined := d.Sport.Rules().Names[kind]
	for _, l := range t.inOrder(code) {
		if defined != "" {
			l = l.file
		}
		if d.Detail != "" {
			if name := l.Kinds.of(kind + "." + event.Slug(d.Detail)); name != "" {
				return name, true
			}
		}
		if name := l.Kinds.of(kind + "." + strconv.Itoa(d.Points)); name != "" && d.Points > 0 {
			return name, false
		}
		if name := l.Kinds.of(kind, string(d.Sport)); name != "" {
			return name, false
		}
	}
	return cmp.Or(defined, strings.ReplaceAll(kind, "_", " ")), false
}

// detail returns the name of a detail of an event. Parts that are separated by commas, as in
// "tripping, 2 min", have separate names. In a detail without a name, spaces replace underscores. It
// begins with a small letter if its other letters are small, because pages write "Hooking" as well as
// "hooking". German nouns keep their capitals.
func (t texts) detail(d *event.Data, detail, code string) string {
	for _, l := range t.inOrder(code) {
		if name := l.Details.of(event.Slug(detail), string(d.Kind), string(d.Sport)); name != "" && detail != "" {
			return name
		}
	}
	if first, rest, ok := strings.Cut(detail, ", "); ok {
		return t.detail(d, first, code) + ", " + t.detail(d, rest, code)
	}
	detail = strings.ReplaceAll(detail, "_", " ")
	if lower := strings.ToLower(detail); code != "de" && capitalOnlyFirst(detail, lower) {
		return lower
	}
	return detail
}

// capitalOnlyFirst reports whether a text differs from its form in small letters only in the first
// letter, as "Hooking" does. Abbreviations and names such as "J. Smith" do not.
func capitalOnlyFirst(text, lower string) bool {
	_, n := utf8.DecodeRuneInString(text)
	_, m := utf8.DecodeRuneInString(lower)
	return n < len(text) && text[n:] == lower[m:]
}
