package pagejson

import "fmt"

// The limits of the JSON of a page. A feed of a megabyte has about 60,000 values, which are at most
// 20 levels deep.
const (
	MaxValues = 500_000
	MaxDepth  = 1000
	maxDigits = 400 // digits of an integer; a longer integer becomes a floating-point number
)

// A counter counts the JSON values of a page.
type counter int

// add counts the first JSON value in b, and all values inside it. It counts commas and brackets
// outside of strings. It returns an error if there are too many values or too many levels.
func (c *counter) add(b []byte) error {
	*c++
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case ',':
			*c++
		case '[', '{':
			*c++
			if depth++; depth > MaxDepth {
				return fmt.Errorf("the JSON has more than %d levels", MaxDepth)
			}
		case ']', '}':
			if depth--; depth <= 0 {
				return c.check()
			}
		}
	}
	return c.check()
}

// check returns an error if there are too many values.
func (c *counter) check() error {
	if *c > MaxValues {
		return fmt.Errorf("the JSON has more than %d values", MaxValues)
	}
	return nil
}
