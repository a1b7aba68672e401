package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv"
)

// buildFolder is the folder of the built program.
var buildFolder string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if buildFolder, err = os.MkdirTemp("", "matchwire-chaos-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(buildFolder)
		return m.Run()
	}())
}

// buildOnce builds the program in its first call, and returns its path. If the tests run with the race
// detector, so does the program.
var buildOnce = sync.OnceValues(func() (program string, err error) {
	program = filepath.Join(buildFolder, "matchwire")
	args := []string{"build", "-o", program}
	if testenv.Race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "../../cmd/matchwire")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return program, nil
})

// build returns the path of the program, which it builds first if necessary.
func build(t *testing.T) string {
	t.Helper()
	program, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// Parts of the log lines that report that a process is ready.
const (
	parserReady    = "parser ready"
	consumersReady = "consumer=scoreboard keys"
	fanoutReady    = "msg=serving"
)

// A process is a running matchwire with one or more roles. It can be killed and restarted.
type process struct {
	t       *testing.T
	name    string
	program string
	args    []string
	env     []string
	log     string // path of the log file

	cmd *exec.Cmd
}

// start starts the process and waits until it logs the text ready.
func (p *process) start(ready string) {
	p.t.Helper()
	before := strings.Count(p.output(), ready)
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer out.Close()
	p.cmd = exec.Command(p.program, p.args...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	logged := func() bool { return strings.Count(p.output(), ready) > before }
	testenv.Eventually(p.t, logged, "%s to log %q; its log:\n%s", p.name, ready, latest{p})
}

// output returns the log of the process since its first start.
func (p *process) output() string {
	b, _ := os.ReadFile(p.log)
	return string(b)
}

// tail returns the last 5,000 bytes of the log.
func (p *process) tail() string {
	s := p.output()
	return s[max(0, len(s)-5000):]
}

// latest is a Stringer. Its String method returns the current end of a process's log.
type latest struct{ p *process }

func (l latest) String() string { return l.p.tail() }

// kill kills the process with SIGKILL.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// stop sends SIGTERM, and fails the test unless the process exits with status 0. If the process is
// not running, stop does nothing.
func (p *process) stop() {
	if p.cmd == nil || p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%s: %v\n%s", p.name, err, p.tail())
	}
}
