package event

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold returns the form that all spellings of a name share: in lower case, and without diacritics,
// punctuation and spaces. It accepts any script. Latin letters that Unicode does not decompose,
// such as ø, ł, ß and đ, become ASCII letters. A name without letters and digits becomes "".
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

// decompose separates diacritics from their letters.
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
