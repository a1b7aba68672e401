package chaos

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/testenv"
)

// build makes the program, with the race detector if the test has it.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "matchwire")
	args := []string{"build", "-o", program}
	if testenv.Race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "../../cmd/matchwire")...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// A role is a process of the pipeline that can be killed and started again.
type role struct {
	t       *testing.T
	name    string
	program string
	args    []string
	env     []string
	log     string // file

	cmd *exec.Cmd
}

// start runs the role and waits until it has said ready once more.
func (r *role) start(ready string) {
	r.t.Helper()
	before := strings.Count(r.said(), ready)
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
	for end := time.Now().Add(30 * time.Second); strings.Count(r.said(), ready) == before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s did not say %q:\n%s", r.name, ready, r.tail())
		}
	}
}

func (r *role) said() string {
	b, _ := os.ReadFile(r.log)
	return string(b)
}

func (r *role) tail() string {
	s := r.said()
	return s[max(0, len(s)-5000):]
}

// kill is kill -9.
func (r *role) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// stop asks it to end, and it must end well.
func (r *role) stop() {
	if r.cmd == nil || r.cmd.ProcessState != nil {
		return
	}
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("%s: %v\n%s", r.name, err, r.tail())
	}
}
