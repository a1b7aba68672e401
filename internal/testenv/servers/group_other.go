//go:build !unix

package servers

import "os/exec"

// Without process groups only the server's first process is ended.

func ownGroup(*exec.Cmd)      {}
func stopGroup(cmd *exec.Cmd) { killGroup(cmd) }
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
