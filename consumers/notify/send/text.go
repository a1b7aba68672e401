package send

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Clean returns text without characters that can change how other text is shown: control characters,
// byte order marks, bidirectional embeddings, overrides and isolates, and malformed UTF-8. It keeps
// \n, and replaces tabs and other line breaks with spaces.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t', r == '\r', r == '\u2028', r == '\u2029', r == '\u0085':
			return ' '
		case r == utf8.RuneError, unicode.Is(unicode.Cc, r), r == '\ufeff',
			r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, text)
}

// joiner is U+2060 WORD JOINER. It has no width and allows no line break.
const joiner = "\u2060"

var (
	// active matches the beginning of a mention, a hash tag or a link in some service.
	active = regexp.MustCompile(`[@#<]|://|\b(?i:www)\.|\b(?i:mailto|tel|tg|xmpp|matrix|magnet):`)
	// domain matches a dot in a host name like evil.example, which some services turn into a link.
	domain = regexp.MustCompile(`([\p{L}\p{N}_-])\.([\p{L}]{2,})`)
)

// inert returns text in which services and their clients find no mention, hash tag or address. It
// inserts only invisible characters.
func inert(text string) string {
	text = active.ReplaceAllStringFunc(text, func(s string) string {
		_, n := utf8.DecodeRuneInString(s)
		return s[:n] + joiner + s[n:]
	})
	for range 2 { // in a.bc.de, matches overlap
		text = domain.ReplaceAllString(text, "${1}"+joiner+".${2}")
	}
	return text
}

var (
	markup    = regexp.MustCompile("[\\\\*_~`|<\\[\\]$]")
	entity    = regexp.MustCompile(`&(#?\w+;)`)
	lineStart = regexp.MustCompile(`(?m)^([ \t]*)(?:([-+#>=])|(\d+)([.)]))`)
)

// markdown escapes text with backslashes, so that a Markdown parser shows text unchanged. It does not
// prevent mentions, or links from bare addresses.
func markdown(text string) string {
	text = entity.ReplaceAllString(markup.ReplaceAllString(text, `\$0`), `\&$1`)
	return lineStart.ReplaceAllStringFunc(text, func(s string) string {
		last := len(s) - 1
		return s[:last] + `\` + s[last:]
	})
}

var emoji = regexp.MustCompile(`:([a-zA-Z0-9_+-]+):`)

// withoutEmoji returns text in which a word between colons, like :smile:, does not become an emoji.
func withoutEmoji(text string) string {
	for range 2 { // matches overlap in :a:b:
		text = emoji.ReplaceAllString(text, ":"+joiner+"$1:")
	}
	return text
}

// Cut shortens text to at most the given number of runes. A number below 1 means 1. If Cut shortens
// text, the last rune is an ellipsis.
func Cut(text string, runes int) string {
	if utf8.RuneCountInString(text) <= runes {
		return text
	}
	return string([]rune(text)[:max(runes-1, 0)]) + "…"
}

// fit returns escape(text). It shortens text until the size of the result is at most limit, or no text is
// left.
func fit(text string, limit int, size func(string) int, escape func(string) string) string {
	for runes := utf8.RuneCountInString(text); ; runes = runes * 9 / 10 {
		escaped := escape(Cut(text, runes))
		if runes == 0 || size(escaped) <= limit {
			return escaped
		}
	}
}

// utf16Len returns the length of text in UTF-16 code units, which most services count as characters.
func utf16Len(text string) int { return len(utf16.Encode([]rune(text))) }

// byteLen returns the length of text in bytes.
func byteLen(text string) int { return len(text) }
