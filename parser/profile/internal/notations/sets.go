package notations

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// errNotSets means that a text does not contain the games of 1 to 5 sets.
var errNotSets = errors.New("is not a score in games: want 1 to 5 numbers, such as 6 7 10")

// ParseSets parses the games of one side in each set: 6 7(5) 10. It ignores the points of a
// tie-break in parentheses. The error describes the text, without quoting it.
func ParseSets(text string) (event.Line, error) {
	var line event.Line
	for _, word := range strings.FieldsFunc(parentheses.ReplaceAllString(text, " "), isBetweenNumbers) {
		if len(word) > 3 || strings.Trim(word, "0123456789") != "" {
			return nil, errNotSets
		}
		line = append(line, event.Innings{Runs: number(word)})
	}
	if n := len(line); n == 0 || n > len(event.Tennis.Rules().Periods) {
		return nil, errNotSets
	}
	return line, nil
}

// ParsePeriods parses the points of one side in each period: 30 28 31 24. The last periods can be
// unplayed: for example, baseball pages show x for a side that does not need to bat. most is the
// maximum number of periods. The error describes the text, without quoting it.
func ParsePeriods(text string, most int) (event.Line, error) {
	line, unplayed := event.Line{}, false
	for _, word := range strings.FieldsFunc(text, isBetweenNumbers) {
		switch {
		case slices.Contains([]string{"x", "-", "–", "—", "."}, strings.ToLower(word)):
			unplayed = true
		case len(word) > 3 || strings.Trim(word, "0123456789") != "":
			return nil, errors.New("is not a list of points, such as 30 28 31 24")
		case unplayed:
			return nil, errors.New("has points after a period that was not played")
		default:
			line = append(line, event.Innings{Runs: number(word)})
		}
	}
	if len(line) > most {
		return nil, fmt.Errorf("has %d periods: want at most %d", len(line), most)
	}
	return line, nil
}

// isBetweenNumbers reports whether a character separates two numbers in a list.
func isBetweenNumbers(r rune) bool { return strings.ContainsRune(" \t\n\u00a0,;|", r) }
