package observation

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/matchwire/matchwire/event"
)

// Damaged reports whether name contains a question mark or a Unicode replacement character, as in
// "Rond?n". Each of these characters stands for a lost letter.
func Damaged(name string) bool {
	return strings.ContainsRune(name, utf8.RuneError) || strings.Contains(name, "?")
}

// placeholders matches lower-case names for a team that is not known yet. Such a name is a place in
// a group or in a list of groups, the winner or loser of a match, or a word that means "not known".
var placeholders = regexp.MustCompile(`^(` + strings.Join([]string{
	`tb[dca]( ?\d+)?`, `to be (decided|determined|announced|confirmed)`, `unknown`, `n/?a`, `\?+`, `-+`,
	`[1-9](st|nd|rd|th)?( |-)?(group )?[a-l]([/ -]?[a-l])*`, // 2A, 3A/B/C, 1st Group A
	`[a-l][1-9]`,
	`(w|l|ru|rs?|qf|sf|m)( |-)?\d{1,3}`, // W74, RU49
	`(winners?|losers?|runners?[ -]?up|(best )?(second|third))\b.*`,
}, "|") + `)$`)

// Placeholder reports whether a name is empty or stands for a team that is not known yet: "2A",
// "W74", "Winner of 74", "TBD", or a choice of teams such as "DEN/MKD/CZE".
func Placeholder(name string) bool {
	name = strings.TrimSpace(name)
	return name == "" || placeholders.MatchString(strings.ToLower(name)) || choice.MatchString(name)
}

// choice matches codes of teams, separated by slashes. Names such as Bodø/Glimt do not match.
var choice = regexp.MustCompile(`^[A-Z]{2,4}( ?/ ?[A-Z]{2,4})+$`)

// sameName reports whether a and b can be the same name. Two intact names must be equal when
// folded. A damaged name must fit the intact name. Two damaged names must be equal.
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

// fits reports whether a damaged name can be the damaged form of an intact name. intact must be
// folded. The parts of the damaged name must occur in the intact name, in order and without
// overlap. If the damaged name begins or ends with a part, the intact name must begin or end with
// the same part.
func fits(damaged, intact string) bool {
	isLost := func(r rune) bool { return r == '?' || r == utf8.RuneError }
	parts := strings.FieldsFunc(damaged, isLost)
	first, _ := utf8.DecodeRuneInString(damaged)
	last, _ := utf8.DecodeLastRuneInString(damaged)
	for i, part := range parts {
		part = event.Fold(part)
		at := strings.Index(intact, part)
		if i == len(parts)-1 && !isLost(last) {
			at = strings.LastIndex(intact, part)
			if at+len(part) != len(intact) {
				return false
			}
		}
		if at < 0 || i == 0 && at > 0 && !isLost(first) {
			return false
		}
		intact = intact[at+len(part):]
	}
	return len(parts) > 0
}

// OtherPlayer reports whether two names definitely belong to different players. It returns false if
// a name is missing or damaged, or if one can be a short form of the other, such as "J. Smith"
// or "Smith" for "John Smith".
func OtherPlayer(a, b string) bool {
	if Damaged(a) || Damaged(b) || sameName(a, b) {
		return false
	}
	short, long := nameWords(a), nameWords(b)
	if len(short) > len(long) {
		short, long = long, short
	}
	if len(short) == 0 {
		return false
	}
	for _, word := range short {
		i := slices.IndexFunc(long, func(other string) bool {
			return strings.HasPrefix(other, word) || strings.HasPrefix(word, other)
		})
		if i < 0 {
			return true
		}
		long = slices.Delete(slices.Clone(long), i, i+1)
	}
	return false
}

// nameWords returns the folded words of a name.
func nameWords(name string) []string {
	words := strings.FieldsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '\'' && r != '’'
	})
	for i, word := range words {
		words[i] = event.Fold(word)
	}
	return slices.DeleteFunc(words, func(word string) bool { return word == "" })
}

// Aliases define which names refer to the same team. A key is a folded alias or name, and its value is
// the folded name. A nil Aliases is empty.
type Aliases map[string]string

// NewAliases returns the Aliases for a map from names to their aliases. It returns an error if a
// name or alias is empty when folded, or belongs to two teams.
func NewAliases(names map[string][]string) (Aliases, error) {
	aliases, owner := Aliases{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		for _, alias := range append([]string{name}, names[name]...) {
			folded := event.Fold(alias)
			if folded == "" {
				return nil, fmt.Errorf("%q of %q: want a name with letters or digits", alias, name)
			}
			if other, ok := owner[folded]; ok && other != name {
				return nil, fmt.Errorf("%q would refer to two teams, %q and %q", alias, other, name)
			}
			aliases[folded], owner[folded] = event.Fold(name), name
		}
	}
	return aliases, nil
}

// SameTeam reports whether two names refer to the same team. They do if they are equal when folded,
// if one is a damaged form of the other, or if they are aliases of one name.
func (a Aliases) SameTeam(x, y string) bool {
	if sameName(x, y) {
		return true
	}
	x, y = event.Fold(x), event.Fold(y)
	return a[x] != "" && a[x] == a[y] || y != "" && a[x] == y || x != "" && a[y] == x
}
