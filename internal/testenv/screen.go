package testenv

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Screen returns the lines that a terminal of this width shows after a program has written output to it,
// without spaces at their ends. A line that is too long continues in the next one. Screen knows carriage
// return, line feed and the sequences for colours and for clearing to the end of the line. It returns an error for
// other control characters.
func Screen(output string, columns int) ([]string, error) {
	lines := [][]rune{{}}
	column := 0
	for len(output) > 0 {
		r, size := utf8.DecodeRuneInString(output)
		switch {
		case strings.HasPrefix(output, "\x1b[K"):
			lines[len(lines)-1] = lines[len(lines)-1][:min(column, len(lines[len(lines)-1]))]
			size = len("\x1b[K")
		case strings.HasPrefix(output, "\x1b["):
			end := strings.IndexByte(output, 'm')
			if end < 0 || strings.Trim(output[2:end], "0123456789;") != "" {
				return nil, fmt.Errorf("unknown sequence in %s", strconv.Quote(output[:min(20, len(output))]))
			}
			size = end + 1
		case r == '\r':
			column = 0
		case r == '\n':
			lines, column = append(lines, nil), 0
		case r < ' ' || r == utf8.RuneError && size == 1:
			return nil, fmt.Errorf("unexpected character in %s", strconv.Quote(output[:min(20, len(output))]))
		default:
			if column == columns {
				lines, column = append(lines, nil), 0
			}
			line := lines[len(lines)-1]
			for len(line) <= column {
				line = append(line, ' ')
			}
			line[column] = r
			lines[len(lines)-1] = line
			column++
		}
		output = output[size:]
	}
	var shown []string
	for _, line := range lines {
		shown = append(shown, strings.TrimRight(string(line), " "))
	}
	return shown, nil
}
