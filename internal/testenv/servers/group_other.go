//go:build !unix

package servers

import "os/exec"

// On systems without process groups, stopGroup and killGroup kill the process cmd, but not the
// processes that it has started.

func ownGroup(*exec.Cmd)      {}
func stopGroup(cmd *exec.Cmd) { killGroup(cmd) }
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
