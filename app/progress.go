package app

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// A progress shows on a terminal how far a long job is. Elsewhere, and of a
// short one, it shows nothing.
type progress struct {
	f     *os.File // nil where nothing is shown
	unit  string   // "page"
	total int      // 0: nobody knows
	done  int
	drawn time.Time // or when it began
	shown bool
}

func newProgress(w io.Writer, unit string, total int) *progress {
	p := &progress{unit: unit, total: total, drawn: time.Now()}
	if f, ok := w.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		p.f = f
	}
	return p
}

const bar = "=============================="

// step says that one unit more is done. note is put behind the count.
func (p *progress) step(note string) {
	p.done++
	last := p.shown && p.done == p.total
	if p.f == nil || !last && time.Since(p.drawn) < 200*time.Millisecond {
		return
	}
	p.drawn, p.shown = time.Now(), true
	if p.total == 0 {
		fmt.Fprintf(p.f, "\r%s%s ", plural(p.done, p.unit), note)
		return
	}
	full := len(bar) * min(p.done, p.total) / p.total
	fmt.Fprintf(p.f, "\r[%-*s] %d of %s%s ", len(bar), bar[:full], p.done, plural(p.total, p.unit), note)
}

// end leaves the line, if one was drawn.
func (p *progress) end() {
	if p.shown {
		fmt.Fprintln(p.f)
	}
}
