//go:build unix

package exec

import (
	"os/exec"
	"syscall"
)

// A processTree is a program and all processes that it has started.
type processTree struct{ group int }

// startTree starts cmd in a new process group. Ctrl-C does not reach this group, so the program can
// finish its event while matchwire stops.
func startTree(cmd *exec.Cmd) (*processTree, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &processTree{group: cmd.Process.Pid}, nil
}

// kill kills all processes of the tree.
func (t *processTree) kill() { _ = syscall.Kill(-t.group, syscall.SIGKILL) }

// close does nothing. On Windows, it releases the tree.
func (t *processTree) close() {}
