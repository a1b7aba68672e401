package notations

import (
	"errors"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// ParseSets parses the games of one side in each set: 6 7(5) 10. It ignores the points of a tie-break in
// parentheses. The error describes the text, without quoting it.
func ParseSets(text string) (event.Line, error) {
	var line event.Line
	for _, word := range strings.FieldsFunc(parentheses.ReplaceAllString(text, " "), isBetweenSets) {
		if len(word) > 3 || strings.Trim(word, "0123456789") != "" {
			return nil, errors.New("is not a score in games")
		}
		line = append(line, event.Innings{Runs: number(word)})
	}
	if n := len(line); n == 0 || n > len(event.Tennis.Rules().Periods) {
		return nil, errors.New("is not a score in games")
	}
	return line, nil
}

// isBetweenSets reports whether a character separates two sets.
func isBetweenSets(r rune) bool { return strings.ContainsRune(" \t\n\u00a0,;|", r) }
