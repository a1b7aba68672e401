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

// programs is the folder of the built program.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if programs, err = os.MkdirTemp("", "matchwire-chaos-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(programs)
		return m.Run()
	}())
}

// built builds the program once and returns its path. If the tests run with the race detector, so
// does the program.
var built = sync.OnceValues(func() (program string, err error) {
	program = filepath.Join(programs, "matchwire")
	args := []string{"build", "-o", program}
	if testenv.Race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "../../cmd/matchwire")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return program, nil
})

// build returns the path of the program.
func build(t *testing.T) string {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// Parts of the log lines that report that a role is ready.
const (
	parserReady    = "parser ready"
	consumersReady = "consumer=scoreboard keys"
	fanoutReady    = "msg=serving"
)

// A role is a process of the pipeline. It can be killed and restarted.
type role struct {
	t       *testing.T
	name    string
	program string
	args    []string
	env     []string
	log     string // path of the log file

	cmd *exec.Cmd
}

// start starts the process and waits until it logs the text ready.
func (r *role) start(ready string) {
	r.t.Helper()
	before := strings.Count(r.output(), ready)
	out, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer out.Close()
	r.cmd = exec.Command(r.program, r.args...)
	r.cmd.Env = append(os.Environ(), r.env...)
	r.cmd.Stdout, r.cmd.Stderr = out, out
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	logged := func() bool { return strings.Count(r.output(), ready) > before }
	testenv.Eventually(r.t, logged, "%s to log %q; its log:\n%s", r.name, ready, latest{r})
}

// output returns the log of the role since its first start.
func (r *role) output() string {
	b, _ := os.ReadFile(r.log)
	return string(b)
}

// tail returns the last 5,000 bytes of the log.
func (r *role) tail() string {
	s := r.output()
	return s[max(0, len(s)-5000):]
}

// latest is a Stringer. Its String method returns the current end of a role's log.
type latest struct{ r *role }

func (l latest) String() string { return l.r.tail() }

// kill kills the process with SIGKILL.
func (r *role) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// stop sends SIGTERM, and fails the test unless the process exits with status 0. If the process is
// not running, stop does nothing.
func (r *role) stop() {
	if r.cmd == nil || r.cmd.ProcessState != nil {
		return
	}
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("%s: %v\n%s", r.name, err, r.tail())
	}
}
