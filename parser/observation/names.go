package observation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/matchwire/matchwire/event"
)

// RepairEncoding repairs a name that was encoded as UTF-8 twice: "RondÃ³n" becomes "Rondón". It
// returns other names unchanged, and names whose repair would not be valid UTF-8.
func RepairEncoding(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return 0xc2 <= r && r <= 0xf4 }) {
		return name // no letter is the lead byte of a UTF-8 sequence read as Windows-1252
	}
	once, err := charmap.Windows1252.NewEncoder().String(name)
	if err != nil || !utf8.ValidString(once) || utf8.RuneCountInString(once) == len(once) {
		return name
	}
	return once
}

// Damaged reports whether a name has lost letters, as in "Rond?n". A question mark or a Unicode
// replacement character stands for a lost letter.
func Damaged(name string) bool {
	return strings.ContainsRune(name, utf8.RuneError) || strings.Contains(name, "?")
}

// sameName reports whether a and b can be the same name. Two whole names must be equal when folded.
// A damaged name must fit the whole one. Two damaged names must be equal.
func sameName(a, b string) bool {
	switch {
	case Damaged(a) && Damaged(b):
		return a == b
	case Damaged(b):
		a, b = b, a
		fallthrough
	case Damaged(a):
		return fits(a, event.Fold(b))
	}
	return event.Fold(a) == event.Fold(b)
}

// fits reports whether a damaged name can be what is left of a whole one, which is folded. The
// parts of the damaged name must occur in the whole one, in order and without overlap. A part at
// the beginning or the end must be there in the whole name too.
func fits(damaged, whole string) bool {
	isLost := func(r rune) bool { return r == '?' || r == utf8.RuneError }
	parts := strings.FieldsFunc(damaged, isLost)
	first, _ := utf8.DecodeRuneInString(damaged)
	last, _ := utf8.DecodeLastRuneInString(damaged)
	for i, part := range parts {
		part = event.Fold(part)
		at := strings.Index(whole, part)
		if i == len(parts)-1 && !isLost(last) {
			at = strings.LastIndex(whole, part)
			if at+len(part) != len(whole) {
				return false
			}
		}
		if at < 0 || i == 0 && at > 0 && !isLost(first) {
			return false
		}
		whole = whole[at+len(part):]
	}
	return len(parts) > 0
}

// Aliases say which names mean the same team. A key is a folded alias or name, and its value the
// folded name. A nil Aliases is empty.
type Aliases map[string]string

// NewAliases returns the aliases in a map from each name to its aliases. An alias that is empty
// when folded, or that belongs to two names, is an error.
func NewAliases(names map[string][]string) (Aliases, error) {
	aliases, owner := Aliases{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		for _, alias := range append([]string{name}, names[name]...) {
			folded := event.Fold(alias)
			if folded == "" {
				return nil, fmt.Errorf("%q of %q: want a name with letters or digits", alias, name)
			}
			if other, ok := owner[folded]; ok && other != name {
				return nil, fmt.Errorf("%q would mean two teams, %q and %q", alias, other, name)
			}
			aliases[folded], owner[folded] = event.Fold(name), name
		}
	}
	return aliases, nil
}

// SameTeam reports whether two names mean the same team: they are equal when folded, one is the
// other with letters lost, or they are aliases of one name.
func (a Aliases) SameTeam(x, y string) bool {
	if sameName(x, y) {
		return true
	}
	x, y = event.Fold(x), event.Fold(y)
	return a[x] != "" && a[x] == a[y] || y != "" && a[x] == y || x != "" && a[y] == x
}
