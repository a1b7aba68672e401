package pagehtml

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"golang.org/x/net/html/atom"
)

// The limits of one chunk.
const (
	maxChunk = 64 << 10 // bytes
	minChunk = 16       // bytes, enough for the name of a tag
	maxTags  = 32
)

// maxBodies is the maximum number of body and html tags. The parser merges the attributes of each
// such tag with the attributes of all earlier tags.
const maxBodies = 32

// A reader passes a page to the HTML parser in chunks. Before each chunk, it computes an upper
// bound on the size of the tree: the size when the tree was last counted, plus the maximum growth
// since. When the bound reaches the limit, the reader counts the tree again. Read fails if the tree
// is too large, or if the context has ended.
//
// The growth per tag is limited, because for each tag the parser creates at most:
//   - four elements and two texts, for the tag, the elements that it implies and the text after it
//   - two copies of all active formatting elements, when it reopens them
//   - eight copies of these elements in the adoption agency algorithm of the HTML standard, which
//     the parser runs for end tags of formatting elements, and for <a> and <nobr>
//
// The active formatting elements are those at the beginning of the chunk, and those that begin in
// the chunk.
type reader struct {
	stopped func() error // returns why the parser must stop, or nil
	state   state
	page    *bufio.Reader
	before  int // total size of the earlier trees
	most    int // maximum size of all trees

	counted int // size of the tree when it was last counted
	growth  int // maximum growth since the tree was last counted
	bodies  int // number of body and html tags
}

// Read reads the next chunk.
func (r *reader) Read(p []byte) (int, error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	if _, err := r.page.Peek(minChunk); err != nil && r.page.Buffered() == 0 {
		return 0, err
	}
	chunk, _ := r.page.Peek(min(r.page.Buffered(), len(p)))
	length, growth := r.cut(chunk)
	if r.growth += growth; growth > r.most/2 { // only a single tag can add so much
		return 0, ErrTooLarge
	}
	n := copy(p, chunk[:length])
	_, err := r.page.Discard(n)
	return n, err
}

// check returns an error if the tree is too large, or the context has ended.
func (r *reader) check() error {
	switch {
	case r.stopped() != nil:
		return r.stopped()
	case !r.state.isVisible():
		return io.EOF // see Parser.done
	case r.bodies > maxBodies:
		return fmt.Errorf("the page has more than %d body and html tags", maxBodies)
	case r.before+r.counted+r.growth <= r.most:
		return nil
	}
	r.counted, r.growth = r.state.size(), 0
	if r.before+r.counted > r.most*9/10 { // the next chunk needs the rest
		return ErrTooLarge
	}
	return nil
}

// cut returns the length of the next chunk, which is a prefix of b, and the maximum growth of the
// tree. Any text counts as the attributes of a formatting element, because a tag can have begun
// before the chunk.
func (r *reader) cut(b []byte) (at, growth int) {
	formatting := r.state.formatting() + r.state.attr.Len() + 2
	attributes := 0
	for tags := 0; ; tags++ {
		length := bytes.IndexByte(b[at:], '<')
		if length < 0 {
			length = len(b) - at
		}
		n := separators(b[at : at+length])
		attributes += n
		at += length
		switch {
		case at == len(b), at > 0 && (tags >= maxTags || growth >= r.most/25 || at+len("</strike>") > len(b)):
			return at, growth + attributes
		}
		formatting += n
		name, end := tagName(b[at+1:])
		growth += 12 + 2*formatting
		switch {
		case formattingElements[name]:
			if end || name == atom.A || name == atom.Nobr {
				growth += 8 * formatting
			}
			formatting += 2
		case !end && (name == atom.Body || name == atom.Html):
			r.bodies++
		}
		at++
	}
}

// formattingElements contains the elements that the parser reopens.
var formattingElements = map[atom.Atom]bool{
	atom.A: true, atom.B: true, atom.Big: true, atom.Code: true, atom.Em: true, atom.Font: true, atom.I: true,
	atom.Nobr: true, atom.S: true, atom.Small: true, atom.Strike: true, atom.Strong: true, atom.Tt: true, atom.U: true,
}

// tagName returns the name of the tag at the beginning of b. b does not contain the < of the tag.
// end reports whether the tag is an end tag.
func tagName(b []byte) (name atom.Atom, end bool) {
	if end = len(b) > 0 && b[0] == '/'; end {
		b = b[1:]
	}
	var lower [len("strike") + 1]byte
	n := 0
	for n < min(len(b), len(lower)) && (b[n]|0x20) >= 'a' && (b[n]|0x20) <= 'z' {
		lower[n] = b[n] | 0x20
		n++
	}
	return atom.Lookup(lower[:n]), end
}

// separators returns the maximum number of attributes that begin in a part of a tag: the number of
// pieces between white space, slashes and quotes.
func separators(b []byte) int {
	n, before := 0, byte(1)
	for _, c := range b {
		separator := isSeparator[c]
		n += int(before &^ separator)
		before = separator
	}
	return n
}

// isSeparator has 1 for the bytes after which an attribute can begin.
var isSeparator = [256]byte{' ': 1, '\t': 1, '\n': 1, '\r': 1, '\f': 1, '/': 1, '"': 1, '\'': 1}
