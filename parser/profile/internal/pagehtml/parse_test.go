package pagehtml

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// pages returns small pages. The trees of most of them are larger than their markup suggests.
func pages() []string {
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "<b id=%d class=x>", i)
	}
	reopened := "<p>" + b.String() + strings.Repeat("<p>x</p>", 500)
	return []string{
		"", "<", "text", "<p>a<b>b</p>c</b>",
		reopened,
		"<table>" + reopened + "<td>" + reopened,
		strings.Repeat("<i id=a><i id=b><i id=c>"+strings.Repeat("<div>", 20)+strings.Repeat("</i>", 9)+
			strings.Repeat("</div>", 20), 30),
		strings.Repeat("<a href=x y=z>t<div>", 100) + strings.Repeat("<nobr>", 100),
		"<svg><title><b id='<b x y z>' x/y/z></title></svg>" + reopened,
		"<script>'<b x y z'</script><b t='>' x y z>" + reopened,
		"<body a=1><body b=2><html c=3><frameset>" + strings.Repeat("<td></p></br>", 300),
		"<b " + strings.Repeat("a b/c ", 2000) + strings.Repeat("d"+strings.Repeat("e", 100)+" ", 700) + ">" +
			strings.Repeat("<p>x</p>", 50),
		"<select><b x>" + reopened + "<template><tr><td>" + reopened + "<math><mi>" + reopened,
	}
}

// FuzzParse parses any page. It checks that the tree is within the limit, that the bound of the
// reader is not below the size of the tree, and that html.Parse returns the same tree.
func FuzzParse(f *testing.F) {
	for _, page := range pages() {
		f.Add([]byte(page))
	}
	f.Fuzz(func(t *testing.T, page []byte) {
		p := NewParser(len(page))
		r := p.reader(t.Context(), bytes.NewReader(page))
		got, err := html.ParseWithOptions(r, r.state.watch())
		if !r.state.isVisible() {
			t.Fatal("the HTML parser no longer has the fields of state: adapt state to the new version")
		}
		size := size(node(r.state.doc))
		if most := p.most + p.most/2; size > most { // the last chunk can exceed the limit by half
			t.Errorf("the tree has %d units, want at most %d", size, most)
		}
		if err != nil {
			return
		}
		if bound := r.counted + r.growth; size > bound+10 { // the bound does not include html, head and body
			t.Errorf("the tree has %d units, want at most the bound of %d", size, bound)
		}
		want, err := html.Parse(bytes.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := render(t, got), render(t, want); a != b {
			t.Errorf("the tree is\n%s\nwant the tree of html.Parse:\n%s", a, b)
		}
	})
}

func render(t *testing.T, n *html.Node) string {
	t.Helper()
	var b strings.Builder
	if err := html.Render(&b, n); err != nil {
		return err.Error()
	}
	return b.String()
}

// The limit applies to the total size of the trees of a page and its fragments.
func TestFragmentsCount(t *testing.T) {
	t.Parallel()
	p := NewParser(MaxUnits)
	root, err := p.Parse(t.Context(), strings.NewReader(strings.Repeat("<p>", MaxUnits/4)))
	if err != nil {
		t.Fatal(err)
	}
	in := root.FirstChild.LastChild
	for n := 0; ; n++ {
		_, err := p.Fragment(t.Context(), strings.Repeat("<p>", 10_000), in)
		switch {
		case errors.Is(err, ErrTooLarge) && n > 0:
			return
		case err != nil || n == 100:
			t.Fatalf("fragment %d: got error %v, want ErrTooLarge after some fragments", n, err)
		}
	}
}

// Parse stops when the context ends.
func TestParseStops(t *testing.T) {
	t.Parallel()
	why := errors.New("the process stops")
	ctx, cancel := context.WithCancelCause(t.Context())
	page := &counting{Reader: strings.NewReader(strings.Repeat("<p>", 1_000_000)), after: func(read int) {
		if read >= 200_000 {
			cancel(why)
		}
	}}
	p := NewParser(3_000_000)
	if _, err := p.Parse(ctx, page); !errors.Is(err, why) || page.read > 400_000 {
		t.Errorf("got error %v after %d bytes, want %v after at most 400,000 bytes", err, page.read, why)
	}
}

// A counting reader calls after with the total number of bytes read so far.
type counting struct {
	*strings.Reader
	read  int
	after func(read int)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	c.after(c.read)
	return n, err
}
