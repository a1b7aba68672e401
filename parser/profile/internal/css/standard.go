package css

import (
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strings"
)

// standard rewrites a modern CSS selector as one that cascadia supports. cascadia does not support
// :is, :where, or a combinator at the beginning of :has. For :has(a b), it wrongly matches an
// element that contains b but not a, if a contains the element.
//
//	:has(> a b)    →  :haschild(a:has(b))
//	:has(a > b)    →  :has(a:haschild(b))
//	:has(a, > b)   →  :not(:not(:has(a)):not(:haschild(b)))
//	:is(a, b)      →  :not(:not(a, b))
//
// If cascadia cannot express a selector, the error suggests an alternative.
func standard(css string) (string, error) {
	var out strings.Builder
	for {
		before, name, arguments, after, ok := cutFunction(css)
		if !ok {
			return out.String() + css, nil
		}
		function, err := standardFunction(name, arguments)
		if err != nil {
			return "", err
		}
		out.WriteString(before + function)
		css = after
	}
}

// standardFunction rewrites one function of a selector.
func standardFunction(name, arguments string) (string, error) {
	switch name {
	case "has":
		return standardHas(arguments)
	case "not", "haschild":
		inner, err := standard(arguments)
		return ":" + name + "(" + inner + ")", err
	case "is", "where":
		inner, err := standard(arguments)
		return ":not(:not(" + inner + "))", err
	}
	return ":" + name + "(" + arguments + ")", nil
}

// standardHas rewrites the function :has.
func standardHas(arguments string) (string, error) {
	var all []string
	for _, css := range alternatives(arguments) {
		condition, err := relative(css)
		if err != nil {
			return "", err
		}
		all = append(all, condition)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return ":not(:not(" + strings.Join(all, "):not(") + "))", nil
}

// relative returns the condition for a selector in :has. A selector that does not begin with a
// combinator applies to all descendants.
func relative(css string) (string, error) {
	css = strings.TrimSpace(css)
	condition := ":has("
	if child, ok := strings.CutPrefix(css, ">"); ok {
		css, condition = strings.TrimSpace(child), ":haschild("
	}
	if css == "" {
		return "", errors.New(":has() lacks a selector")
	}
	if css[0] == '+' || css[0] == '~' {
		return "", fmt.Errorf(":has(%s) is not supported: select the sibling itself, as in %q, "+
			"or include it in the row with siblings: true", css, "a "+css)
	}
	first, rest := cutCompound(css)
	first, err := standard(first)
	if err != nil {
		return "", err
	}
	if rest != "" {
		inner, err := relative(rest)
		if err != nil {
			return "", err
		}
		first += inner
	}
	return condition + first + ")", nil
}

// cutCompound cuts a selector before its first descendant or child combinator. rest is "", or
// begins with the combinator.
func cutCompound(css string) (first, rest string) {
	start := -1 // where the latest run of white space and combinators begins
	for i, c := range outside(css) {
		switch {
		case !strings.ContainsRune(" \t\r\n\f>+~", c):
			if run := css[max(start, 0):i]; start >= 0 && !strings.ContainsAny(run, "+~") {
				return css[:start], css[start:]
			}
			start = -1
		case start < 0:
			start = i
		}
	}
	return css, ""
}

// alternatives splits a selector at its commas.
func alternatives(css string) []string {
	var all []string
	last := 0
	for i, c := range outside(css) {
		if c == ',' {
			all, last = append(all, css[last:i]), i+1
		}
	}
	return append(all, css[last:])
}

var functionName = regexp.MustCompile(`:([A-Za-z-]+)$`)

// cutFunction finds the first function, such as :not(a), in a selector.
func cutFunction(css string) (before, name, arguments, after string, ok bool) {
	open := -1
	for i, c := range outside(css) {
		m := functionName.FindStringSubmatch(css[:i])
		switch {
		case c == '(' && m != nil:
			open, name = i, strings.ToLower(m[1])
		case c == ')' && open >= 0:
			return css[:open-len(name)-1], name, css[open+1 : i], css[i+1:], true
		}
	}
	return "", "", "", "", false
}

// outside returns the positions and runes of a selector that are neither escaped nor in strings,
// brackets or parentheses. It also returns the outermost brackets and parentheses themselves.
func outside(css string) iter.Seq2[int, rune] {
	return func(yield func(int, rune) bool) {
		var quote rune
		depth, escaped := 0, false
		for i, c := range css {
			closes := c == ')' || c == ']'
			if closes && quote == 0 && !escaped {
				depth--
			}
			if quote == 0 && !escaped && depth <= 0 && c != '\\' && !yield(i, c) {
				return
			}
			switch {
			case escaped:
				escaped = false
			case c == '\\':
				escaped = true
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == '(' || c == '[':
				depth++
			}
		}
	}
}
