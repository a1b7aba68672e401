package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A table is the result of a measure.
type table struct {
	title  string
	header []string
	rows   [][]string
}

// print writes the table in columns, as text or Markdown. The first column is left-aligned, the
// others right-aligned.
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

// A limit is a measured ratio and the maximum that is permitted.
type limit struct {
	name  string  // such as "cpu: matchwire / bare"
	ratio float64 // 0: not measured
	max   float64
}

// ok reports whether the ratio was measured and does not exceed the limit.
func (l limit) ok() bool { return l.ratio > 0 && l.ratio <= l.max }

// text returns the limit for a cell of a table.
func (l limit) text() string { return fmt.Sprintf("limit %.2f", l.max) }

func (l limit) String() string {
	switch {
	case l.ratio == 0:
		return fmt.Sprintf("not measured  %s, %s", l.name, l.text())
	case l.ok():
		return fmt.Sprintf("ok            %s = %.2f, %s", l.name, l.ratio, l.text())
	}
	return fmt.Sprintf("EXCEEDED      %s = %.2f, %s", l.name, l.ratio, l.text())
}

// figures holds the results of all rounds. A key is the name of a server, followed by the name of a
// quantity if there are several.
type figures map[string][]float64

func (f figures) add(name string, v float64) { f[name] = append(f[name], v) }

// median returns the median of all rounds, or 0 if no round has a result.
func (f figures) median(name string) float64 {
	all := slices.Sorted(slices.Values(f[name]))
	n := len(all)
	if n == 0 {
		return 0
	}
	return (all[(n-1)/2] + all[n/2]) / 2
}

// ratio returns the ratio of two medians, or 0 if a median is missing.
func (f figures) ratio(a, b string) float64 {
	if f.median(b) == 0 {
		return 0
	}
	return f.median(a) / f.median(b)
}

// cells returns two cells: the median and the range of all rounds.
func (f figures) cells(name string) []string {
	if len(f[name]) == 0 {
		return []string{"–", "–"}
	}
	return []string{number(f.median(name)), number(slices.Min(f[name])) + " to " + number(slices.Max(f[name]))}
}

// table returns a table with a row for each server: median, range, and the ratio to the first
// server. A row for each limit follows.
func (f figures) table(title, unit string, names []string, limits ...limit) table {
	t := table{title: title, header: []string{"server", unit, "lowest to highest", "of " + names[0]}}
	for _, name := range names {
		t.rows = append(t.rows, append(append([]string{name}, f.cells(name)...), ratio(f.ratio(name, names[0]))))
	}
	for _, l := range limits {
		_, name, _ := strings.Cut(l.name, ": ")
		t.rows = append(t.rows, []string{name, ratio(l.ratio), l.text(), ""})
	}
	return t
}

// ratio formats r with two decimals. It returns a dash for 0, because then the ratio was not
// measured.
func ratio(r float64) string {
	if r == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", r)
}

// number formats v with at most two decimals.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
