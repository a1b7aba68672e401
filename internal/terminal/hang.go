package terminal

import "strings"

// Hang breaks a line between words, so that no line is longer than width unless a single word is. All lines
// except the first begin with indent spaces.
func Hang(line string, indent, width int) string {
	runes := []rune(line)
	head := min(indent, len(runes))
	at, rest := head, runes[head:]
	var b strings.Builder
	b.WriteString(string(runes[:head]))
	for len(rest) > 0 {
		spaces := 0
		for spaces < len(rest) && rest[spaces] == ' ' {
			spaces++
		}
		end := spaces
		for end < len(rest) && rest[end] != ' ' {
			end++
		}
		if end == spaces { // spaces at the end
			break
		}
		if at > indent && at+end > width {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at, rest, end = indent, rest[spaces:], end-spaces
		}
		b.WriteString(string(rest[:end]))
		at, rest = at+end, rest[end:]
	}
	return strings.TrimRight(b.String(), " ")
}
