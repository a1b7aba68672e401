package parser

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/matchwire/matchwire/event"
)

// undoubled repairs a name that was encoded as UTF-8 twice: "RondÃ³n" is
// "Rondón". Whatever does not come out as good UTF-8 stays as it is.
func undoubled(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return 0xc2 <= r && r <= 0xf4 }) {
		return name // no letter that a lead byte of UTF-8 would show as
	}
	once, err := charmap.Windows1252.NewEncoder().String(name)
	if err != nil || !utf8.ValidString(once) || utf8.RuneCountInString(once) == len(once) {
		return name
	}
	return once
}

// damaged reports whether letters of a name were lost on their way: "Rond?n".
func damaged(name string) bool {
	return strings.ContainsRune(name, utf8.RuneError) || strings.Contains(name, "?")
}

// sameName reports whether two names are one, as far as what is left of a
// damaged one can tell.
func sameName(a, b string) bool {
	switch {
	case damaged(a) && damaged(b):
		return a == b
	case damaged(b):
		a, b = b, a
		fallthrough
	case damaged(a):
		return fits(a, event.Fold(b))
	}
	return event.Fold(a) == event.Fold(b)
}

// fits reports whether a damaged name can have been the folded one: what is
// left of it stands there in order, from the beginning to the end.
func fits(damaged, whole string) bool {
	lost := func(r rune) bool { return r == '?' || r == utf8.RuneError }
	parts := strings.FieldsFunc(damaged, lost)
	first, _ := utf8.DecodeRuneInString(damaged)
	last, _ := utf8.DecodeLastRuneInString(damaged)
	for i, part := range parts {
		part = event.Fold(part)
		at := strings.Index(whole, part)
		if i == len(parts)-1 && !lost(last) {
			at = strings.LastIndex(whole, part)
			if at+len(part) != len(whole) {
				return false
			}
		}
		if at < 0 || i == 0 && at > 0 && !lost(first) {
			return false
		}
		whole = whole[at+len(part):]
	}
	return len(parts) > 0
}

// Aliases say which names mean the same team: each folded alias has the folded
// name that stands for all of them.
type Aliases map[string]string

// NewAliases reads names and their aliases. An alias that could mean two teams
// is refused.
func NewAliases(names map[string][]string) (Aliases, error) {
	all, owner := Aliases{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		for _, alias := range append([]string{name}, names[name]...) {
			f := event.Fold(alias)
			if f == "" {
				return nil, fmt.Errorf("%q of %q: want a name", alias, name)
			}
			if had, ok := owner[f]; ok && had != name {
				return nil, fmt.Errorf("%q would mean two teams, %q and %q", alias, had, name)
			}
			all[f], owner[f] = event.Fold(name), name
		}
	}
	return all, nil
}

// sameTeam is sameName with the aliases known.
func (a Aliases) sameTeam(x, y string) bool {
	if sameName(x, y) {
		return true
	}
	fx, fy := event.Fold(x), event.Fold(y)
	return a[fx] != "" && a[fx] == a[fy] || a[fx] == fy && fy != "" || a[fy] == fx && fx != ""
}
