package jq

import "strings"

// quoted returns the jq string with the given inside. Outside of interpolations, it adds a backslash
// before each quote that has none.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(text); {
		n := 1
		switch {
		case strings.HasPrefix(text[i:], `\(`):
			n = 1 + parentheses(text[i+1:])
		case text[i] == '\\':
			n = min(2, len(text)-i)
		case text[i] == '"':
			b.WriteByte('\\')
		}
		b.WriteString(text[i : i+n])
		i += n
	}
	b.WriteByte('"')
	return b.String()
}

// parentheses returns the length of the expression in parentheses at the beginning of s.
func parentheses(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			i += literal(s[i:]) - 1
		}
	}
	return len(s)
}

// literal returns the length of the jq string at the beginning of s.
func literal(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return i + 1
		case strings.HasPrefix(s[i:], `\(`):
			i += parentheses(s[i+1:])
		case s[i] == '\\':
			i++
		}
	}
	return len(s)
}
