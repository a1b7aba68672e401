package event

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gosimple/unidecode"
	"golang.org/x/text/unicode/norm"
)

// Slug returns a name as one word of a routing key: "Primera División" becomes "primera_division",
// "Łódź" becomes "lodz", and "Премьер-лига" becomes "premer_liga". The letters of other scripts are
// transliterated. Two names can become the same word. A name without letters or digits becomes
// "unknown". The word has at most 100 bytes.
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
	// maxSlug is the maximum length of a word of a routing key, in bytes. A key has at most 255
	// bytes.
	maxSlug     = 100
	unknownSlug = "unknown"
)

// slugText returns the text for a lower-case rune in a routing key. The text consists of a-z, 0-9
// and spaces. If the rune has no text, separates reports whether the rune separates words.
// Diacritics and apostrophes do not separate words.
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
	if r == 'ə' { // unidecode returns @
		return "e", false
	}
	// Diacritics have no text. The vowel signs of Indian and Thai scripts are also marks, but
	// unidecode transliterates them.
	if unicode.Is(unicode.Mn, r) && (r < 0x900 || r > 0x1cff) {
		return "", false
	}
	if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) {
		return "", true
	}
	text = slugASCII(cmp.Or(unidecode.Unidecode(string(r)), unidecode.Unidecode(decomposed)))
	return text, false
}

// slugASCII returns the ASCII letters, digits and spaces of a text, in lower case.
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

// HasKey reports whether the name of a league has letters or digits for routing keys. If not, the
// keys of its events have the league "unknown".
func HasKey(league string) bool { return Slug(league) != unknownSlug }

// Fold returns the form that all spellings of a name share: in lower case, and without diacritics,
// punctuation or spaces. Fold accepts any script. Latin letters that Unicode does not decompose,
// such as ø, ł, ß and đ, become ASCII letters. A name without letters or digits becomes "".
func Fold(name string) string {
	if plain, ok := foldASCII(name); ok {
		return plain
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, decompose(name))
}

// decompose applies letters, and separates diacritics from their letters.
func decompose(name string) string { return norm.NFKD.String(letters.Replace(name)) }

// letters replaces Latin letters that Unicode does not decompose, and the final sigma.
var letters = strings.NewReplacer(
	"ø", "o", "Ø", "O", "đ", "d", "Đ", "D", "ł", "l", "Ł", "L", "ß", "ss", "ẞ", "SS",
	"æ", "ae", "Æ", "Ae", "œ", "oe", "Œ", "Oe", "ı", "i", "ð", "d", "Ð", "D", "þ", "th", "Þ", "Th",
	"ħ", "h", "Ħ", "H", "ŧ", "t", "Ŧ", "T", "ŋ", "n", "Ŋ", "N", "ς", "σ",
)

// foldASCII is like Fold, for ASCII names. ok is false if the name is not ASCII.
func foldASCII(name string) (folded string, ok bool) {
	out := make([]byte, 0, len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case c >= utf8.RuneSelf:
			return "", false
		case 'A' <= c && c <= 'Z':
			out = append(out, c+'a'-'A')
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			out = append(out, c)
		}
	}
	return string(out), true
}
