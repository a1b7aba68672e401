package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/matchwire/matchwire/internal/terminal"
)

// maxReading is the maximum length of a line of prose. Longer lines are hard to read.
const maxReading = 100

var (
	fence    = regexp.MustCompile("^\\s*(?:```|~~~)")
	heading  = regexp.MustCompile(`^#+\s+`)
	item     = regexp.MustCompile(`^(\s*)([-*+]|\d+[.)])\s+`)
	divider  = regexp.MustCompile(`^\s*\|?[\s|:-]+\|?\s*$`)
	codeSpan = regexp.MustCompile("`[^`]+`")
	link     = regexp.MustCompile(`!?\[([^\]]*)\]\(([^)]*)\)`)
	strong   = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// A reader renders a page of Markdown for a terminal.
type reader struct {
	columns int
	colors  bool
	out     strings.Builder
	open    string // the paragraph or item that may continue in the next line
	indent  int    // indentation of its further lines
}

// readable returns a page of Markdown for a terminal: lines of at most columns characters, indented code, aligned
// tables, and addresses after the texts of links. If colors is set, headings and strong texts are bold, and code has a
// colour.
func readable(page string, columns int, colors bool) string {
	r := &reader{columns: columns, colors: colors}
	code := false
	var table [][]string
	for line := range strings.SplitSeq(strings.TrimRight(page, "\n"), "\n") {
		isRow := !code && strings.HasPrefix(strings.TrimSpace(line), "|")
		if !isRow && table != nil {
			r.table(table)
			table = nil
		}
		switch {
		case fence.MatchString(line):
			r.end()
			code = !code
		case code:
			r.out.WriteString("    " + line + "\n")
		case isRow:
			r.end()
			if !divider.MatchString(line) {
				table = append(table, cells(line))
			}
		case strings.TrimSpace(line) == "":
			r.end()
			r.out.WriteString("\n")
		case heading.MatchString(line):
			r.end()
			text := terminal.Hang(plain(heading.ReplaceAllString(line, "")), 0, r.columns)
			r.out.WriteString(r.paint(terminal.Bold, text) + "\n")
		case item.MatchString(line):
			r.end()
			r.open, r.indent = line, utf8.RuneCountInString(item.FindString(line))
		case r.open != "":
			r.open += " " + strings.TrimSpace(line)
		default:
			r.open, r.indent = strings.TrimSpace(line), 0
		}
	}
	if table != nil {
		r.table(table)
	}
	r.end()
	return r.out.String()
}

// end writes the open paragraph or item.
func (r *reader) end() {
	if r.open != "" {
		r.out.WriteString(r.style(terminal.Hang(linked(r.open), r.indent, min(r.columns, maxReading))) + "\n")
		r.open = ""
	}
}

// style paints the code and the strong texts in wrapped text.
func (r *reader) style(text string) string {
	if !r.colors {
		return text
	}
	text = codeSpan.ReplaceAllStringFunc(text, func(span string) string {
		return r.paint(terminal.Cyan, strings.Trim(span, "`"))
	})
	return strong.ReplaceAllStringFunc(text, func(span string) string {
		return r.paint(terminal.Bold, strings.Trim(span, "*"))
	})
}

// paint returns the lines of a text in a style.
func (r *reader) paint(s terminal.Style, text string) string {
	if !r.colors {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		word := strings.TrimLeft(line, " ")
		lines[i] = line[:len(line)-len(word)] + s.Paint(word)
	}
	return strings.Join(lines, "\n")
}

// linked returns text with the address of each link after its text. A link to another page becomes a reference to its
// topic. It does not change code.
func linked(text string) string {
	spans := codeSpan.FindAllStringIndex(text, -1)
	var b strings.Builder
	end := 0
	for _, m := range link.FindAllStringSubmatchIndex(text, -1) {
		if slices.ContainsFunc(spans, func(code []int) bool { return code[0] < m[0] && m[0] < code[1] }) {
			continue
		}
		name := text[m[2]:m[3]]
		b.WriteString(text[end:m[0]] + name + address(name, text[m[4]:m[5]]))
		end = m[1]
	}
	return b.String() + text[end:]
}

// address returns what follows the text of a link.
func address(text, target string) string {
	name, isPage := strings.CutSuffix(strings.SplitN(target, "#", 2)[0], ".md")
	switch {
	case strings.HasPrefix(target, "#"), strings.Contains(target, text): // the text says it
		return ""
	case isPage && !strings.Contains(name, "/"):
		return fmt.Sprintf(" (help %s)", name)
	}
	return fmt.Sprintf(" (%s)", target)
}

// plain returns text without the marks of code and strong texts.
func plain(text string) string {
	return strings.ReplaceAll(strong.ReplaceAllString(linked(text), "$1"), "`", "")
}

// cells returns the cells of a row. A | in code, or after a backslash, does not end a cell.
func cells(row string) (all []string) {
	row = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(row), "|"), "|")
	var cell []byte
	code := false
	for i := 0; i < len(row); i++ {
		switch c := row[i]; {
		case c == '\\' && i+1 < len(row) && row[i+1] == '|':
			cell = append(cell, '|')
			i++
		case c == '|' && !code:
			all, cell = append(all, plain(strings.TrimSpace(string(cell)))), nil
		default:
			code = code != (c == '`')
			cell = append(cell, c)
		}
	}
	return append(all, plain(strings.TrimSpace(string(cell))))
}

// maxFirst is the maximum width of a cell beside other cells that are broken between words.
const maxFirst = 30

// table writes a table. If its columns do not fit beside each other, each row is a list of its cells.
func (r *reader) table(rows [][]string) {
	r.end()
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	last := len(widths) - 1
	start := 2 * last
	for _, w := range widths[:last] {
		start += w
	}
	wide := start+widths[last] > r.columns &&
		(start+maxFirst > r.columns || slices.ContainsFunc(widths[:last], func(w int) bool { return w > maxFirst }))
	for i, row := range rows {
		if wide {
			r.record(rows[0], row, i == 0)
			continue
		}
		line := ""
		for j, cell := range row {
			if j < len(row)-1 {
				cell += strings.Repeat(" ", widths[j]+2-utf8.RuneCountInString(cell))
			}
			line += cell
		}
		line = terminal.Hang(line, start, r.columns)
		if i == 0 {
			line = r.paint(terminal.Bold, line)
		}
		r.out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// record writes the cells of a row below each other, each after its heading. It writes nothing for the row of headings.
func (r *reader) record(headings, row []string, isHeading bool) {
	if isHeading {
		return
	}
	r.out.WriteString(r.paint(terminal.Bold, terminal.Hang("- "+row[0], 2, min(r.columns, maxReading))) + "\n")
	for i, cell := range row[1:] {
		if cell == "" {
			continue
		}
		if i+1 < len(headings) && headings[i+1] != "" && len(row) > 2 {
			cell = headings[i+1] + ": " + cell
		}
		r.out.WriteString(terminal.Hang("  "+cell, 2, min(r.columns, maxReading)) + "\n")
	}
}
