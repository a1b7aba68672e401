package pagejson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// DecodeScript decodes the JSON at the beginning of a script's text. If the text begins with a
// JavaScript string, the JSON is in the string. DecodeScript ignores the text after the JSON or the
// string, such as the rest of the statement.
func DecodeScript(text string) (any, error) {
	text = strings.TrimLeft(text, " \t\r\n\ufeff") // some sites send byte order marks
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		inner, err := scriptString(text)
		if err != nil {
			return nil, err
		}
		text = inner
	}
	v, _, err := decodePrefix([]byte(text))
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("not JSON: the text is empty")
	case err != nil:
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return v, nil
}

// scriptString returns the value of the JavaScript string at the beginning of text. Unlike a JSON
// string, a JavaScript string can have single quotes and the escapes \x41, \', \v and \0. In the
// value, a space replaces \v and \0.
func scriptString(text string) (string, error) {
	quote := text[0]
	out := bytes.NewBufferString(`"`)
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			out.WriteByte('"')
			var s string
			if err := json.Unmarshal(out.Bytes(), &s); err != nil {
				return "", fmt.Errorf("decoding a JavaScript string: %w", err)
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
	return "", errors.New("decoding a JavaScript string: no closing quote")
}

// flightChunk matches a chunk of React's flight format. Pages that React renders on a server
// contain their data in this format. A chunk can end anywhere:
//
//	<script>self.__next_f.push([1,"5:{\"home\":\"Ajax\"}\n6:[\"$\",\"di"])</script>
//	<script>self.__next_f.push([1,"v\",null]\n"])</script>
//
// The joined chunks are lines with an ID and a value.
var flightChunk = regexp.MustCompile(`\.push\(\s*\[\s*1\s*,\s*("(?:[^"\\]|\\.)*")\s*\]\s*\)`)

// DecodeFlight returns the values in scripts by ID. It omits values that are neither JSON nor text.
// To find a value, use a jq query such as [.. | objects | select(has("homeTeam"))][0].
func DecodeFlight(scripts []string) (map[string]any, error) {
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
	var size counter
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
		// The value can follow a tag of capital letters.
		value := []byte(strings.TrimLeft(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		if err := size.add(value); err != nil {
			return nil, err
		}
		var v any
		if json.Unmarshal(value, &v) == nil {
			values[id] = v
		}
	}
	return values, nil
}

// flightText returns the text of a line such as "T1f4,…". The number after T is the length of the
// text in bytes, in hexadecimal. No line break follows the text, so after is the rest of the line.
// ok is false if the line has no such text.
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
