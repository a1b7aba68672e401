// Package pagejson decodes JSON pages, and the JSON in the scripts of HTML pages. The values have
// the types that gojq supports.
package pagejson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
)

// Decode decodes a JSON page.
func Decode(b []byte) (any, error) {
	v, length, err := decodePrefix(b)
	if err == nil && len(bytes.TrimSpace(b[length:])) > 0 {
		err = errors.New("text follows the value")
	}
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return v, nil
}

// decodePrefix decodes the JSON value at the beginning of text. length is the number of bytes up to
// the end of the value.
func decodePrefix(text []byte) (v any, length int64, err error) {
	if err := new(counter).add(text); err != nil {
		return nil, 0, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, 0, err
	}
	return jqNumbers(v), d.InputOffset(), nil
}

// jqNumbers converts the numbers in a value to types that gojq supports. It modifies v. Integers
// of up to maxDigits digits keep all their digits: an ID of 19 digits does not become a float.
func jqNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.Atoi(v.String()); err == nil {
			return n
		}
		if len(v) <= maxDigits {
			if n, ok := new(big.Int).SetString(v.String(), 10); ok {
				return n
			}
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = jqNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = jqNumbers(v[k])
		}
	}
	return v
}
