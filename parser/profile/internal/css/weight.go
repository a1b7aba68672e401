package css

import (
	"strings"

	"golang.org/x/net/html"
)

// maxWeight is the maximum number of steps to test one element. cascadia cannot be interrupted
// while it tests an element, and it tries all combinations of ancestors, siblings and descendants.
// On captured pages, the selectors of the shipped profiles need at most a tenth of maxWeight.
const maxWeight = 200_000_000

// A shape contains the numbers that describe the size of a page's tree.
type shape struct {
	root     *html.Node
	nodes    float64
	depth    float64 // of the deepest node
	siblings float64 // maximum number of children of a node
	pairs    float64 // sum of the squares of the numbers of children
	below    float64 // sum of the numbers of descendants of all nodes
	text     float64 // bytes of text
	texts    float64 // sum, over all nodes, of the bytes of text below the node
}

// add adds a node and its descendants. depth is the depth of the node.
func (s *shape) add(n *html.Node, depth float64) {
	s.nodes++
	s.below += depth
	s.depth = max(s.depth, depth)
	if n.Type == html.TextNode {
		s.text += float64(len(n.Data))
		s.texts += depth * float64(len(n.Data))
	}
	children := 0.0
	for child := range n.ChildNodes() {
		children++
		s.add(child, depth+1)
	}
	s.siblings = max(s.siblings, children)
	s.pairs += children * children
}

// A weight contains maximum numbers of steps to test elements with a selector.
type weight struct {
	one   float64 // to test one element
	level float64 // to test all children of one element, which have no descendants in common
	all   float64 // to test all elements once
}

func (w *weight) add(v weight) {
	w.one += v.one
	w.level += v.level
	w.all += v.all
}

// weight returns the weight of a selector that cascadia supports.
func (s *shape) weight(css string) (w weight) {
	for _, one := range alternatives(css) {
		w.add(s.complexWeight(one))
	}
	return w
}

// complexWeight returns the weight of compounds with combinators. cascadia tests the last compound,
// and then the compounds before it on each element that the combinator reaches.
func (s *shape) complexWeight(css string) weight {
	const combinators = " \t\r\n\f>+~"
	css = strings.TrimSpace(css)
	var before weight
	run := ""   // the combinators between before and the next compound
	last := 0   // where the next compound begins
	start := -1 // where the latest run of combinators begins
	for i, c := range outside(css) {
		switch {
		case strings.ContainsRune(combinators, c):
			if start < 0 {
				start = i
			}
		case start >= 0:
			before = s.combined(before, run, s.compoundWeight(css[last:start]))
			run, last, start = css[start:i], i, -1
		}
	}
	return s.combined(before, run, s.compoundWeight(css[last:]))
}

// combined returns the weight of a compound together with the selector before the compound. w is
// the weight of the compound alone.
func (s *shape) combined(before weight, combinators string, w weight) weight {
	reached := before.one // steps to test the elements that the combinator reaches from one element
	switch {
	case combinators == "":
		return w
	case strings.ContainsRune(combinators, '~'):
		reached = min(s.siblings*before.one, before.level, before.all)
	case strings.ContainsRune(combinators, '+'):
		w.add(weight{s.siblings + before.one, s.siblings*s.siblings + before.level, s.pairs + before.all})
		return w
	case strings.ContainsRune(combinators, '>'):
	default:
		reached = min(s.depth*before.one, before.all)
	}
	w.add(weight{reached, s.siblings * reached, s.nodes * reached})
	return w
}

// compoundWeight returns the weight of a compound, such as li.goal:has(b). If an element does not
// have the key of the compound, cascadia does not test the rest of the compound.
func (s *shape) compoundWeight(css string) weight {
	w := s.functionsWeight(css)
	if w.all > maxWeight/200 { // for a smaller weight, counting is not worth the time
		w.all = min(w.all, s.nodes+w.one*float64(s.count(keyOf(css))))
	}
	return w
}

// count returns the number of elements that may have a key.
func (s *shape) count(k Key) (n int) {
	for in := range s.root.Descendants() {
		if in.Type == html.ElementNode && k.mayMatch(in) {
			n++
		}
	}
	return n
}

// functionsWeight returns the weight of a compound that cascadia tests completely on all elements.
func (s *shape) functionsWeight(css string) weight {
	w := weight{1, s.siblings, s.nodes}
	siblings := weight{s.siblings, s.siblings * s.siblings, s.pairs}
	for {
		before, name, arguments, after, ok := cutFunction(css)
		if !ok {
			before = css
		}
		for range strings.Count(before, ":") { // pseudo-classes without arguments, such as :empty
			w.add(siblings)
		}
		if strings.Contains(before, "abled") { // :enabled or :disabled
			one := s.depth * s.siblings
			w.add(weight{one, s.siblings * one, s.nodes * one})
		}
		if !ok {
			return w
		}
		switch inner := s.weight(arguments); name {
		case "not":
			w.add(inner)
		case "has":
			w.add(weight{inner.all, inner.all, s.depth * inner.all})
		case "haschild":
			one := min(inner.level, inner.all)
			w.add(weight{one, min(s.siblings*one, inner.all), inner.all})
		case "contains", "containsown":
			w.add(weight{s.nodes + s.text/8, s.nodes + s.text/8, s.below + s.texts/8})
		case "matches", "matchesown":
			w.add(weight{s.nodes + s.text*4, s.nodes + s.text*4, s.below + s.texts*4})
		case "lang":
			w.add(weight{s.depth, s.depth * s.siblings, s.below})
		default:
			w.add(siblings)
		}
		css = after
	}
}
