package observation

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// maxEncodings is the maximum number of excess UTF-8 encodings that RepairEncoding undoes.
const maxEncodings = 3

// RepairEncoding repairs a name that was encoded as UTF-8 twice or more: "RondÃ³n" becomes
// "Rondón". The first encoding may have been read as Windows-1252 or as Latin-1, whose bytes 0x80
// to 0x9f are control characters. RepairEncoding repairs the whole name, or returns the name
// unchanged. Do not trim or replace white space in the name before the call: a white space
// character can be one byte of a letter.
//
// Some correct names look as if they were encoded twice: "É’" in "RENÉ’S" could be the letter "ɒ".
// So RepairEncoding repairs a name only if every letter of the result is plausible at its place,
// and if the original name cannot be correct.
func RepairEncoding(name string) string { return repair(name, maxEncodings) }

// repair undoes at most rounds excess encodings of a name. It returns the name unchanged if
// the result is not certain, or may need another round.
func repair(name string, rounds int) string {
	once, ok := decode(name)
	if rounds == 0 || !ok {
		return name
	}
	if further := repair(once, rounds-1); further != once {
		return further
	}
	if plausible, certain := compare(name, once); !plausible || !certain {
		return name
	}
	if further, ok := decode(once); ok {
		if plausible, _ := compare(once, further); plausible {
			return name
		}
	}
	return once
}

// decode undoes one encoding. It returns the text whose UTF-8 bytes, read as Windows-1252 or
// Latin-1, are name. ok is false if there is no such text.
func decode(name string) (text string, ok bool) {
	if !strings.ContainsFunc(name, isLead) {
		return "", false
	}
	b, ok := narrow([]rune(name))
	return string(b), ok && utf8.Valid(b)
}

// compare compares a name with text, the result of decode. plausible reports whether each letter of
// text is plausible at its place. certain reports whether name cannot be a correct name.
func compare(name, text string) (plausible, certain bool) {
	page, repaired := []rune(name), []rune(text)
	at := 0 // the position in page of the first rune of the letter
	for i, r := range repaired {
		size := utf8.RuneLen(r)
		if size > 1 {
			l := letter{rune: r, page: page[at : at+size], before: repaired[:i], after: repaired[i+1:]}
			if !l.plausible() {
				return false, false
			}
			certain = certain || l.certain()
		}
		at += size
	}
	return true, certain
}

// isLead reports whether r can be the first byte of a letter in UTF-8, read as Windows-1252 or
// Latin-1.
func isLead(r rune) bool { return 0xc2 <= r && r <= 0xf4 }

// narrow returns the bytes that are text if they are read as Windows-1252 or Latin-1. ok is false
// if a rune is in neither charset.
func narrow(text []rune) (b []byte, ok bool) {
	b = make([]byte, len(text))
	for i, r := range text {
		if b[i], ok = byte(r), r <= 0xff; !ok {
			b[i], ok = charmap.Windows1252.EncodeRune(r)
		}
		if !ok {
			return nil, false
		}
	}
	return b, true
}

// A letter is a rune of the repaired name that consists of several runes on the page.
type letter struct {
	rune          rune
	page          []rune // as the page shows it
	before, after []rune // the rest of the repaired name
}

// previous returns the rune before the letter, or 0.
func (l letter) previous() rune {
	if len(l.before) == 0 {
		return 0
	}
	return l.before[len(l.before)-1]
}

// next returns the rune after the letter, or 0.
func (l letter) next() rune {
	if len(l.after) == 0 {
		return 0
	}
	return l.after[0]
}

// ambiguous contains runes that can be the second byte of an encoded letter. In a correct name,
// they can also follow an upper-case letter. They are letters, punctuation marks and white space.
const ambiguous = "ŠšŒœŽžŸ’‘–—…•´·\u0085\u00a0\u00ad"

// otherLatin contains the other Latin letters that plausible accepts. They are outside the Unicode
// blocks of which plausible accepts every letter.
const otherLatin = "ƏəƠơƯưȘșȚț"

// plausible reports whether a name can have the letter at this place.
func (l letter) plausible() bool {
	r := l.rune
	switch {
	case r < 0xa0: // a control character
		return false
	case r < 0x180 || 0x1e00 <= r && r < 0x1f00 || strings.ContainsRune(otherLatin, r):
		return true
	case unicode.Is(unicode.Latin, r): // a phonetic letter, or a letter of an extinct language
		return false
	case 0x300 <= r && r < 0x340: // a diacritic that follows its letter
		return unicode.IsLetter(l.previous())
	case r < 0x370 || !unicode.IsGraphic(r):
		return false
	case !unicode.IsLetter(r) && !unicode.IsMark(r):
		return true
	case len(l.page) == 2: // Greek, Cyrillic, Hebrew, Arabic…
		return !isLatin(l.previous()) && !isLatin(l.next())
	}
	return !isLatin(l.previous()) && !isLatin(l.next()) ||
		!unicode.IsLower(l.previous()) && !unicode.IsLower(l.next()) // such as J2リーグ
}

func isLatin(r rune) bool { return unicode.Is(unicode.Latin, r) }

// certain reports whether no correct name can have the runes of the page at this place.
func (l letter) certain() bool {
	if len(l.page) > 2 {
		return true
	}
	if other := l.rune > 0x370 && !isLatin(l.rune); other && (l.previous() > 0x370 || l.next() > 0x370) {
		return true // next to another letter that is not Latin
	}
	first, second := l.page[0], l.page[1]
	startsWord := !unicode.IsLetter(l.previous()) && !unicode.IsDigit(l.previous())
	if !strings.ContainsRune(ambiguous, second) {
		// In IRMÃ¹, the last rune is the number of a footnote.
		capitals := len(l.before) >= 2 && !slices.ContainsFunc(l.before[len(l.before)-2:], notUpper)
		return !capitals || !unicode.IsLower(l.rune) || unicode.IsLower(l.next())
	}
	dash := second == '–' || second == '—'
	switch {
	case unicode.IsLower(l.previous()): // the first rune, an upper-case letter, follows a lower-case letter
		return true
	case first == 'Ã' && (startsWord || dash && !unicode.IsLetter(l.next()) && !unicode.IsDigit(l.next())):
		return true
	case startsWord && !(first == 'Å' && dash):
		return unicode.IsUpper(l.rune) && unicode.IsLower(l.next())
	}
	return false
}

func notUpper(r rune) bool { return !unicode.IsUpper(r) }
