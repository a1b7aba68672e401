package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/matchwire/matchwire/internal/terminal"
)

// width is the maximum length of a line of help.
const width = 80

// Help returns the help of a command: how to call it, Short, Long, its subcommands and its flags. Long
// consists of paragraphs. Lines that begin with a space keep their line breaks. If such a line has a
// term and a text, with two or more spaces between them, the text is wrapped in its column. Lines below it that begin
// in this column continue the text.
func Help(cmd *cobra.Command) string {
	var b strings.Builder
	call := []string{cmd.CommandPath()}
	if cmd.HasAvailableSubCommands() {
		call = append(call, "COMMAND")
	}
	call = append(append(call, strings.Fields(cmd.Use)[1:]...), "[flags]")
	fmt.Fprintf(&b, "Usage: %s\n", strings.Join(call, " "))
	for _, text := range []string{cmd.Short, cmd.Long} {
		if text != "" {
			b.WriteString("\n" + Wrap(text, width) + "\n")
		}
	}
	var commands, own, common [][2]string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			commands = append(commands, [2]string{sub.Name(), sub.Short})
		}
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			own = append(own, flagRow(f))
		}
	})
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			common = append(common, flagRow(f))
		}
	})
	writeRows(&b, "Commands", commands)
	writeRows(&b, "Flags", own)
	writeRows(&b, "Flags of all commands", common)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nFor the help of a command, run %s COMMAND --help.\n", cmd.CommandPath())
		if !cmd.HasParent() {
			fmt.Fprintf(&b, "For a page of the documentation, run %s help TOPIC.\n", cmd.CommandPath())
			for _, sub := range cmd.Commands() {
				if topics := sub.Annotations[pagesAnnotation]; topics != "" {
					fmt.Fprintln(&b, terminal.Hang("Topics: "+topics+".", 0, width))
				}
			}
		}
	}
	return b.String()
}

// flagRow returns how to set a flag, and its description.
func flagRow(f *pflag.Flag) [2]string {
	placeholder, text := pflag.UnquoteUsage(f)
	name := "    --" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", --" + f.Name
	}
	if placeholder != "" {
		name += " " + placeholder
	}
	if !slices.Contains([]string{"", "false", "0", "0s"}, f.DefValue) && !strings.Contains(text, "(default: ") {
		text = strings.TrimSuffix(text, ".") + " (default: " + f.DefValue + ")."
	}
	if variables := f.Annotations[envAnnotation]; len(variables) > 0 {
		text += " Also set by " + variables[0] + "."
	}
	return [2]string{name, text}
}

// writeRows writes a heading and a table of two columns. It writes nothing if there are no rows.
func writeRows(b *strings.Builder, heading string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	column := 0
	for _, r := range rows {
		column = max(column, utf8.RuneCountInString(r[0]))
	}
	b.WriteString("\n" + heading + ":\n")
	for _, r := range rows {
		line := fmt.Sprintf("  %-*s  %s", column, r[0], r[1])
		b.WriteString(terminal.Hang(line, column+4, width) + "\n")
	}
}

// Wrap breaks the lines of a text, so that no line is longer than width unless a single word is.
func Wrap(text string, width int) string {
	var lines, paragraph []string
	column := 0 // of the text of the paragraph
	end := func() {
		if paragraph != nil {
			lines = append(lines, terminal.Hang(strings.Join(paragraph, " "), column, width))
		}
		paragraph, column = nil, 0
	}
	for line := range strings.SplitSeq(text, "\n") {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		switch {
		case paragraph != nil && line != "" && indent == column:
			paragraph = append(paragraph, line[indent:])
		case line == "", indent > 0:
			end()
			if term, rest, ok := strings.Cut(line[indent:], "  "); ok {
				term += strings.Repeat(" ", 2+len(rest)-len(strings.TrimLeft(rest, " ")))
				paragraph, column = []string{line}, indent+utf8.RuneCountInString(term)
				continue
			}
			lines = append(lines, terminal.Hang(line, indent, width))
		default:
			end()
			paragraph = append(paragraph, line)
		}
	}
	end()
	return strings.Join(lines, "\n")
}
