package terminal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// NewLogHandler returns a handler that writes log lines for people: the local time, the level unless it is Info, the
// message and the attributes. Values that are not printable are quoted. Long lists are shortened. Long lines are broken
// between words. columns returns the width of the terminal, or 0 for no limit.
func NewLogHandler(w io.Writer, level slog.Leveler, colors bool, columns func() int) slog.Handler {
	h := &logHandler{out: w, colors: colors, columns: columns, shared: &logBuffer{}}
	h.attrs = slog.NewTextHandler(&h.shared.text, &slog.HandlerOptions{Level: level, ReplaceAttr: attrOnly})
	return h
}

// A logHandler writes the beginning of a line. A [slog.TextHandler] formats the rest, the attributes.
type logHandler struct {
	out     io.Writer
	colors  bool
	columns func() int
	attrs   slog.Handler // writes to shared
	shared  *logBuffer
}

// A logBuffer holds the line that is being formatted.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const maxShown = 5 // elements of a list in an attribute

// attrOnly removes the time, the level and the message, which logHandler writes. An attribute of the program with
// one of their names is lost. It shortens long lists.
func attrOnly(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	if list, ok := a.Value.Any().([]string); ok && len(list) > maxShown {
		a.Value = slog.StringValue(fmt.Sprintf("%v and %d more", list[:maxShown], len(list)-maxShown))
	}
	return a
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.attrs.Enabled(ctx, level)
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	h.shared.mu.Lock()
	defer h.shared.mu.Unlock()
	attrs := &h.shared.text
	attrs.Reset()
	if err := h.attrs.Handle(ctx, r); err != nil {
		return err
	}
	at, level := r.Time.Local().Format(time.TimeOnly), ""
	if r.Level != slog.LevelInfo {
		level = r.Level.String() + "  "
	}
	head := at + "  " + level
	rest := oneLine(r.Message) + "  " + strings.TrimSuffix(attrs.String(), "\n")
	if columns := h.columns(); columns > 0 {
		rest = Hang(head+rest, len(at)+2, columns)[len(head):]
	}
	rest = strings.TrimRight(rest, " ")
	if h.colors {
		message := min(len(oneLine(r.Message)), len(rest)) // breaks between words keep the length
		head = Dim.Paint(at) + "  "
		if level != "" {
			head += levelStyle(r.Level).Paint(level)
		}
		rest = rest[:message] + Dim.Paint(rest[message:])
	}
	_, err := io.WriteString(h.out, head+rest+"\n")
	return err
}

// levelStyle returns the style of a level.
func levelStyle(level slog.Level) Style {
	switch {
	case level >= slog.LevelError:
		return Red
	case level >= slog.LevelWarn:
		return Yellow
	}
	return Dim
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.attrs = h.attrs.WithAttrs(attrs)
	return &next
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	next := *h
	next.attrs = h.attrs.WithGroup(name)
	return &next
}
