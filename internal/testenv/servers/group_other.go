//go:build !unix

package servers

import "os/exec"

// On systems without process groups, stopGroup and killGroup kill the process cmd, but not the
// processes that it has started. freezeGroup kills it too, because such systems have no signals.

func ownGroup(*exec.Cmd)        {}
func stopGroup(cmd *exec.Cmd)   { killGroup(cmd) }
func freezeGroup(cmd *exec.Cmd) { killGroup(cmd) }
func killGroup(cmd *exec.Cmd)   { _ = cmd.Process.Kill() }
