package terminal

import (
	"fmt"
	"strings"
	"testing"
)

// A table fits on its terminal. Without a terminal, each row is one line.
func TestTable(t *testing.T) {
	t.Parallel()
	const rows = "NAME\tID\tREASON\nann\t0123456789\tthe first reason is long\n\n" +
		"\t  indented and longer than the others\n\u202ebea\t9\t\nno cells\n"
	for columns, want := range map[int]string{
		0: `NAME  ID          REASON
ann   0123456789  the first reason is long

        indented and longer than the others
` + "\ufffd" + `bea  9
no cells
`,
		40: `NAME  ID          REASON
ann   0123456789  the first reason is
                  long

        indented and longer than the
        others
` + "\ufffd" + `bea  9
no cells
`,
		30: `NAME  ID
    REASON
ann   0123456789
    the first reason is long

        indented and longer
        than the others
` + "\ufffd" + `bea  9
no cells
`,
	} {
		var out strings.Builder
		table := NewTable(Writer{&out, columns})
		fmt.Fprint(table, rows)
		if err := table.Flush(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("in %d columns, the table is\n%s\nwant\n%s", columns, out.String(), want)
		}
		if err := table.Flush(); err != nil || out.String() != want {
			t.Errorf("the second Flush wrote\n%s\nerror %v, want nothing", strings.TrimPrefix(out.String(), want), err)
		}
	}
}

// A column that does not fit beside a wide first column is below it.
func TestTableWithAWideColumn(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	table := NewTable(Writer{&out, 30})
	fmt.Fprint(table, "a first cell of 28 characters\tsecond\tthird\n\tx\ty\n")
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	const want = "a first cell of 28 characters\n    second  third\n\n    x       y\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// Long lines are broken between words. What follows is indented more than the beginning.
func TestWriterBreaksLines(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	fmt.Fprint(Writer{&out, 20}, "short\n  a line  of more than twenty\naverylongwordthatcannotbebroken at all\n")
	const want = "short\n  a line  of more\n    than twenty\naverylongwordthatcannotbebroken\n  at all\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
