package event

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Key returns a routing key. The key always has the three words <sport>.<league>.<kind>, so a
// binding such as "soccer.mls.*" matches the events of every publisher.
func Key(s Sport, league, word string) string {
	return Slug(string(s)) + "." + Slug(league) + "." + Slug(word)
}

var keyShape = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*(\.[a-z0-9]+(_[a-z0-9]+)*){2}$`)

// CheckKey returns an error if key is not a valid routing key.
func CheckKey(key string) error {
	if len(key) > 255 || !keyShape.MatchString(key) {
		return fmt.Errorf("routing key %q: want <sport>.<league>.<kind>, each of a-z, 0-9 and _", key)
	}
	return nil
}

// Slug returns a name as one word of a routing key: "Primera División" becomes "primera_division",
// and "Łódź" becomes "lodz". A name without Latin letters and digits becomes "unknown".
func Slug(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range decompose(name) {
		r = unicode.ToLower(r)
		switch {
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '’': // diacritics and apostrophes do not separate words
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('_')
			}
			b.WriteRune(r)
			gap = false
		default:
			gap = true
		}
	}
	if b.Len() == 0 {
		return "unknown"
	}
	return b.String()
}

var matchID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$`)

// CheckMatchID returns an error if id is not a valid match ID.
func CheckMatchID(id string) error {
	if !matchID.MatchString(id) {
		return fmt.Errorf("match ID %q: want a letter or digit, "+
			"then at most 127 characters of A-Z, a-z, 0-9 and . _ ~ -", id)
	}
	return nil
}
