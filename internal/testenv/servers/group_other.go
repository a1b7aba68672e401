//go:build !unix

package servers

import "os/exec"

// On systems without process groups, these functions end only the first process of a server.

func ownGroup(*exec.Cmd)      {}
func stopGroup(cmd *exec.Cmd) { killGroup(cmd) }
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
