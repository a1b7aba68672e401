package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// goFile checks the comments, strings and identifiers of a Go file. It skips strings without white
// space, because they are names. It also skips raw strings in tests, because they are pages and
// configs.
func (r *rules) goFile(file, text string) ([]finding, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var all []finding
	line := func(p token.Pos) int { return set.Position(p).Line }
	for _, group := range parsed.Comments {
		for _, b := range comments(group, line) {
			all = append(all, r.words(file, b)...)
		}
	}
	test := strings.HasSuffix(file, "_test.go")
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			raw := strings.HasPrefix(n.Value, "`")
			if n.Kind != token.STRING || raw && test {
				return true
			}
			if value, err := strconv.Unquote(n.Value); err == nil && strings.ContainsAny(value, " \n") {
				for _, f := range r.words(file, block{1, value}) {
					if f.line += line(n.Pos()) - 1; !raw {
						f.line = line(n.Pos()) // an escaped \n is not a line break in the file
					}
					all = append(all, f)
				}
			}
		case *ast.Ident:
			if replacement := r.identifier(file, n.Name); replacement != "" {
				all = append(all, finding{file, line(n.Pos()), fmt.Sprintf("identifier %s: write %s", n.Name, replacement)})
			}
		}
		return true
	})
	slices.SortStableFunc(all, func(a, b finding) int { return a.line - b.line })
	return all, nil
}

// comments returns the text of a comment group in blocks. Consecutive line comments form one block, so that
// phrases across line breaks are found. Directives such as //go:embed are omitted.
func comments(group *ast.CommentGroup, line func(token.Pos) int) []block {
	var all []block
	for _, c := range group.List {
		if body, ok := strings.CutPrefix(c.Text, "/*"); ok {
			all = append(all, block{line(c.Pos()), strings.TrimSuffix(body, "*/")})
			continue
		}
		body := strings.TrimPrefix(c.Text, "//")
		if body != "" && body[0] != ' ' && body[0] != '\t' {
			body = ""
		}
		if last := len(all) - 1; last >= 0 && all[last].lineAt(len(all[last].text))+1 == line(c.Pos()) {
			all[last].text += "\n" + body
		} else {
			all = append(all, block{line(c.Pos()), body})
		}
	}
	return all
}
