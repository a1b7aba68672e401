package parser

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// fold makes a name comparable: without case, diacritics and punctuation, in
// any script.
func fold(name string) string {
	if plain, ok := foldASCII(name); ok {
		return plain
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKD.String(name))
}

// foldASCII is fold for most names.
func foldASCII(name string) (string, bool) {
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
