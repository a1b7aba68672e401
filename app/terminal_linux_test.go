package app

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/matchwire/matchwire/internal/testenv"
)

// A terminalProcess is matchwire on a terminal of its own.
type terminalProcess struct {
	*process
	columns int
	ended   chan struct{} // closed after the last output
}

// startOnTerminal starts matchwire on a terminal with this number of columns.
func startOnTerminal(t *testing.T, columns uint16, env []string, args ...string) *terminalProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "MATCHWIRE_TEST_MAIN=1", "TERM=xterm", "CI=", "NO_COLOR=", "CLICOLOR=")
	cmd.Env = append(cmd.Env, env...)
	p := &terminalProcess{&process{t: t, name: strings.Join(args, " "), cmd: cmd}, int(columns), make(chan struct{})}
	f, err := pty.StartWithSize(p.cmd, &pty.Winsize{Rows: 30, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	go func() {
		_, _ = io.Copy(p, f) // ends with an error when the process closes the terminal
		close(p.ended)
	}()
	t.Cleanup(func() { p.stop(syscall.SIGTERM) })
	return p
}

// screen returns the lines that the terminal shows.
func (p *terminalProcess) screen() []string {
	p.t.Helper()
	lines, err := testenv.Screen(p.output(), p.columns)
	if err != nil {
		p.t.Fatal(err)
	}
	return lines
}

// On a terminal, run shows its state in a status line below the log, and removes it at the end.
func TestRunOnATerminal(t *testing.T) {
	site := newSite(t, nycTor)
	config := writeConfig(t, `
sources:
  - {url: "`+site.URL+`/match", profile: mls-matchcentre, match: terminal, every: 1s}
listen: 127.0.0.1:0
fetch: {private_addresses: true, ignore_robots: true}
`)
	p := startOnTerminal(t, 120, noServers, "run", "--config", config)
	status := regexp.MustCompile(`^1 source · latest page \d+s ago · [1-9]\d* events · 0 clients · health [a-z]`)
	p.eventually("the status line", func() bool {
		lines := p.screen()
		return status.MatchString(lines[len(lines)-1])
	})
	p.stop(syscall.SIGINT)
	<-p.ended
	lines := p.screen()
	if !slices.ContainsFunc(lines, regexp.MustCompile(`^\d\d:\d\d:\d\d  serving  address=127\.0\.0\.1:\d+`).MatchString) {
		t.Errorf("the terminal shows no line with the address:\n%s", strings.Join(lines, "\n"))
	}
	if !slices.ContainsFunc(lines, regexp.MustCompile(`^  Live page:  http://localhost:\d+$`).MatchString) {
		t.Errorf("the terminal shows no address of the live page:\n%s", strings.Join(lines, "\n"))
	}
	if slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, " · health ") }) {
		t.Errorf("after the end, the terminal still shows the status line:\n%s", strings.Join(lines, "\n"))
	}
}

// On a terminal, help wraps a page and shows it with the program in PAGER if it is longer than the screen.
func TestHelpOnATerminal(t *testing.T) {
	p := startOnTerminal(t, 80, []string{"PAGER=sed s/^/pager:/"}, "help", "security")
	<-p.ended
	screen := strings.Join(p.screen(), "\n")
	if !strings.Contains(screen, "pager:Security\n") || strings.Contains(screen, "](") ||
		strings.Contains(screen, "pager:#") {
		t.Errorf("help security shows:\n%s\nwant the page without Markdown, through the pager", screen)
	}
	p = startOnTerminal(t, 80, []string{"PAGER=sed s/^/pager:/"}, "help", "help")
	<-p.ended
	if screen := strings.Join(p.screen(), "\n"); strings.Contains(screen, "pager:") {
		t.Errorf("help help shows:\n%s\nwant no pager for a short text", screen)
	}
}
