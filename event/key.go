package event

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gosimple/unidecode"
	"golang.org/x/text/unicode/norm"
)

// Key returns a routing key. The key always has the three words <sport>.<league>.<kind>, so a
// binding such as "soccer.mls.*" matches the events of every publisher.
func Key(s Sport, league, word string) string {
	return Slug(string(s)) + "." + Slug(league) + "." + Slug(word)
}

var wordShape = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

var keyShape = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*(\.[a-z0-9]+(_[a-z0-9]+)*){2}$`)

// CheckKey returns an error if key is not a valid routing key.
func CheckKey(key string) error {
	if len(key) > 255 || !keyShape.MatchString(key) {
		return fmt.Errorf("routing key %q: want <sport>.<league>.<kind>, each of a-z, 0-9 and _", key)
	}
	return nil
}

// Slug returns a name as one word of a routing key: "Primera División" becomes "primera_division",
// "Łódź" becomes "lodz", and "Премьер-лига" becomes "premer_liga". The letters of other scripts are
// transliterated. Two names can have the same word. A name without letters and digits becomes
// "unknown". The word has at most maxSlug bytes.
func Slug(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFC.String(letters.Replace(name)) {
		text, separates := slugText(unicode.ToLower(r))
		gap = gap || separates
		for _, c := range []byte(text) {
			if c < '0' || '9' < c && c < 'a' { // a space between the syllables of Chinese characters
				gap = true
				continue
			}
			if gap && b.Len() > 0 {
				b.WriteByte('_')
			}
			b.WriteByte(c)
			gap = false
		}
	}
	slug := b.String()
	if len(slug) > maxSlug {
		slug = strings.TrimRight(slug[:maxSlug], "_")
	}
	if slug == "" {
		return unknownSlug
	}
	return slug
}

const (
	// maxSlug is the maximum length of a word of a routing key, in bytes. A key has at most 255.
	maxSlug     = 100
	unknownSlug = "unknown"
)

// slugText returns the text of a lower-case rune in a routing key, of a-z, 0-9 and spaces. If the rune has no
// text, separates reports whether it separates words. Diacritics and apostrophes do not.
func slugText(r rune) (text string, separates bool) {
	if r < utf8.RuneSelf {
		return slugASCII(string(r)), !isSlugRune(r) && r != '\''
	}
	if r == '’' {
		return "", false
	}
	decomposed := norm.NFKD.String(string(r))
	if text = slugASCII(decomposed); text != "" {
		return text, false
	}
	if r == 'ə' { // the library returns @
		return "e", false
	}
	// The vowel signs of Indian and Thai scripts are marks too.
	if unicode.Is(unicode.Mn, r) && (r < 0x900 || r > 0x1cff) {
		return "", false
	}
	if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) {
		return "", true
	}
	text = slugASCII(cmp.Or(unidecode.Unidecode(string(r)), unidecode.Unidecode(decomposed)))
	return text, false
}

// slugASCII returns the letters, digits and spaces of a text, in lower case.
func slugASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if r = unicode.ToLower(r); isSlugRune(r) || r == ' ' {
			return r
		}
		return -1
	}, text)
}

func isSlugRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// CheckLeagueKey returns an error if word cannot be the league's word in routing keys.
func CheckLeagueKey(word string) error {
	if len(word) > maxSlug || !wordShape.MatchString(word) {
		return fmt.Errorf(
			"league key %q: want at most %d characters of a-z and 0-9, with single _ between them",
			word,
			maxSlug,
		)
	}
	return nil
}

// HasKey reports whether the name of a league has letters or digits for routing keys. Otherwise its
// events have the league "unknown" in their keys.
func HasKey(league string) bool { return Slug(league) != unknownSlug }

var matchID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$`)

// CheckMatchID returns an error if id is not a valid match ID.
func CheckMatchID(id string) error {
	if !matchID.MatchString(id) {
		return fmt.Errorf("match ID %q: want a letter or digit, "+
			"then at most 127 characters of A-Z, a-z, 0-9 and . _ ~ -", id)
	}
	return nil
}
