package cli

import (
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/matchwire/matchwire/internal/terminal"
)

// show writes a page of Markdown to out. On a terminal, it formats the page. If the page is longer than the screen,
// show pipes it to the program in the variable PAGER, or to the program less if PAGER is empty.
func show(out io.Writer, page string, getenv func(string) string) error {
	screen := terminal.File(out)
	if screen == nil {
		_, err := io.WriteString(out, page)
		return err
	}
	text := readable(page, terminal.Columns(out), terminal.Colors(out, getenv))
	if rows := terminal.Rows(out); rows == 0 || strings.Count(text, "\n") < rows {
		_, err := io.WriteString(out, text)
		return err
	}
	pager := strings.Fields(getenv("PAGER"))
	if len(pager) == 0 {
		pager = []string{"less", "-R"}
	}
	program, err := exec.LookPath(pager[0])
	if err != nil || getenv("TERM") == "dumb" {
		_, err := io.WriteString(out, text)
		return err
	}
	cmd := exec.Command(program, pager[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), screen, os.Stderr
	cmd.Env = append(os.Environ(), "LESSCHARSET=utf-8")
	if getenv("LESS") == "" {
		cmd.Env = append(cmd.Env, "LESS=-R")
	}
	return cmd.Run()
}
