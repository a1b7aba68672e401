package profile

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// Pages made by React on the server carry their data in "flight" format, cut
// into chunks that may end anywhere:
//
//	<script>self.__next_f.push([1,"5:{\"home\":\"Ajax\"}\n6:[\"$\",\"di"])</script>
//	<script>self.__next_f.push([1,"v\",null]\n"])</script>
//
// Put together they are lines of an ID and a value.

var flightChunk = regexp.MustCompile(`\.push\(\s*\[\s*1\s*,\s*("(?:[^"\\]|\\.)*")\s*\]\s*\)`)

// readFlight gives what the scripts hold: an object with the value of each ID,
// for jq to search: [.. | objects | select(has("homeTeam"))][0].
func readFlight(scripts []string) map[string]any {
	var stream strings.Builder
	for _, s := range scripts {
		for _, m := range flightChunk.FindAllStringSubmatch(s, -1) {
			var chunk string
			if json.Unmarshal([]byte(m[1]), &chunk) == nil {
				stream.WriteString(chunk)
			}
		}
	}
	values := map[string]any{}
	rest := stream.String()
	for rest != "" {
		id, line, ok := strings.Cut(rest, ":")
		if !ok {
			break
		}
		if text, after, ok := flightText(line); ok {
			values[id], rest = text, after
			continue
		}
		line, rest, _ = strings.Cut(line, "\n")
		var v any
		// A capital letter before the value says what React does with it.
		if json.Unmarshal([]byte(strings.TrimLeft(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")), &v) == nil {
			values[id] = v
		}
	}
	return values
}

// flightText reads a text that says its length in bytes, T1f4,…, and does not
// end its line.
func flightText(line string) (text, after string, ok bool) {
	if !strings.HasPrefix(line, "T") {
		return "", "", false
	}
	size, rest, _ := strings.Cut(line, ",")
	n, err := strconv.ParseUint(size[1:], 16, 31)
	if err != nil || int(n) > len(rest) {
		return "", "", false
	}
	return rest[:n], rest[n:], true
}
