package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
)

// decodeJSON decodes a whole page of JSON.
func decodeJSON(b []byte, v *any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	err := d.Decode(v)
	if err == nil && len(bytes.TrimSpace(b[d.InputOffset():])) > 0 {
		err = errors.New("something follows it")
	}
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	*v = numbers(*v)
	return nil
}

// numbers makes the numbers of a document those that jq takes, without losing
// digits: an ID of 19 digits is an integer, not a float.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.Atoi(v.String()); err == nil {
			return n
		}
		if n, ok := new(big.Int).SetString(v.String(), 10); ok {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

// decodeScript decodes the JSON that a script's text begins with, whatever
// follows it: the rest of the assignment is nobody's business. A string that
// holds JSON, in the script's own quotes and escapes, is decoded once more.
func decodeScript(text string, v *any) error {
	text = strings.TrimSpace(text)
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		inner, err := scriptString(text)
		if err != nil {
			return err
		}
		text = inner
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("not JSON: the text is empty")
		}
		return fmt.Errorf("not JSON: %w", err)
	}
	*v = numbers(*v)
	return nil
}

// scriptString reads the JavaScript string that text begins with. JSON has
// neither its single quotes nor \x41, \' and \v.
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
