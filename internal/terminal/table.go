package terminal

import (
	"io"
	"strings"
	"unicode/utf8"
)

// A Table aligns the cells of rows. A row is a line of text. A tab ends each cell except the last one. On a
// terminal, the last cell of a row is broken between words. If the terminal is too narrow for that, the
// last columns are below the first ones.
type Table struct {
	out     io.Writer
	columns int // width of the terminal; 0 if the output is not a terminal
	text    strings.Builder
}

// NewTable returns a Table that Flush writes to w.
func NewTable(w Writer) *Table { return &Table{out: w, columns: w.columns} }

// Write adds text to the table. It never fails.
func (t *Table) Write(p []byte) (int, error) { return t.text.Write(p) }

const (
	between = 2  // spaces between two columns
	indent  = 4  // indentation of columns below the first ones
	minLast = 20 // minimum width of a last cell that is broken
)

// Flush writes the rows, and empties the table.
func (t *Table) Flush() error {
	var rows [][]string
	var widths []int // of the cells that are not the last ones of their rows
	last := 0        // width of the widest cell in the last column
	for line := range strings.Lines(t.text.String()) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		rows = append(rows, cells)
		for i, cell := range cells[:len(cells)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range rows {
		if len(cells) > len(widths) {
			last = max(last, utf8.RuneCountInString(cells[len(cells)-1]))
		}
	}
	t.text.Reset()
	columns := t.layOut(append(widths, min(last, minLast)))
	for _, cells := range rows {
		if _, err := io.WriteString(t.out, t.row(cells, columns)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// A column is the place of a column of the table.
type column struct {
	start int
	below bool // the column begins a new line, below the columns before it
}

// layOut returns the places of columns with these widths.
func (t *Table) layOut(widths []int) []column {
	columns := make([]column, len(widths))
	at := 0
	for i, width := range widths {
		if i > 0 && t.columns > 0 && at+width > t.columns {
			at, columns[i].below = indent, true
		}
		columns[i].start = at
		at += width + between
	}
	return columns
}

// row lays out the cells of a row.
func (t *Table) row(cells []string, columns []column) string {
	var lines []string
	line, at := "", 0
	for i, cell := range cells {
		if columns[i].below {
			lines = append(lines, strings.TrimRight(line, " "))
			line, at = "", 0
		}
		line += strings.Repeat(" ", max(0, columns[i].start-at)) + cell
		at = max(at, columns[i].start) + utf8.RuneCountInString(cell)
	}
	line = strings.TrimRight(line, " ")
	if t.columns > 0 && at > t.columns {
		last := cells[len(cells)-1]
		inner := len(last) - len(strings.TrimLeft(last, " "))
		line = Hang(line, columns[len(cells)-1].start+inner, t.columns)
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
