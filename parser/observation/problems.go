package observation

import (
	"fmt"
	"regexp"
	"strings"
)

// A Problem is a missing or invalid value on a page. The rest of the page is usable.
type Problem struct {
	Field   string `json:"field"` // such as "match.home", "matches row 7: match.home" or "incidents[0] row 3: clock"
	Message string `json:"message"`
}

// String returns "field: message".
func (p Problem) String() string { return p.Field + ": " + p.Message }

// maxPlaces is the maximum number of further rows that a line of [Summary] names.
const maxPlaces = 3

var (
	rowNumber = regexp.MustCompile(` row \d+`)
	quoted    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

// Summary returns a line for each cause, in the order of the first problem of each cause. Problems
// have the same cause if they differ only in their rows and in quoted texts. A line has the first
// problem of the cause, the number of problems, and the rows of the next few problems.
func Summary(problems []Problem) []string {
	type group struct {
		first Problem
		count int
		also  []string
	}
	groups := map[string]*group{}
	var order []*group
	for _, p := range problems {
		cause := rowNumber.ReplaceAllString(p.Field, "") + ": " + quoted.ReplaceAllString(p.Message, `""`)
		g := groups[cause]
		if g == nil {
			g = &group{first: p}
			groups[cause], order = g, append(order, g)
		} else if rows := rowNumber.FindAllString(p.Field, -1); len(g.also) < maxPlaces && rows != nil {
			g.also = append(g.also, strings.TrimSpace(strings.Join(rows, "")))
		}
		g.count++
	}
	lines := make([]string, len(order))
	for i, g := range order {
		lines[i] = g.first.String()
		if g.count == 1 {
			continue
		}
		more := fmt.Sprintf(" (%d times", g.count)
		if g.also != nil {
			more += ": also " + strings.Join(g.also, ", ")
			if g.count > 1+len(g.also) {
				more += ", …"
			}
		}
		lines[i] += more + ")"
	}
	return lines
}
