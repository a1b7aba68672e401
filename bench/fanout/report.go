package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A table is printed once for each measure.
type table struct {
	title  string
	header []string
	rows   [][]string
}

// print writes the table in columns, the first to the left and the others to
// the right; as Markdown it is the same with bars between.
func (t table) print(w io.Writer, markdown bool) {
	width := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	begin, between, end := "  ", "   ", ""
	if markdown {
		begin, between, end = "| ", " | ", " |"
	}
	line := func(row []string) {
		cells := make([]string, len(row))
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				cells[i] = cell + pad
			} else {
				cells[i] = pad + cell
			}
		}
		fmt.Fprintln(w, strings.TrimRight(begin+strings.Join(cells, between)+end, " "))
	}
	fmt.Fprintf(w, "\n%s\n\n", t.title)
	line(t.header)
	if markdown {
		rule := []string{strings.Repeat("-", width[0])}
		for _, n := range width[1:] {
			rule = append(rule, strings.Repeat("-", max(n-1, 1))+":")
		}
		line(rule)
	}
	for _, row := range t.rows {
		line(row)
	}
}

// A bar is a ratio that must not be exceeded.
type bar struct {
	text  string  // "cpu: matchwire / bare"
	ratio float64 // 0: not measured
	most  float64
}

func (b bar) holds() bool { return b.ratio > 0 && b.ratio <= b.most }

func (b bar) String() string {
	switch {
	case b.ratio == 0:
		return fmt.Sprintf("not measured    %s, bar ≤ %.2f", b.text, b.most)
	case b.holds():
		return fmt.Sprintf("holds           %s = %.2f, bar ≤ %.2f", b.text, b.ratio, b.most)
	}
	return fmt.Sprintf("DOES NOT HOLD   %s = %.2f, bar ≤ %.2f", b.text, b.ratio, b.most)
}

// figures are what the rounds brought, by server and what was measured of it.
type figures map[string][]float64

func (f figures) add(name string, v float64) { f[name] = append(f[name], v) }

// median is that of all rounds; 0 if there was none.
func (f figures) median(name string) float64 {
	all := slices.Sorted(slices.Values(f[name]))
	n := len(all)
	if n == 0 {
		return 0
	}
	return (all[(n-1)/2] + all[n/2]) / 2
}

// ratio is that of two medians; 0 if one is missing.
func (f figures) ratio(a, b string) float64 {
	if f.median(b) == 0 {
		return 0
	}
	return f.median(a) / f.median(b)
}

// cells are the median and the range of the rounds.
func (f figures) cells(name string) []string {
	if len(f[name]) == 0 {
		return []string{"–", "–"}
	}
	return []string{number(f.median(name)), number(slices.Min(f[name])) + " to " + number(slices.Max(f[name]))}
}

// rows has a line for each server, with figure, range and ratio to the first.
func (f figures) table(title, unit string, names []string, bars ...bar) table {
	t := table{title: title, header: []string{"server", unit, "lowest to highest", "of " + names[0]}}
	for _, name := range names {
		t.rows = append(t.rows, append(append([]string{name}, f.cells(name)...), ratio(f.ratio(name, names[0]))))
	}
	for _, b := range bars {
		_, text, _ := strings.Cut(b.text, ": ")
		t.rows = append(t.rows, []string{text, ratio(b.ratio), fmt.Sprintf("bar ≤ %.2f", b.most), ""})
	}
	return t
}

func ratio(r float64) string {
	if r == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", r)
}

// number writes three or four digits of v.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
