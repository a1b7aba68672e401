package event

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold makes a name comparable, in any script: lower case, without diacritics, punctuation and
// white space. Letters that Unicode does not decompose are folded to what people write in their
// place, so that "Brøndby IF" and "Brondby if" fold to the same.
func Fold(name string) string {
	if folded, ok := foldASCII(name); ok {
		return folded
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKD.String(strokes.Replace(name)))
}

// strokes replaces letters that Unicode does not decompose.
var strokes = strings.NewReplacer("ø", "o", "Ø", "O", "đ", "d", "Đ", "D", "ł", "l", "Ł", "L", "ß", "ss",
	"æ", "ae", "Æ", "Ae", "œ", "oe", "Œ", "Oe", "ı", "i", "ð", "d", "Ð", "D", "þ", "th", "Þ", "Th")

// foldASCII is Fold for names in ASCII, which most are.
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
