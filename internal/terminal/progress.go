package terminal

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/matchwire/matchwire/internal/spelling"
)

// A Progress shows the progress of a command on a terminal. It shows nothing if the
// output is not a terminal or the command ends within 200 ms.
type Progress struct {
	f     *os.File // nil if the output is not a terminal, or its cursor must not move
	unit  string   // such as "page"
	total int      // 0 if unknown
	done  int
	drawn time.Time // time of the last update; before the first update, the time of NewProgress
	shown bool      // the progress line is on the terminal
}

// NewProgress returns a Progress that counts up to total units, such as pages. total is 0 if it is not known.
func NewProgress(w io.Writer, unit string, total int) *Progress {
	p := &Progress{unit: unit, total: total, drawn: time.Now()}
	if CursorMoves(os.Getenv) {
		p.f = File(w)
	}
	return p
}

const bar = "=============================="

// Step counts one more unit as done. It updates the progress line with the count and note, at most
// every 200 ms. If the line is on the terminal, Step always updates it for the last unit.
func (p *Progress) Step(note string) {
	p.done++
	last := p.shown && p.done == p.total
	if p.f == nil || !last && time.Since(p.drawn) < 200*time.Millisecond {
		return
	}
	p.drawn, p.shown = time.Now(), true
	if p.total == 0 {
		fmt.Fprintf(p.f, "\r%s%s ", spelling.Plural(p.done, p.unit), note)
		return
	}
	full := len(bar) * min(p.done, p.total) / p.total
	fmt.Fprintf(p.f, "\r[%-*s] %d of %s%s ", len(bar), bar[:full], p.done, spelling.Plural(p.total, p.unit), note)
}

// Add counts n more units as done.
func (p *Progress) Add(n int) {
	for range n {
		p.Step("")
	}
}

// Reach raises the number of units that are done to done.
func (p *Progress) Reach(done int) { p.Add(max(0, done-p.done)) }

// Clear removes the progress line, so that the command can print a line of its own.
func (p *Progress) Clear() {
	if p.shown {
		fmt.Fprint(p.f, clearLine)
		p.shown = false
	}
}

// End ends the progress line with a line feed, if the line is on the terminal.
func (p *Progress) End() {
	if p.shown {
		fmt.Fprintln(p.f)
	}
}
