//go:build !unix

package servers

import "os/exec"

// Without process groups, only the first process of a server is killed.

func ownGroup(*exec.Cmd)      {}
func stopGroup(cmd *exec.Cmd) { killGroup(cmd) }
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
