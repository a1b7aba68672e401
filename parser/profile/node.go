package profile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"
)

// ownText is the text that stands directly in an element.
func ownText(at *goquery.Selection) string {
	return goquery.Text(at, &goquery.TextOptions{Separator: " ", Keep: func(n *html.Node) bool { return n.Parent == at.Get(0) }})
}

// cssPath is a selector for exactly this element: from the nearest ancestor
// with an ID on, or from the root.
func cssPath(at *goquery.Selection) string {
	var steps []string
	for ; at.Length() > 0; at = at.Parent() {
		name := goquery.NodeName(at)
		if id, _ := at.Attr("id"); plainID.MatchString(id) {
			steps = append(steps, name+"#"+id)
			break
		}
		if name == "body" || name == "html" {
			steps = append(steps, name)
			break
		}
		steps = append(steps, fmt.Sprintf("%s:nth-child(%d)", name, at.Index()+1))
	}
	slices.Reverse(steps)
	return strings.Join(steps, " > ")
}

// plainID is an ID that a selector holds without escapes.
var plainID = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
