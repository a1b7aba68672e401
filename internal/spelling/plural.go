package spelling

import (
	"fmt"
	"strings"
)

// Plural returns n and the noun, in the plural unless n is 1. The plural ends with s, or with es after ch.
func Plural(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "ch"):
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
