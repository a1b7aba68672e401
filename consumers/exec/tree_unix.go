//go:build unix

package exec

import (
	"os/exec"
	"syscall"
)

// A processTree is a program with everything it has started.
type processTree struct{ group int }

// startTree starts cmd in a process group of its own. A Ctrl-C does not reach
// it: that is for matchwire, which lets the program finish its event.
func startTree(cmd *exec.Cmd) (*processTree, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &processTree{group: cmd.Process.Pid}, nil
}

// kill ends all processes of the tree.
func (t *processTree) kill() { _ = syscall.Kill(-t.group, syscall.SIGKILL) }

// close releases the tree once its program has ended.
func (t *processTree) close() {}
