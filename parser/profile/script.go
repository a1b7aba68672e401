package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/PuerkitoBio/goquery"
)

// embeddedJSON returns the JSON that stands in an HTML page where the rule says.
func (d *Document) embeddedJSON(ctx context.Context, r *Rule) (any, error) {
	if r.As == asFlight {
		scripts := d.page().find(r.CSS)
		if scripts.Length() == 0 {
			return nil, nothing("no element %s", r.CSS.text)
		}
		return decodeFlight(scripts.Map(func(_ int, script *goquery.Selection) string { return script.Text() })), nil
	}
	text, err := r.source(ctx, d.page())
	if err != nil {
		return nil, err
	}
	if text, err = r.cut(text); err != nil {
		return nil, err
	}
	v, err := decodeScript(text)
	if err != nil && strings.Contains(text, "__next_f.push") {
		err = fmt.Errorf("%w; it looks like React's flight chunks: as: flight", err)
	}
	return v, err
}

// decodeScript decodes the JSON that the text of a script begins with. What follows it, such as the
// rest of the statement, is ignored. A string that holds JSON, in the quotes and escapes of
// JavaScript, is decoded once more.
func decodeScript(text string) (any, error) {
	text = strings.TrimSpace(text)
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		inner, err := scriptString(text)
		if err != nil {
			return nil, err
		}
		text = inner
	}
	v, _, err := decodePrefix(strings.NewReader(text))
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("not JSON: the text is empty")
	case err != nil:
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return v, nil
}

// scriptString returns the value of the JavaScript string that text begins with. Unlike a JSON string
// it can be in single quotes and have the escapes \x41, \' and \v.
func scriptString(text string) (string, error) {
	quote := text[0]
	out := bytes.NewBufferString(`"`)
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			out.WriteByte('"')
			var s string
			if err := json.Unmarshal(out.Bytes(), &s); err != nil {
				return "", fmt.Errorf("a script string that cannot be read: %w", err)
			}
			return s, nil
		case c == '"':
			out.WriteString(`\"`)
		case c != '\\':
			out.WriteByte(c)
		case i+1 < len(text):
			i++
			switch e := text[i]; e {
			case 'x':
				out.WriteString(`\u00`)
			case '\'':
				out.WriteByte('\'')
			case 'v', '0':
				out.WriteByte(' ')
			default:
				out.WriteByte('\\')
				out.WriteByte(e)
			}
		}
	}
	return "", errors.New("a script string that does not end")
}

// Pages that React makes on a server carry their data in its "flight" format, in chunks that can end
// anywhere:
//
//	<script>self.__next_f.push([1,"5:{\"home\":\"Ajax\"}\n6:[\"$\",\"di"])</script>
//	<script>self.__next_f.push([1,"v\",null]\n"])</script>
//
// Joined, they are lines of an ID and a value.

var flightChunk = regexp.MustCompile(`\.push\(\s*\[\s*1\s*,\s*("(?:[^"\\]|\\.)*")\s*\]\s*\)`)

// decodeFlight returns an object with the value of each ID, for jq to search:
// [.. | objects | select(has("homeTeam"))][0].
func decodeFlight(scripts []string) map[string]any {
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
		// A capital letter before the value is a tag of React's.
		if json.Unmarshal([]byte(strings.TrimLeft(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")), &v) == nil {
			values[id] = v
		}
	}
	return values
}

// flightText returns a text that is preceded by its length in bytes, as in T1f4,…. It ends with its
// length and not with its line.
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
